"""Walk the steps of a stack and come back with the first verdict that stands.

Enforce or monitor is decided here and nowhere else. A layer that raises is a closed door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import TypeAlias

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.stack import Step
from ..core.verdict import Answer, Mode, Refuse, Verdict
from . import record
from .body import expect
from .door import Door

Stands: TypeAlias = Refuse | Answer | None


def let_in(door: Door, facts: Facts, exchange: Exchange) -> Stands | Awaitable[Stands]:
    """The verdict of all that is asked before the body; None when the request may go on.

    Neither this nor what it returns raises. It comes at once as long as stores answer at once: a coroutine for each
    request would cost more than most layers.
    """
    stack = door.stack
    steps = stack.gates.get(facts.method, stack.gate) if facts.kind == "http" else stack.gate
    unless = steps.unless
    walk = steps.plain if not unless or facts.headers.keys().isdisjoint(unless) else steps.whole
    ask = walk.ask
    try:
        said = ask(facts, exchange)
    except Exception as error:  # noqa: BLE001  # whatever broke the guard, the door stays closed
        return record.failed(exchange.services.emit, facts, steps[walk.broken_at(error)][0], error, door.name)
    if said is None:
        return None
    place, verdict = said
    return _weigh(verdict, steps[place], iter(steps.steps[place + 1 :]), door, facts, exchange)


async def settled(verdict: Stands | Awaitable[Stands]) -> Stands:
    """`verdict`, waited for where it is late."""
    return verdict if verdict is None or isinstance(verdict, (Refuse, Answer)) else await verdict


def _weigh(
    verdict: Verdict | Awaitable[Verdict],
    step: Step,
    rest: Iterator[Step],
    door: Door,
    facts: Facts,
    exchange: Exchange,
) -> Stands | Awaitable[Stands]:
    """What comes of a verdict that `step` gave: it stands, it is waited for, or the `rest` is asked."""
    layer, mode, _, _ = step
    if verdict is not None:
        if not isinstance(verdict, (Refuse, Answer)):
            return _weigh_later(verdict, step, rest, door, facts, exchange)
        if mode is Mode.ENFORCE or isinstance(verdict, Answer):
            return verdict
        record.refused(exchange.services.emit, facts, verdict, mode, door.name, exchange)
    for step in rest:
        layer, _, decide, toll = step
        try:
            if decide is not None:
                verdict = decide(facts)
            elif toll is not None:
                verdict = toll(facts, exchange)
        except Exception as error:  # noqa: BLE001  # as in `let_in`
            return record.failed(exchange.services.emit, facts, layer, error, door.name)
        if verdict is not None:
            return _weigh(verdict, step, rest, door, facts, exchange)
    return None


async def _weigh_later(
    pending: Awaitable[Verdict], step: Step, rest: Iterator[Step], door: Door, facts: Facts, exchange: Exchange
) -> Stands:
    """Wait for the answer of a remote store, then go on."""
    try:
        verdict = await pending
        expect(verdict, Refuse, Answer, type(None))
    except Exception as error:  # noqa: BLE001  # as in `let_in`
        return record.failed(exchange.services.emit, facts, step[0], error, door.name)
    return await settled(_weigh(verdict, step, rest, door, facts, exchange))


def let_go(door: Door, exchange: Exchange) -> None:
    """Tell every layer that asked for it that this request or connection is over. Never raises."""
    for layer, release in door.stack.releases:
        try:
            release(exchange)
        except Exception as error:  # noqa: BLE001  # it is answered already: what is left is to say so, and go on
            record.failed(exchange.services.emit, exchange.facts, layer, error, door.name)
