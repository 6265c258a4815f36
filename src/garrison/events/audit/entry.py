"""What is hashed for one event, and what may be forgotten of it later.

Threat: an audit log that can't be changed keeps personal data for ever; one from which it can be erased proves nothing.
How: an entry holds the public fields and a commitment, SHA-256 over a random salt and the personal fields. Those stand
beside it; without the salt, nobody can try out which of all addresses or names a commitment was made of.
Lets pass: what stays after erasure (name, time, route, host, request and trace id) tells that something happened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from ..event import SCHEMA, Event
from ..terms import Outcome, Severity
from ..vocabulary import EventName

SALT: Final = 16
PERSONAL: Final = ("client", "client_key", "principal", "session", "device", "path", "agent", "details")
"""Fields of an event that can be erased."""
PUBLIC: Final = (
    "name", "severity", "outcome", "run", "seq", "node", "pid", "mode", "reason", "layer", "route", "status", "kind",
    "method", "host", "origin", "request_id", "trace_id", "span_id",
)  # fmt: skip
OWN: Final = frozenset(
    {EventName.AUDIT_STARTED, EventName.AUDIT_ERASED, EventName.AUDIT_TRIMMED, EventName.AUDIT_BROKEN}
)
"""Events about the log itself: their details are public, since what they say has to outlast an erasure."""

_MARK: Final = b"garrison audit 1\n"
_COMMIT: Final = b"garrison personal 1\n"


class Row(NamedTuple):
    """One entry as it is stored. `commitment` is empty when the event has no personal fields; erased: `personal` None.

    at      wall time it was written, in microseconds
    leaf    the hash in the Merkle tree; `chain` links it to the entry before
    """

    id: int
    at: int
    public: str
    commitment: bytes
    personal: str | None
    salt: bytes | None
    leaf: bytes
    chain: bytes


def split(event: Event) -> tuple[str, str]:
    """The public and the personal fields of `event` as JSON; the latter is empty when there are none."""
    public: dict[str, Any] = {"schema": SCHEMA, "when": event.when}
    public.update((name, value) for name in PUBLIC if (value := getattr(event, name)))
    personal = {name: value for name in PERSONAL if (value := getattr(event, name))}
    if event.name in OWN:
        public["details"] = personal.pop("details", {})
    return _json(public), _json(personal) if personal else ""


def join(public: str, personal: str | None) -> Event:
    """The event of an entry, as much of it as is left. Raises ValueError."""
    return Event.from_dict({**json.loads(public), **(json.loads(personal) if personal else {})})


def commit(personal: str, salt: bytes) -> bytes:
    """What an entry says about its personal fields."""
    return sha256(_COMMIT + salt + personal.encode("ascii")).digest()


def entry_bytes(id: int, at: int, public: str, commitment: bytes) -> bytes:
    """What the leaf hash is made of. JSON here is ASCII without line feeds, so no two entries have one form."""
    return b"%b%d\n%d\n%b\n%b" % (_MARK, id, at, public.encode("utf-8"), commitment.hex().encode("ascii"))


def link(before: bytes, leaf: bytes) -> bytes:
    """The chain's next value."""
    return sha256(before + leaf).digest()


def system_event(name: EventName, when: float, node: str, **details: str | int) -> Event:
    """An event that the log writes about itself, without passing the bus."""
    return Event(
        when=when, name=name, severity=Severity.NOTICE, outcome=Outcome.NOTED, node=node, details=details
    )  # fmt: skip


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
