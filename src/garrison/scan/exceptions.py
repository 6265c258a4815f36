"""Whether an exception holds for a finding: still valid, of the right place, and approved where that is needed.

Threat: the exception that one person gives himself, for ever. So it has a last day, is told before and after it, and
from a severity on somebody else has to agree. Lets pass: the name of somebody who was never asked; let more than one
own the file (`docs/guidelines/review.md`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from typing import Final

from ..findings.record import Location
from ..findings.severity import Severity
from ..policy.section_suppressions import SuppressionTable

SOON: Final = timedelta(days=14)


class Why(Enum):
    """What is wrong about an exception."""

    ENDED = "ended"
    UNUSED = "fits nothing"
    UNAPPROVED = "not approved"
    SOON = "ends soon"


@dataclass(slots=True)
class Exceptional:
    """The exceptions of a project on one day. Remembers which of them fitted something, so that the others are told."""

    tables: Sequence[SuppressionTable]
    today: date
    approval_from: Severity = Severity.HIGH
    _used: set[int] = field(default_factory=set)
    _unapproved: set[int] = field(default_factory=set)

    def hides(self, ids: frozenset[str], where: Location | None, severity: Severity) -> bool:
        """Whether a finding of the rules `ids` is held back."""
        hits = [number for number, table in enumerate(self.tables) if table.id in ids and _fits(table, where)]
        self._used.update(hits)
        valid = [number for number in hits if self.tables[number].until >= self.today]
        if severity < self.approval_from:
            return bool(valid)
        self._unapproved.update(number for number in valid if not self.tables[number].approved_by.strip())
        return any(self.tables[number].approved_by.strip() for number in valid)

    def wrong(self, looked: Callable[[str], bool] = lambda rule: True) -> Iterator[tuple[int, Why, str]]:
        """Number, kind and a sentence for each exception that is not as it should be. Ask after `hides`.

        `looked`: whether all that a rule finds was looked for; otherwise that it found nothing says nothing.
        """
        for number, table in enumerate(self.tables):
            whose = f" (owner: {table.owner})" if table.owner else ""
            what = f"{table.id} at {table.where}"
            if number not in self._used and looked(table.id):
                yield number, Why.UNUSED, f"{what} fits no finding{whose}."
            elif table.until < self.today:
                yield number, Why.ENDED, f"{what} ended on {table.until}{whose}."
            elif table.until < self.today + SOON:
                yield number, Why.SOON, f"{what} ends on {table.until}{whose}."
            if number in self._unapproved:
                yield number, Why.UNAPPROVED, f"{what} is not approved by anybody{whose}."


def _fits(table: SuppressionTable, where: Location | None) -> bool:
    if where is None:
        return False
    fits = re.compile(".*".join(map(re.escape, table.where.split("*"))), re.DOTALL)
    return any(fits.fullmatch(text) for text in (where.key, where.path) if text)
