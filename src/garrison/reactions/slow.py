"""Slow down: a client that was told to gets a small rate of its own, in every process, until its time is over.

The list of who is slowed down is kept and spread like bans. Lets pass: what is refused by an earlier layer is not
counted twice; clients without a key (a trusted proxy's own requests).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import Final

from ..core.bans import BanBook
from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.layer import Layer
from ..core.ports import Counters, Quota, Services, Taken
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.section_reactions import ReactionsSection

NAME: Final = "reactions"
_HINT: Final = "Too many requests from here. Try again later."


def slow_layer(
    section: ReactionsSection, book: BanBook, counters: Counters, services: Services, see: Callable[[str], None]
) -> Layer:
    """The layer. `see` is told the key of every client that comes this far."""
    rate = section.slow_rate
    quota = Quota("slowed", rate.limit, rate.window, rate.burst)
    now = services.clock.monotonic

    def toll(facts: Facts, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
        see(facts.client.key)
        if now() >= book.due:
            book.renew()  # nobody waits for it: a moment of full speed harms nobody
        if facts.operator or book.table.client(facts.client) is None:
            return None
        taken = counters.take([(quota, f"slowed:{facts.client.key}")])
        return _later(taken) if inspect.isawaitable(taken) else _judge(taken)

    return Layer(NAME, toll=toll)


async def _later(taken: Awaitable[Sequence[Taken]]) -> Verdict:
    return _judge(await taken)


def _judge(taken: Sequence[Taken]) -> Refuse | None:
    first = taken[0]
    if first.allowed:
        return None
    return Refuse(Reason.RATE_LIMITED, 429, retry_after=ceil(first.retry_after), layer=NAME, hint=_HINT)
