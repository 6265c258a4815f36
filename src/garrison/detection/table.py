"""What is remembered about keys, bounded over all rules together.

Threat: a flood from a million addresses, each of which a rule would have to remember. At the bound the rule that
remembers most forgets what it has not heard of for longest, so a flood displaces its own traces first.
Lets pass: within such a flood, somebody slow under the same rule.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Budget:
    """Entries of all tables together: at most `most`. `forgotten` counts what had to go."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0
        self.forgotten = 0
        self.tables: list[Table[object]] = []

    def make_room(self) -> None:
        """Let the largest table forget its oldest entry."""
        max(self.tables, key=len).forget_oldest()
        self.forgotten += 1


class Table(Generic[T]):
    """Entries by key, those heard of last at the end."""

    __slots__ = ("_budget", "_entries")

    def __init__(self, budget: Budget) -> None:
        self._entries: OrderedDict[str, T] = OrderedDict()
        self._budget = budget
        budget.tables.append(self)  # type: ignore[arg-type]  # the budget never looks into entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> T | None:
        return self._entries.get(key)

    def put(self, key: str, entry: T) -> None:
        entries = self._entries
        if key in entries:
            entries[key] = entry
            entries.move_to_end(key)
            return
        if self._budget.used >= self._budget.most:
            self._budget.make_room()
        entries[key] = entry
        self._budget.used += 1

    def pop(self, key: str) -> T | None:
        found = self._entries.pop(key, None)
        if found is not None:
            self._budget.used -= 1
        return found

    def forget_oldest(self) -> None:
        self._entries.popitem(last=False)
        self._budget.used -= 1

    def oldest(self) -> Iterator[tuple[str, T]]:
        """Entries from the oldest on; what is taken out meanwhile is no trouble."""
        while self._entries:
            key = next(iter(self._entries))
            yield key, self._entries[key]
