"""Limits that go on while the shared store is away.

The store's refusals that are known here hold until their time; everybody else is counted in this process's memory, at
limit / processes. So limits get stricter for clients that are spread over processes, never open; what was used up
elsewhere is forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..core.errors import DependencyError
from ..core.ports import Quota, Taken
from .memory import MemoryCounters
from .redis import RedisCounters
from .refusals import Charges


class FallbackCounters:
    """`core.ports.Counters`: `far`, or `near` while `far` does not answer. Never raises `DependencyError`."""

    local = False

    def __init__(self, far: RedisCounters, near: MemoryCounters) -> None:
        self._far = far
        self._near = near

    async def take(self, charges: Charges, cost: int = 1) -> Sequence[Taken]:
        """See `core.ports.Counters`. Raises ValueError for a negative cost."""
        try:
            return await self._far.take(charges, cost)
        except DependencyError:
            known = self._far.refusals.answer(charges, cost, longest=math.inf)
            return known if known is not None else self._near.take(charges, cost)

    async def forget(self, quota: Quota, key: str) -> None:
        """Make `key` whole again, here and as far as the store answers; what it holds ends by itself otherwise."""
        self._near.forget(quota, key)
        try:
            await self._far.forget(quota, key)
        except DependencyError:
            return  # the local count is what holds now; the store's own runs out within the quota's window

    async def give_back(self, charges: Charges, cost: int = 1) -> None:
        """Undo a `take` of `cost` where it was charged."""
        try:
            await self._far.give_back(charges, cost)
        except DependencyError:
            self._near.give_back(charges, cost)
