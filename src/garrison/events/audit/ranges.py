"""Sets of entry numbers that are mostly neighbours: `12-15,20`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator


class Ranges:
    """Closed ranges, added in any order; `without` compares two."""

    __slots__ = ("_pairs",)

    def __init__(self) -> None:
        self._pairs: list[list[int]] = []

    def add(self, low: int, high: int | None = None) -> None:
        high = low if high is None else high
        if self._pairs and low == self._pairs[-1][1] + 1:
            self._pairs[-1][1] = high
        else:
            self._pairs.append([low, high])

    def add_text(self, text: str) -> None:
        """Add what `texts` wrote. Raises ValueError."""
        for word in filter(None, text.split(",")):
            low, _, high = word.partition("-")
            self.add(int(low), int(high or low))

    def texts(self, limit: int) -> Iterator[tuple[str, int]]:
        """The ranges in texts of at most `limit` characters, each with how many numbers it holds."""
        words: list[str] = []
        length = count = 0
        for low, high in self._pairs:
            word = str(low) if low == high else f"{low}-{high}"
            if words and length + len(word) + 1 > limit:
                yield ",".join(words), count
                words, length, count = [], 0, 0
            words.append(word)
            length += len(word) + 1
            count += high - low + 1
        if words:
            yield ",".join(words), count

    def without(self, other: Ranges) -> Iterator[tuple[int, int]]:
        """What is here and not in `other`."""
        holes = other._merged()
        starts = [low for low, _ in holes]
        for start, high in self._pairs:
            low = start
            at = max(0, bisect_right(starts, low) - 1)
            while low <= high and at < len(holes):
                first, last = holes[at]
                if first > high:
                    break
                if last >= low:
                    if first > low:
                        yield low, first - 1
                    low = last + 1
                at += 1
            if low <= high:
                yield low, high

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter([(low, high) for low, high in self._pairs])

    def __len__(self) -> int:
        return sum(high - low + 1 for low, high in self._pairs)

    def _merged(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for low, high in sorted((low, high) for low, high in self._pairs):
            if found and low <= found[-1][1] + 1:
                found[-1] = (found[-1][0], max(found[-1][1], high))
            else:
                found.append((low, high))
        return found
