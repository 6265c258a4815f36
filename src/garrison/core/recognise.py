"""The step between the layers that ask who is asking: it finds out, once, and never takes a failure for "anonymous".

It comes after the limits by address, since it may cost a look into a store, and before whatever goes by the principal.
"""

from __future__ import annotations

from collections.abc import Awaitable

from .exchange import Exchange, Principal
from .facts import Facts
from .verdict import Verdict


def recognise(facts: Facts, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
    """Put the principal into `exchange`. A toll: refuses where a credential was presented and is wrong.

    A resolver is somebody's code. What it raises is raised: the door stays closed.
    """
    resolve = exchange.services.principal
    if resolve is None:
        return None
    found = resolve(facts, exchange)
    if found is None or isinstance(found, Principal):
        exchange.principal = found
        return exchange.refusal
    return _later(found, exchange)


async def _later(pending: Awaitable[Principal | None], exchange: Exchange) -> Verdict:
    exchange.principal = await pending
    return exchange.refusal
