"""What the request path puts into the queue: a small tuple with references to what is already there.

Nothing is formatted, copied or looked up here that the background thread could do later. What a client can make long
is cut, so that a full queue holds megabytes and not the bodies of headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from ..core.facts import Client, Facts, Host
from ..core.ports import Detail
from ..core.verdict import Mode, Reason
from .terms import Outcome, Severity

LONGEST_PATH: Final = 1024
LONGEST_AGENT: Final = 256
LONGEST_TRACE: Final = 128
LONGEST_METHOD: Final = 32
LONGEST_SITE: Final = 16
LONGEST_DETAIL: Final = 4096

Where: TypeAlias = tuple[Client, Host | None, str, str, str, int, str, bytes, bytes, bytes, bool, str]
"""What is kept of `Facts`: client, host, kind, method, path, route, request_id, User-Agent, traceparent,
Sec-Fetch-Site, whether it came over TLS, the drill it is part of."""

Raw: TypeAlias = tuple[int, float, str, Where | None, Mapping[str, Detail]]
"""One emitted event before it is shaped: its number (unique in a run), wall time, name, where, details.

Plain tuples: a named one costs a third of what `emit` may cost.
"""

_SECURE: Final = frozenset({"https", "wss"})
_PLAIN: Final = frozenset({int, float, bool, type(None), Reason, Mode, Outcome, Severity})


def locate(facts: Facts) -> Where:
    """What to keep of `facts`. A repeated `traceparent` counts as none (W3C Trace Context, section 3.2.2)."""
    get, method, path = facts.headers.get, facts.method, facts.path
    agent = get(b"user-agent", b"")
    trace = get(b"traceparent", b"")
    site = get(b"sec-fetch-site", b"")
    if trace and b"traceparent" in facts.duplicates:
        trace = b""
    return (
        facts.client,
        facts.host,
        facts.kind,
        method if len(method) <= LONGEST_METHOD else method[:LONGEST_METHOD],
        path if len(path) <= LONGEST_PATH else path[:LONGEST_PATH],
        facts.route,
        facts.request_id,
        agent if len(agent) <= LONGEST_AGENT else agent[:LONGEST_AGENT],
        trace if len(trace) <= LONGEST_TRACE else trace[:LONGEST_TRACE],
        site if len(site) <= LONGEST_SITE else site[:LONGEST_SITE],
        facts.scheme in _SECURE,
        facts.drill,
    )


def bound(details: dict[str, Detail]) -> dict[str, Detail]:
    """`details` without anything large or alive: long text is cut (the end of a trace is kept), objects are named."""
    for value in details.values():
        kind = type(value)
        if (kind is not str or len(value) > LONGEST_DETAIL) and kind not in _PLAIN:  # type: ignore[arg-type]  # is str
            return {name: _bounded(name, value) for name, value in details.items()}
    return details


def _bounded(name: str, value: Detail) -> Detail:
    if isinstance(value, str):
        return value[-LONGEST_DETAIL:] if name == "trace" else value[:LONGEST_DETAIL]
    return value if type(value) in _PLAIN else f"<{type(value).__name__}>"
