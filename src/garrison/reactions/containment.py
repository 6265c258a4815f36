"""Containment by hand: what an operator does about an incident, each step on record and, where it can be, undone by
`garrison undo`.

Steps are kept as reactions are, so one command lists and takes back both. A record is written before the step is
taken: killed in between, the step can still be undone.

Lets pass: ended sessions and revoked keys stay so; their users log in again, or make new ones.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final, Literal

from ..core.bans import BanBook, Target
from ..core.ports import Detail, Emit, Records
from ..events.vocabulary import EventName
from ..stores.switches import throw, thrown_by
from .reactor import KIND

Kind = Literal["ban", "slow", "revoke", "switch"]
_KEPT: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done. `undo` is the command that takes it back, "" where nothing does; `id` is empty for what
    was only rehearsed."""

    id: str
    kind: Kind
    target: str
    said: str
    undo: str

    @property
    def text(self) -> str:
        """As it is noted and shown."""
        if not self.id:
            return self.said
        return f"{self.said}; undo: {self.undo}" if self.undo else f"{self.said}; this can't be undone"


@dataclass(frozen=True, slots=True)
class Containing:
    """What containment works with, for one incident. `by` is who does it; `now` wall time.

    Every method raises `DependencyError` when the store is away, `shut_out` also `OperatorError` for who must not be
    banned.
    """

    records: Records
    bans: BanBook
    slowed: BanBook
    emit: Emit
    incident: str
    by: str
    now: float

    async def shut_out(self, target: Target, seconds: float, *, force: bool = False) -> Step:
        """Ban `target`. A ban of somebody else's that lasts longer stays as it is, and is not ours to undo."""
        return await self._hold("ban", self.bans, target, seconds, force=force)

    async def slow_down(self, target: Target, seconds: float, *, force: bool = False) -> Step:
        """Give `target` a small rate of its own."""
        return await self._hold("slow", self.slowed, target, seconds, force=force)

    async def switch_off(self, name: str, said: str, seconds: float) -> Step:
        """Throw the switch `name` in every process. One that was thrown before stays, and is not ours to undo."""
        reaction = f"r{secrets.token_hex(6)}"
        await self._record(reaction, "switch", name, seconds, done=False)
        if await throw(self.records, name, reaction, until=self.now + seconds) is None:
            await self.records.delete(KIND, reaction)
            before = await thrown_by(self.records, name)
            return Step(before, "switch", name, f"{said} before", f"garrison undo {before}")
        await self._record(reaction, "switch", name, seconds, done=True)
        return self._tell(Step(reaction, "switch", name, said, f"garrison undo {reaction}"), seconds)

    async def ended(self, target: str, said: str) -> Step:
        """Put on record that something of `target` was ended for good."""
        name = f"r{secrets.token_hex(6)}"
        await self._record(name, "revoke", target, 0.0, done=True)
        return self._tell(Step(name, "revoke", target, said, ""), 0.0)

    def rehearsed(self, kind: Kind, target: str) -> Step:
        """What would be done; nothing is."""
        word = {"ban": "ban", "slow": "slow down", "revoke": "end what there is of", "switch": "switch to"}[kind]
        return Step("", kind, target, f"rehearsed, not done: {word} {target}", "")

    async def _hold(self, kind: Kind, book: BanBook, target: Target, seconds: float, *, force: bool) -> Step:
        name = f"r{secrets.token_hex(6)}"
        await self._record(name, kind, str(target), seconds, done=False)
        mark = f"reaction:{name}"
        held = await book.add(target, reason=f"incident {self.incident}, {self.by}", by=mark, seconds=seconds,
                              force=force)  # fmt: skip
        word = "banned" if kind == "ban" else "slowed down"
        if held.by != mark:
            await self.records.delete(KIND, name)
            lift = "garrison bans lift " + held.id if kind == "ban" else "garrison undo " + held.by.partition(":")[2]
            return Step(held.id, kind, str(target), f"{target} is {word} for longer already", lift)
        await self._record(name, kind, str(target), seconds, done=True)
        return self._tell(Step(name, kind, str(target), f"{word} {target}", f"garrison undo {name}"), seconds)

    async def _record(self, name: str, kind: Kind, target: str, seconds: float, *, done: bool) -> None:
        data: dict[str, Detail] = {
            "kind": kind, "target": target, "rule": f"incident {self.incident}", "alert": "", "since": self.now,
            "until": self.now + seconds, "undone": 0.0, "seconds": seconds, "all": 1, "done": done,
            "incident": self.incident, "by": self.by,
        }  # fmt: skip
        await self.records.put(KIND, name, data, expires=self.now + seconds + _KEPT)

    def _tell(self, step: Step, seconds: float) -> Step:
        self.emit(EventName.REACTION_TAKEN, None, reaction=step.id, kind=step.kind, target=step.target, count=1,
                  seconds=seconds, incident=self.incident, undo=step.undo, by=self.by)  # fmt: skip
        return step
