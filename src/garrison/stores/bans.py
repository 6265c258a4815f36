"""The ban list: kept in `Records`, known to every process within seconds, looked up without asking anybody.

Threat: a ban that one process knows and another does not; a store that is away, so that everybody banned comes back;
a list that grows until it costs more than what it keeps out.

Each ban is a record. Whoever changes one then raises a number that all processes look at: it tells them to read the
list again. A request is judged by a table in memory (`core.ban_table`); one that is more than `OLD` seconds old is
brought up to date before it judges anybody, so a change is seen everywhere within `OLD` seconds. While the store does
not answer the last table holds, and an event says so. The list is also read anew every `REREAD` seconds, whatever the
number says: it may have been lost with a fail-over, or its writer may have died in between.

Assumption: the machines' clocks agree about when a ban ends. Lets pass: a process that starts while the store is away
knows no bans until it is back.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Iterable, Sequence
from typing import Final

from ..core.ban_rules import BanRules
from ..core.ban_table import BanTable
from ..core.bans import Ban, Target, parse_target
from ..core.clock import Clock
from ..core.errors import DependencyError, OperatorError
from ..core.ports import Emit, Records
from .ban_records import KIND, Reader, data_of

FRESH: Final = 1.0
"""Seconds after which the next request has the number looked at, without waiting for it."""
OLD: Final = 4.0
"""Seconds after which the next request waits for that."""
REREAD: Final = 30.0
_TRIES: Final = 8
_REASON, _BY = 500, 100


class BanListFull(OperatorError):
    """There are `most` bans already."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"There are {most} bans, and no more are kept.", remedy="Lift some, ban networks, or raise bans.most."
        )
        self.most = most


