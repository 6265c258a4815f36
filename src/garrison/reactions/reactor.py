"""The reactor: takes what follows from alerts, once for all nodes, within its budget, and puts every step on record.

Alerts come from the detection thread; stores belong to the application's event loop, so the work is done there. Each
reaction is a record first, written by whoever comes first, so that many nodes that raise one alert do one thing.

A store that does not answer is asked again for some seconds; then the reaction is withheld, and that is told.
Lets pass: without an event loop (an application that was never called) nothing can be done, and an event says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..core.ban_rules import BanRefused, BanRules
from ..core.bans import BanBook
from ..core.errors import DependencyError, OperatorError
from ..core.ports import Detail, Emit, Record, Records
from ..detection.alert import Alert
from ..detection.rule import Reaction
from ..events.vocabulary import EventName
from ..policy.section_reactions import ReactionsSection
from .budget import Budget
from .plan import Want, wanted

KIND: Final = "reaction"
PARDON: Final = "reaction-pardon"
_TRIES: Final = 5
_PAUSE: Final = 1.0
_KEPT: Final = 7 * 86_400.0
_AGAIN: Final = 3600.0
_ABANDONED: Final = 15.0


@dataclass(frozen=True, slots=True)
class Hands:
    """What the reactor acts with.

    books   the list for each kind of reaction that has one: who is banned, slowed down, …
    revoke  ends all sessions of a principal, and says how many there were
    unable  kinds of reaction that this application has no means for, and why
    """

    records: Records
    books: Mapping[Reaction, BanBook]
    revoke: Callable[[str], Awaitable[int]]
    rules: BanRules
    emit: Emit
    wall: Callable[[], float]
    unable: Mapping[Reaction, str] = field(default_factory=dict)


class Reactor:
    """`hear` alerts in any thread. `loop` is the application's, known once it runs."""

    def __init__(self, section: ReactionsSection, hands: Hands, budget: Budget, ipv6_prefix: int) -> None:
        self._section, self._hands, self._budget, self._prefix = section, hands, budget, ipv6_prefix
        self.loop: asyncio.AbstractEventLoop | None = None
        self._spent = float("-inf")

    async def open(self) -> None:
        """Remember the loop, and read who is slowed down, watched, …. Does not raise."""
        self.loop = asyncio.get_running_loop()
        for book in self._hands.books.values():
            book.renew()

    def hear(self, alert: Alert) -> None:
        """Do what follows from `alert`, soon."""
        wants, why = wanted(alert, self._section, self._prefix)
        if why:
            self._withheld(alert, " ".join(alert.rule.react), alert.who, why)
        loop = self.loop
        for want in wants:
            if loop is None or loop.is_closed():
                self._withheld(alert, want.kind, str(want.target), "the application does not run")
            else:
                asyncio.run_coroutine_threadsafe(self.react(want), loop)

    async def react(self, want: Want) -> bool:
        """Take one reaction, or put on record why not; whether it was taken."""
        claimed: list[Record] = []
        for number in range(_TRIES):
            try:
                return await self._react(want, claimed)
            except DependencyError as error:
                why = error.message
            except OperatorError as error:  # the ban list is full
                why = error.message
                break
            if number + 1 < _TRIES:
                await asyncio.sleep(_PAUSE)
        self._withheld(want.alert, want.kind, str(want.target), why)
        return False

    async def _react(self, want: Want, claimed: list[Record]) -> bool:
        """`claimed` keeps, over several tries, that it is ours to do."""
        if not claimed:
            why = await self._objection(want)
            if why:
                self._withheld(want.alert, want.kind, str(want.target), why)
                return False
            record = await self._claim(want)
            if record is None:
                return False  # another node has done it, or is about to
            claimed.append(record)
            if want.kind != "log-more" and not self._budget.take():  # looking closer keeps nobody out
                self._tell_spent(want)
                return False
        record = claimed[0]
        count = await self._act(want)
        await self._hands.records.put(KIND, want.id, {**record.data, "done": True}, expires=record.expires)
        self._hands.emit(
            EventName.REACTION_TAKEN, None, reaction=want.id, kind=want.kind, target=str(want.target), count=count,
            seconds=want.seconds, rule=want.alert.rule.id, alert=want.alert.id, undo=f"garrison undo {want.id}",
        )  # fmt: skip
        return True

    async def _objection(self, want: Want) -> str:
        try:
            self._hands.rules.check(want.target)
        except BanRefused as error:
            return error.message
        if want.kind in self._hands.unable:
            return self._hands.unable[want.kind]
        if self._section.mode == "dry-run":
            return "dry-run"
        pardoned = await self._hands.records.get(PARDON, want.pardon)
        return "an operator has undone it before" if pardoned is not None else ""

    async def _claim(self, want: Want) -> Record | None:
        """The record of this reaction, if it is ours to do: nobody has it, or who had it died before it was done."""
        now = self._hands.wall()
        data: dict[str, Detail] = {
            "kind": want.kind, "target": str(want.target), "rule": want.alert.rule.id, "alert": want.alert.id,
            "since": now, "until": now + want.seconds, "undone": 0.0, "seconds": want.seconds,
            "all": 1, "done": False,
        }  # fmt: skip
        found = await self._hands.records.get(KIND, want.id)
        if found is not None and (found.data["done"] or now - float(found.data["since"] or 0) < _ABANDONED):
            return None
        expires, version = now + want.seconds + _KEPT, found.version if found is not None else 0
        return await self._hands.records.put(KIND, want.id, data, expires=expires, expect=version)

    async def _act(self, want: Want) -> int:
        hands, by = self._hands, f"reaction:{want.id}"
        if want.kind == "revoke":
            return await hands.revoke(want.target.name)
        await hands.books[want.kind].add(want.target, reason=want.alert.rule.title, by=by, seconds=want.seconds)
        return 1

    def _withheld(self, alert: Alert, kind: str, target: str, why: str) -> None:
        self._hands.emit(
            EventName.REACTION_WITHHELD,
            None,
            kind=kind,
            target=target,
            rule=alert.rule.id,
            alert=alert.id,
            why=why,
            drill=alert.drill,
        )

    def _tell_spent(self, want: Want) -> None:
        """Once an hour at `error`, so that somebody is called; each reaction that is not taken is on record."""
        self._withheld(want.alert, want.kind, str(want.target), "the budget of reactions is spent")
        now = self._hands.wall()
        if now - self._spent >= _AGAIN:
            self._spent = now
            self._hands.emit(EventName.REACTIONS_SPENT, None, rule=want.alert.rule.id)
