"""Events counted: by the values of a field, and over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import floor
from typing import Final

from .event import Event

MOST: Final = 5000
"""Values counted apart; further ones are counted together, so that no client can make the table grow without end."""
OTHER: Final = "(other)"


@dataclass(slots=True)
class Tally:
    """Counts of events: `values` by `by`, `buckets` by the start of each stretch of `width` seconds."""

    by: str
    width: float
    total: int = 0
    values: Counter[str] = field(default_factory=Counter)
    buckets: Counter[float] = field(default_factory=Counter)
    grave: Counter[float] = field(default_factory=Counter)

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            self.total += 1
            value = str(getattr(event, self.by)) or "-"
            self.values[value if value in self.values or len(self.values) < MOST else OTHER] += 1
            start = floor(event.when / self.width) * self.width
            self.buckets[start] += 1
            if event.severity.syslog <= 3:
                self.grave[start] += 1

    def forget(self, before: float) -> None:
        """Drop buckets that ended before wall time `before`."""
        for start in [start for start in self.buckets if start + self.width <= before]:
            del self.buckets[start]
            self.grave.pop(start, None)
