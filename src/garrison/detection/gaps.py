"""Numbers that should follow each other and do not: what was lost or taken out between a writer and a reader.

Threat: somebody removes the entries about them from a stream or a file (ATT&CK T1070), or a reader is too slow and the
stream forgets what it has not seen. Writers number what they write; who reads looks for what is missing. A number may
come late, since threads race and batches are sent again: a hole is told when `PATIENCE` is over.

Lets pass: what is missing before the first and after the last number that was seen (the audit log's checkpoints tell of
that); a whole writer that nobody ever heard of.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

PATIENCE: Final = 10.0
"""Seconds that a late number has to come."""
_WRITERS: Final = 2000
_HOLES: Final = 200


class Gap(NamedTuple):
    """`missing` numbers of `writer`, between `first` and `last`."""

    writer: str
    first: int
    last: int
    missing: int


class _Writer:
    __slots__ = ("holes", "lost", "next")

    def __init__(self, number: int) -> None:
        self.next = number + 1
        self.holes: OrderedDict[tuple[int, int], float] = OrderedDict()
        self.lost: tuple[int, int, int] | None = None

    def give_up(self, hole: tuple[int, int]) -> None:
        """No longer wait for what is missing there: it adds to what is told next (first, last, how many)."""
        del self.holes[hole]
        first, last, missing = self.lost or (*hole, 0)
        self.lost = min(first, hole[0]), max(last, hole[1]), missing + hole[1] - hole[0] + 1


class Gaps:
    """`see` every number in the order in which they come; `due` gives what stayed away. Bounded; for one thread.

    One gap of each writer at a time, and not more often than every `PATIENCE` seconds: a flood that has events dropped
    is not to be answered with a flood of reports.
    """

    def __init__(self) -> None:
        self._writers: OrderedDict[str, _Writer] = OrderedDict()
        self._told = float("-inf")

    def see(self, writer: str, number: int, now: float) -> None:
        """`number` of `writer` has come, at `now` (any clock, the same in `due`)."""
        known = self._writers.get(writer)
        if known is None:
            self._writers[writer] = _Writer(number)
            if len(self._writers) > _WRITERS:
                self._writers.popitem(last=False)
            return
        if number == known.next:
            known.next += 1
        elif number > known.next:
            known.holes[known.next, number - 1] = now
            known.next = number + 1
            if len(known.holes) > _HOLES:
                known.give_up(next(iter(known.holes)))
        elif known.holes:
            _fill(known.holes, number)

    def due(self, now: float) -> Iterator[Gap]:
        """What has been missing for too long, each once."""
        if 0 <= now - self._told < PATIENCE:
            return
        for name, writer in self._writers.items():
            for hole, since in list(writer.holes.items()):
                if now - since >= PATIENCE:
                    writer.give_up(hole)
            if (lost := writer.lost) is not None:
                writer.lost, self._told = None, now
                yield Gap(name, *lost)


def _fill(holes: OrderedDict[tuple[int, int], float], number: int) -> None:
    """A late number: what is left of the hole it was missed in."""
    for (first, last), since in list(holes.items()):
        if first <= number <= last:
            del holes[first, last]
            if first < number:
                holes[first, number - 1] = since
            if number < last:
                holes[number + 1, last] = since
            return