class Bans:
    """Implements `core.bans.BanBook` over `records`.

    rules        what may be banned
    most         bans kept at once
    ipv6_prefix  bits of an IPv6 client's key
    kind         under which name the records are kept
    shared       whether other processes can change the records; without, the table is always up to date
    """

    def __init__(
        self,
        records: Records,
        clock: Clock,
        emit: Emit,
        rules: BanRules,
        *,
        most: int,
        ipv6_prefix: int,
        shared: bool,
        kind: str = KIND,
    ) -> None:
        self.rules = rules
        self._records, self._clock, self._emit = records, clock, emit
        self._most, self._prefix, self._shared = most, ipv6_prefix, shared
        self._kind, self._state = kind, (f"{kind}-state", "changes")
        self._reader = Reader(records, most, kind)
        self._take_over(())
        self.due = -math.inf if shared else math.inf
        self._seen = self._read = -math.inf
        self._changes = -1
        self._own_changes = False
        self._away = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def renew(self) -> Awaitable[None] | None:
        """See `core.bans.BanBook`. Outside an event loop nothing can be done, and the table stays."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return None
        now = self._clock.monotonic()
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._renew())
        if self._away or now - self._seen <= OLD:
            self.due = now + FRESH
            return None
        return asyncio.shield(self._task)

    async def open(self) -> None:
        """Read the list before the first request. Does not raise."""
        await self._renew()

    async def refresh(self) -> None:
        """Read what has changed, now. Raises `DependencyError`."""
        now = self._clock.monotonic()
        state = await self._records.get(*self._state)
        changes = state.version if state is not None else 0
        if changes != self._changes or now - self._read >= REREAD:
            before = self.table
            found, different = await self._reader.read()
            if self.table is before:  # else somebody here changed it meanwhile, and it is read again the next time
                if different or self._own_changes:
                    self._take_over(found)
                self._own_changes = False
                self._changes, self._read = changes, now
        self._seen, self.due = now, now + FRESH if self._shared else math.inf

    async def add(
        self, target: Target, *, reason: str, by: str, seconds: float | None = None, force: bool = False
    ) -> Ban:
        """Ban `target` for `seconds`, or until the ban is lifted; the ban in force is returned.

        A ban that stands and lasts longer stays as it is. Raises `BanRefused`, `BanListFull`, `DependencyError`.
        """
        self.rules.check(target, force=force)
        now = self._clock.wall()
        ban = Ban(target, now, None if seconds is None else now + seconds, reason[:_REASON], by[:_BY])
        written = await self._write(ban, len(self.table))
        if written is ban:
            self._take_over({**self.table.bans, ban.id: ban}.values())
            self._tell("ban_set", ban, by=ban.by)
            await self._tell_the_others()
        return written

    async def add_all(self, bans: Sequence[Ban], *, batch: str, by: str) -> int:
        """Write bans whose targets have been checked, under the name `batch`; how many are new or longer now.

        Raises `BanListFull` before anything is written, and `DependencyError` when the store goes away in between:
        what was written by then stands, and can be lifted by the batch's name.
        """
        await self.refresh()
        if len({*self.table.bans, *(ban.id for ban in bans)}) > self._most:
            raise BanListFull(self._most)
        written: dict[str, Ban] = {}
        try:
            for ban in bans:
                if await self._write(ban, 0) is ban:
                    written[ban.id] = ban
        finally:
            if written:
                self._take_over({**self.table.bans, **written}.values())
                self._emit("ban_set", None, kind="list", count=len(written), batch=batch, by=by)
                await self._tell_the_others()
        return len(written)

    async def lift(self, what: str, *, by: str) -> Sequence[Ban]:
        """Lift the bans that `what` names: a ban's id, a batch, or a target. Raises `BadTarget`, `DependencyError`."""
        await self.refresh()
        lifted: list[Ban] = []
        try:
            for ban in self.named(what.strip()):
                if await self._records.delete(self._kind, ban.id):
                    lifted.append(ban)  # noqa: PERF401  # what was lifted before a failure must be known
        finally:
            if lifted:
                gone = {ban.id for ban in lifted}
                self._take_over(ban for ban in self.table.bans.values() if ban.id not in gone)
                for ban in lifted:
                    self._tell("ban_lifted", ban, by=by)
                await self._tell_the_others()
        return lifted

    def named(self, what: str) -> list[Ban]:
        """The bans that `what` names, as `lift` takes it, among those that are known here. Raises `BadTarget`."""
        bans = self.table.bans
        if what in bans:
            return [bans[what]]
        of_batch = [ban for ban in bans.values() if ban.batch and ban.batch == what]
        if of_batch:
            return of_batch
        ban = bans.get(parse_target(what, self._prefix).id)
        return [ban] if ban is not None else []

    async def _write(self, ban: Ban, held: int) -> Ban:
        """The ban in force: `ban`, written, or one that stands and lasts longer."""
        for _ in range(_TRIES):
            standing, version = await self._reader.one(ban.id)
            if standing is not None and not ban.outlasts(standing):
                return standing
            if standing is None and held >= self._most:
                raise BanListFull(self._most)
            if await self._records.put(self._kind, ban.id, data_of(ban), expires=ban.until, expect=version) is not None:
                return ban
        raise DependencyError("The ban could not be written: somebody writes it all the time.")

    async def _renew(self) -> None:
        try:
            await self.refresh()
        except DependencyError as error:
            self.due = self._clock.monotonic() + FRESH
            if not self._away:
                self._away = True
                self._emit("service_degraded", None, service="bans", error=str(error))
            if self._timer is None:  # a process that nobody asks anything must know that the store is back, too
                self._timer = asyncio.get_running_loop().call_later(FRESH, self._again)
            return
        if self._away:
            self._away = False
            self._emit("service_recovered", None, service="bans")

    def _again(self) -> None:
        self._timer = None
        if self._away:
            self.renew()

    def _take_over(self, bans: Iterable[Ban]) -> None:
        now = self._clock.wall()
        kept = [ban for ban in bans if ban.until is None or ban.until > now]
        self.table = BanTable(kept, self._clock.wall, self._prefix)

    async def _tell_the_others(self) -> None:
        self._own_changes = True
        if self._shared:
            await self._records.put(*self._state, {})

    def _tell(self, event: str, ban: Ban, *, by: str) -> None:
        self._emit(
            event, None, ban=ban.id, kind=ban.target.kind, target=str(ban.target), why=ban.reason, by=by,
            until=ban.until, batch=ban.batch,
        )  # fmt: skip
