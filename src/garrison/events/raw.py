"""What the request path puts into the queue: a small tuple with references to what is already there.

Nothing is formatted, copied or looked up here that the background thread could do later. What a client can make long
is cut, so that a full queue holds megabytes and not the bodies of headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from ..core.facts import Client, Facts, Host
from ..core.ports import Detail

LONGEST_PATH: Final = 1024
LONGEST_AGENT: Final = 256
LONGEST_TRACE: Final = 128
LONGEST_METHOD: Final = 32
LONGEST_DETAIL: Final = 4096
_SMALL: Final = (int, float, bool, type(None))


class Where(NamedTuple):
    """What is kept of `Facts`."""

    client: Client
    host: Host | None
    kind: str
    method: str
    path: str
    route: int
    request_id: str
    agent: bytes
    trace: bytes


class Raw(NamedTuple):
    """One emitted event before it is shaped. Compares by `seq`, which is unique in a run."""

    seq: int
    when: float
    name: str
    where: Where | None
    details: Mapping[str, Detail]


def locate(facts: Facts) -> Where:
    """What to keep of `facts`. A repeated `traceparent` counts as none (W3C Trace Context, section 3.2.2)."""
    headers, method, path = facts.headers, facts.method, facts.path
    agent = headers.get(b"user-agent", b"")
    trace = headers.get(b"traceparent", b"")
    if trace and b"traceparent" in facts.duplicates:
        trace = b""
    return Where(
        facts.client,
        facts.host,
        facts.kind,
        method if len(method) <= LONGEST_METHOD else method[:LONGEST_METHOD],
        path if len(path) <= LONGEST_PATH else path[:LONGEST_PATH],
        facts.route,
        facts.request_id,
        agent if len(agent) <= LONGEST_AGENT else agent[:LONGEST_AGENT],
        trace if len(trace) <= LONGEST_TRACE else trace[:LONGEST_TRACE],
    )


def bound(details: dict[str, Detail]) -> dict[str, Detail]:
    """`details` without anything large or alive: long text is cut (the end of a trace is kept), objects are named."""
    for name, value in details.items():
        if isinstance(value, str):
            if len(value) > LONGEST_DETAIL:
                details[name] = value[-LONGEST_DETAIL:] if name == "trace" else value[:LONGEST_DETAIL]
        elif type(value) not in _SMALL:
            details[name] = f"<{type(value).__name__}>"
    return details
