"""The pure part: what one more event makes of what is known about a key. Entries are small tuples.

A window is two halves of the truth: what came in the present stretch of its length, and what in the one before, which
counts less the further the present one has got. That takes five numbers however many events come, and errs by less than
what one stretch holds. Clocks that run backwards count as standing still.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias


class Window(NamedTuple):
    """Sums within a stretch that began at `start`, and in the one before; `held` counts what the client itself sent."""

    start: float
    before: float
    now: float
    held_before: float
    held: float


class Course(NamedTuple):
    """A mean over time: of the stretch that began at `start`, and the means of those before it, the newest last."""

    start: float
    number: float
    total: float
    past: tuple[float, ...]

    @property
    def mean(self) -> float:
        return self.total / self.number if self.number else 0.0


Seen: TypeAlias = tuple[tuple[int, float, bool], ...]
"""Distinct values, as hashes: when each was last seen, and whether the client itself sent it."""
NOTHING: Final[Seen] = ()


def count(entry: Window | None, when: float, length: float, weight: float, *, held: bool) -> Window:
    """One more event of `weight`."""
    own = weight if held else 0.0
    if entry is None or when - entry.start >= 2 * length:
        return Window(when, 0.0, weight, 0.0, own)
    if when - entry.start >= length:
        return Window(entry.start + length, entry.now, weight, entry.held, own)
    return Window(entry.start, entry.before, entry.now + weight, entry.held_before, entry.held + own)


def level(entry: Window, when: float, length: float) -> tuple[float, float]:
    """How much came within `length` before `when`: all, and what the client itself sent."""
    age = max(0.0, when - entry.start) / length
    if age < 1.0:
        return entry.now + entry.before * (1.0 - age), entry.held + entry.held_before * (1.0 - age)
    rest = max(0.0, 2.0 - age)
    return entry.now * rest, entry.held * rest


def go_on(
    entry: Course | None, when: float, length: float, number: float, total: float, least: float, keep: int
) -> Course:
    """`number` more values that add up to `total`. A stretch of fewer than `least` values leaves no mean behind.

    After a silence as long as all that is kept, the past is no longer recent, and forgotten.
    """
    if entry is None or when - entry.start >= (keep + 1) * length:
        return Course(when, number, total, ())
    if when - entry.start < length:
        return entry._replace(number=entry.number + number, total=entry.total + total)
    past = (*entry.past, entry.mean)[-keep:] if entry.number >= least else entry.past
    return Course(when, number, total, past)


def see(entry: Seen, value: int, when: float, length: float, most: int, *, held: bool) -> Seen:
    """`entry` with `value`, without what is older than `length`; of more than `most` values the oldest go."""
    known = any(one[0] == value and one[2] for one in entry)
    kept = [one for one in entry if one[0] != value and when - one[1] < length]
    kept = kept[-(most - 1) :] if most > 1 else []
    return (*kept, (value, when, held or known))
