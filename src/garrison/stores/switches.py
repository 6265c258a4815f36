"""The operator's switches that need no restart: closed route classes and read-only mode, for every process on a store.

Threat: an incident in which one feature must stop at once, on every machine. Each switch is a record with an end; every
process looks at them again after `FRESH` seconds, when a request comes, and lets no request be judged by what it has
read more than `OLD` seconds ago. While the store does not answer, what was read last holds.

Assumption: only an operator's command writes these records: nothing that a client does throws a switch. Lets pass: a
process that starts while the store is away knows no switch until it is back.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final

from ..core.errors import DependencyError
from ..core.ports import Record, Records

KIND: Final = "switch"
READ_ONLY: Final = "read-only"
ROUTE: Final = "route:"
FRESH: Final = 1.0
OLD: Final = 4.0
_MOST: Final = 200


class Switches:
    """What is switched off now, as this process knows it.

    on    names of the switches in force: `READ_ONLY`, or `ROUTE` and the name of a route class
    due   monotonic time from which `renew` is to be asked
    """

    def __init__(self, records: Records, now: Callable[[], float]) -> None:
        self._records, self._now = records, now
        self.on: frozenset[str] = frozenset()
        self.due = self._read = -math.inf
        self._away = False
        self._task: asyncio.Task[None] | None = None

    def renew(self) -> Awaitable[None] | None:
        """Begin to read them anew; what to wait for where what is known is too old to judge by. Does not raise."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # a self-test at the start
            return None
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self.open())
        if self._away or self._now() - self._read <= OLD:
            self.due = self._now() + FRESH
            return None
        return asyncio.shield(self._task)

    async def open(self) -> None:
        """Read them now. Does not raise: while the store is away, what is known holds."""
        try:
            found = await self._records.find(KIND, "all", 1, limit=_MOST)
        except DependencyError:
            self._away = True
        else:
            self.on = frozenset(record.id for record in found)
            self._read, self._away = self._now(), False
        self.due = self._now() + FRESH


async def throw(records: Records, name: str, reaction: str, *, until: float) -> Record | None:
    """Throw the switch `name` until then (wall time), for `reaction`; None when it was thrown before. Raises
    `DependencyError`."""
    return await records.put(KIND, name, {"all": 1, "reaction": reaction}, expires=until, expect=0)


async def thrown_by(records: Records, name: str) -> str:
    """The reaction that threw the switch `name`; "" when it is not thrown. Raises `DependencyError`."""
    record = await records.get(KIND, name)
    return str(record.data["reaction"]) if record else ""


async def release(records: Records, name: str, reaction: str) -> bool:
    """Put the switch `name` back, if `reaction` threw it. Raises `DependencyError`."""
    return await thrown_by(records, name) == reaction and await records.delete(KIND, name)
