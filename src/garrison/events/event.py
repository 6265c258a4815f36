"""One event: what happened, to whom, where, and what came of it. Everything in it is safe to write.

`SCHEMA` is the version of `to_dict()`: fields may be added under the same version; a changed meaning raises it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from ..core.ports import Detail
from .terms import Category, Outcome, Severity
from .vocabulary import TERMS, EventName

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """See the module. Text fields are redacted, of bounded length and printable; empty where nothing is known.

    when        wall time, seconds
    run, seq    the process run that wrote it and its number there, from 1: a gap means a lost event
    node, pid   the machine (or what the operator calls it) and the process
    name        the event; `severity` and `outcome` are its usual ones unless the emitter knew better
    mode        "enforce" or "monitor" for what a layer decided
    client      the client's address; `client_key` is what limits and bans use (an IPv6 network, for example)
    principal   the verified identity, mail addresses masked; `session` and `device` short hashes of the session's id
                and of the id in a trusted device's cookie
    kind        "http" or "websocket"; method, host, path (never the query) and agent (User-Agent) as sent
    origin      who made the client send it: "direct", "same-origin", "cross-site", "unclear" (`origin.py`)
    layer, route, reason, status   which defence, on which route class, why, and the answer's HTTP status (0: none)
    trace_id, span_id   W3C Trace Context, as the client claims
    details     further plain values
    """

    when: float
    name: EventName
    severity: Severity
    outcome: Outcome
    run: str = ""
    seq: int = 0
    node: str = ""
    pid: int = 0
    mode: str = ""
    reason: str = ""
    layer: str = ""
    route: str = ""
    status: int = 0
    client: str = ""
    client_key: str = ""
    principal: str = ""
    session: str = ""
    device: str = ""
    kind: str = ""
    method: str = ""
    host: str = ""
    path: str = ""
    agent: str = ""
    origin: str = ""
    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    details: Mapping[str, Detail] = field(default_factory=dict)
    _json: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def category(self) -> Category:
        return TERMS[self.name].category

    @property
    def relevant(self) -> bool:
        """Whether it stands when others are dropped (`Term.relevant`)."""
        return TERMS[self.name].relevant

    @property
    def drill(self) -> str:
        """The id of the drill it is part of; "" for what is meant in earnest. Shaping sees to it that it is true."""
        return str(self.details.get("drill", ""))

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        return TERMS[self.name].sentence

    @property
    def time(self) -> str:
        """`when` in ISO 8601 with offset (UTC), to the microsecond."""
        return datetime.fromtimestamp(self.when, UTC).isoformat(timespec="microseconds")

    def to_dict(self) -> dict[str, Any]:
        """All fields, always the same keys in the same order, ready for JSON."""
        return {
            "schema": SCHEMA,
            "time": self.time,
            "when": self.when,
            "name": self.name.value,
            "category": self.category.value,
            "severity": self.severity.value,
            "outcome": self.outcome.value,
            **{name: getattr(self, name) for name in _PLAIN},
            "details": dict(self.details),
        }

    def to_json(self) -> str:
        """`to_dict()` as ASCII JSON on one line, made once however many writers ask."""
        if not self._json:
            self._json.append(json.dumps(self.to_dict(), ensure_ascii=True, allow_nan=False, separators=(",", ":")))
        return self._json[0]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Event:
        """The event a `to_dict()` was made of; unknown keys (of a later version) are left out.

        Raises ValueError for what is no event.
        """
        try:
            plain: dict[str, Any] = {name: make(data.get(name, make())) for name, make in _PLAIN.items()}
            return cls(
                when=float(data["when"]),
                name=EventName(data["name"]) if data["name"] in TERMS else EventName.EVENT_UNKNOWN,
                severity=Severity(data["severity"]),
                outcome=Outcome(data["outcome"]),
                details=dict(data.get("details") or {}),
                **plain,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not an event: {type(error).__name__}") from error


_PLAIN: Final[Mapping[str, type[str] | type[int]]] = {
    "run": str, "seq": int, "node": str, "pid": int, "mode": str, "reason": str, "layer": str, "route": str,
    "status": int, "client": str, "client_key": str, "principal": str, "session": str, "device": str, "kind": str,
    "method": str, "host": str, "path": str, "agent": str, "origin": str, "request_id": str, "trace_id": str,
    "span_id": str,
}  # fmt: skip
