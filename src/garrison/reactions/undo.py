"""Undo a reaction: lift what it set, and keep its rule from doing it again for as long as it would have lasted.

Sessions that were ended can't be begun again: undoing that lets their user log in and be left alone by the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..core.bans import BanBook, parse_target
from ..core.errors import OperatorError
from ..core.ports import Emit, Record, Records
from ..detection.rule import Reaction
from ..events.vocabulary import EventName
from ..stores.switches import release
from .plan import pardon_of
from .reactor import KIND, PARDON

_LEAST: Final = 3600.0
_EXACT: Final = 128
_MOST: Final = 10_000


class NoSuchReaction(OperatorError):
    """Nothing was done under that name."""

    def __init__(self, what: str) -> None:
        super().__init__(f"No reaction goes by {what!r}.", remedy="`garrison undo` without an id lists them.")


class NotUndoable(OperatorError):
    """What an operator ended by hand can't be taken back, and no rule is to be kept from doing it again."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The reaction {what} ended sessions or keys, and they can't be begun again.",
            remedy="Those users log in again, or make new keys.",
        )


class AlreadyUndone(OperatorError):
    """It was undone before."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The reaction {what} was undone already.")


@dataclass(frozen=True, slots=True)
class Undoing:
    """What undoing works with."""

    records: Records
    books: Mapping[Reaction, BanBook]
    emit: Emit


async def reactions(records: Records) -> list[Record]:
    """Those on record, the newest first. Raises `DependencyError`."""
    found = await records.find(KIND, "all", 1, limit=_MOST)
    return sorted(found, key=lambda one: -float(one.data["since"] or 0))


async def undo(what: str, hands: Undoing, *, by: str, now: float) -> Record:
    """Take the reaction called `what` back; its record as it was. Raises `NoSuchReaction`, `NotUndoable`,
    `AlreadyUndone` and `DependencyError`; asked again after that, it goes on where it stopped."""
    record = await hands.records.get(KIND, what)
    if record is None:
        raise NoSuchReaction(what)
    data = record.data
    if data["undone"]:
        raise AlreadyUndone(what)
    if data["kind"] == "revoke" and data.get("incident"):
        raise NotUndoable(what)
    kind, target, rule = str(data["kind"]), str(data["target"]), str(data["rule"])
    length = max(_LEAST, float(data["seconds"] or 0))
    await hands.records.put(PARDON, pardon_of(rule, kind, target), {"by": by}, expires=now + length)
    for book in (book for its, book in hands.books.items() if its == kind):
        standing = book.table.bans.get(parse_target(target, _EXACT).id)
        if standing is None or standing.by == f"reaction:{what}":  # somebody's own, longer ban is not ours to lift
            await book.lift(target, by=by)
    if kind == "switch":
        await release(hands.records, target, what)
    await hands.records.put(KIND, what, {**data, "undone": now}, expires=record.expires)
    hands.emit(EventName.REACTION_UNDONE, None, reaction=what, kind=kind, target=target, rule=rule, by=by)
    return record
