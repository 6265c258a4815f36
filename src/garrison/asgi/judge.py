"""Walk the steps of a stack and come back with the first verdict that stands.

Enforce or monitor is decided here and nowhere else. A layer that raises is a closed door.
"""

from __future__ import annotations

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.stack import Step
from ..core.verdict import Answer, Mode, Refuse
from . import record
from .door import Door

Stands = Refuse | Answer | None


async def judge(door: Door, steps: tuple[Step, ...], facts: Facts, exchange: Exchange) -> Stands:
    """The verdict of `steps`, or None when the request may go on. Never raises."""
    layer = ""
    try:
        for layer, mode, decide, toll in steps:  # noqa: B007  # `layer` names the culprit below
            if decide is not None:
                verdict = decide(facts)
            elif toll is not None:
                answer = toll(facts, exchange)
                if answer is None or isinstance(answer, (Refuse, Answer)):
                    verdict = answer
                else:
                    verdict = await answer
            if verdict is None:
                continue
            if mode is Mode.ENFORCE or isinstance(verdict, Answer):
                return verdict
            record.refused(exchange.services.emit, facts, verdict, mode, door.name)
    except Exception as error:  # noqa: BLE001  # whatever broke the guard, the door stays closed
        return record.failed(exchange.services.emit, facts, layer, error, door.name)
    return None


async def resolve_principal(door: Door, facts: Facts, exchange: Exchange) -> Stands:
    """Resolve who is asking, once. When it can't be told the request is refused, never taken for anonymous."""
    resolve = exchange.services.principal
    if resolve is None:
        return None
    try:
        exchange.principal = await resolve(facts, exchange)
    except Exception as error:  # noqa: BLE001  # a resolver is somebody's code: its failure must not let anybody in
        return record.failed(exchange.services.emit, facts, "principal", error, door.name)
    return None
