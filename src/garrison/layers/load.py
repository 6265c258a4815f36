"""Load: how much at once, from one client and altogether.

Threat: one client holds so many requests or connections open, or all clients together ask for so much, that nobody is
served in time (OWASP API Security 2023, API4; CWE-770). Rate limits do not see it: few requests can be slow ones.

Per client, requests in progress and WebSocket connections are counted, each on its own; one too many is 429. For the
whole process an adaptive limit holds (`core.capacity`); what finds no room is 503 with Retry-After. Who keeps
to a fair share finds room; of what goes beyond, reads of strangers go first, then their writes, then reads and writes
of those with a session. Requests of a health class
always pass and are not counted, nor are the operator's (`operator.listen`). `weight` makes a route count for more.

Assumption: `facts.client.key` is not chosen by the client. Whether there is a session is judged by its signature, and a
pre-session, which anybody gets with a form, is none; who has only a Bearer token is a stranger here, because to verify
one costs more than to turn a request away.

Lets pass: many addresses with few requests each, up to the process' limit; clients without a key. Counts are those of
one process. An overload outside the process (a slow database) shows as requests in progress and meets `load.most`, not
as delay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..core.capacity import Capacity, Trust
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.headers import Edit
from ..core.layer import Layer
from ..core.names import SAFE_METHODS
from ..core.ports import Services
from ..core.verdict import Mode, Reason, Refuse, Verdict
from ..policy.model import LoadSection, Policy

NAME = "load"
_WAITING: Final = 1
_HELD: Final = 2
_TOO_MANY = Refuse(
    Reason.CONCURRENCY_LIMITED,
    429,
    retry_after=1,
    layer=NAME,
    hint="Too many requests at once. Wait until some are answered.",
)


class CapacityMissing(RuntimeError):
    """Load is to be limited where no capacity is wired: a mistake in the wiring, found at start."""

    def __init__(self) -> None:
        super().__init__("no capacity is wired, so load can't be limited")


def compile(policy: Policy, services: Services) -> Layer:
    """429 for a client with too much in progress, 503 for what finds no room. Raises `CapacityMissing`."""
    section = policy.load
    if section.mode is Mode.OFF or section.weight == 0 or (policy.route is not None and policy.route.health):
        return Layer(NAME, mode=section.mode)
    capacity = services.capacity
    if capacity is None:
        raise CapacityMissing
    return Layer(
        NAME,
        toll=_toll(capacity, section, services),
        amend=_answered(capacity, section.weight),
        release=_release(capacity, section.weight),
        mode=section.mode,
    )


def _toll(capacity: Capacity, section: LoadSection, services: Services) -> Callable[[Facts, Exchange], Verdict]:
    weight, most_requests, most_sockets = section.weight, section.requests, section.websockets
    requests, sockets = capacity.requests, capacity.sockets
    turn_away = _turning_away(capacity, weight, services)

    def toll(facts: Facts, exchange: Exchange) -> Verdict:
        if facts.operator:
            return None
        key = facts.client.key
        if facts.kind == "http":
            counts, most, stage = requests, most_requests, _WAITING
        else:
            counts, most, stage = sockets, most_sockets, _HELD
        held = counts.get(key, 0) + weight
        if held > most and key:
            return _TOO_MANY
        if capacity.active + weight > capacity.roomy and (refusal := turn_away(facts)) is not None:
            return refusal
        counts[key] = held
        exchange.load = stage
        if stage == _WAITING:
            capacity.active += weight
            if not capacity.awake:
                capacity.wake()
        return None

    return toll


def _turning_away(capacity: Capacity, weight: int, services: Services) -> Callable[[Facts], Refuse | None]:
    def turn_away(facts: Facts) -> Refuse | None:
        capacity.wake()  # who ticked may be gone: nobody is turned away by a count that nothing brings down
        if capacity.busy + weight <= capacity.roomy:
            return None
        trust, client = _trust(facts, services), facts.client.key
        if (client and capacity.fair(client, weight, trust)) or capacity.fits(weight, trust):
            return None
        return Refuse(
            Reason.OVERLOADED,
            503,
            retry_after=capacity.wait,
            layer=NAME,
            detail=f"{trust.name.lower()}: {capacity.active} of {capacity.limit:.0f} in progress",
            hint="The service has more to do than it can at the moment. Try again shortly.",
        )

    return turn_away


def _trust(facts: Facts, services: Services) -> Trust:
    reads = facts.method in SAFE_METHODS and facts.kind == "http"
    if services.has_session(facts):
        return Trust.KNOWN_READS if reads else Trust.KNOWN_WRITES
    return Trust.READS if reads else Trust.WRITES


def _answered(capacity: Capacity, weight: int) -> Callable[[Exchange, Edit], None]:
    def amend(exchange: Exchange, edit: Edit) -> None:
        if exchange.load == _WAITING:
            exchange.load = _HELD
            capacity.leave(weight)

    return amend


def _release(capacity: Capacity, weight: int) -> Callable[[Exchange], None]:
    requests, sockets = capacity.requests, capacity.sockets

    def release(exchange: Exchange) -> None:
        stage = exchange.load
        if not stage:
            return
        exchange.load = 0
        facts = exchange.facts
        counts = requests if facts.kind == "http" else sockets
        key = facts.client.key
        left = counts[key] - weight
        if left > 0:
            counts[key] = left
        else:
            del counts[key]
        if stage == _WAITING:
            capacity.leave(weight)

    return release
