"""Whether two kinds of request take different time: a paired test that holds under noise.

Requests are made in pairs, one of each kind, in random order within the pair, so that drift and load meet both alike
(sampling all of one kind, then all of the other, raises false alarms in every second run). Of the differences: the sign
test and Wilcoxon's signed-rank test, corrected for being two (Holm); the median difference with a bootstrap interval;
and the least effect that would matter. A control compares one kind with itself: if that differs too, nothing is known.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import erf, sqrt
from statistics import median

Ask = Callable[[int], Awaitable[None]]


class Verdict(StrEnum):
    SAME = "same"
    DIFFERENT = "different"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`p` is the smaller of both corrected p-values; `low` to `high` holds the median difference (seconds) at 95 %."""

    pairs: int
    p: float
    difference: float
    low: float
    high: float

    def differs(self, least: float, alpha: float = 0.01) -> bool:
        """Significant, and certainly not smaller than `least` seconds."""
        beyond = self.low > least or self.high < -least
        return self.p < alpha and beyond

    def __str__(self) -> str:
        micro = [f"{value * 1e6:+.1f}" for value in (self.difference, self.low, self.high)]
        return f"{self.pairs} pairs, median difference {micro[0]} µs ({micro[1]} to {micro[2]}), p = {self.p:.2g}"


async def measure(first: Ask, second: Ask, pairs: int, *, seed: int = 1, warm_up: int = 20) -> list[float]:
    """Seconds that `second` took longer than `first`, pair by pair. Both get the pair's number."""
    drawn = random.Random(seed)
    differences = []
    for pair in range(-warm_up, pairs):
        flipped = drawn.random() < 0.5
        one, other = (second, first) if flipped else (first, second)
        begun = time.perf_counter()
        await one(pair)
        between = time.perf_counter()
        await other(pair)
        ended = time.perf_counter()
        if pair >= 0:
            longer = (ended - between) - (between - begun)
            differences.append(-longer if flipped else longer)
    return differences


def compare(differences: Sequence[float], *, seed: int = 1) -> Comparison:
    """The tests and the interval."""
    p = holm(sign_test(differences), wilcoxon(differences))
    low, high = interval(differences, seed=seed)
    return Comparison(len(differences), p, median(differences), low, high)


def judge(found: Comparison, control: Comparison, least: float) -> Verdict:
    """What is known: nothing, when the control differs from itself."""
    if control.differs(least):
        return Verdict.INCONCLUSIVE
    return Verdict.DIFFERENT if found.differs(least) else Verdict.SAME


def sign_test(differences: Sequence[float]) -> float:
    """Two-sided p-value of as many positive differences among the non-zero ones, by the normal approximation."""
    positive = sum(value > 0 for value in differences)
    count = positive + sum(value < 0 for value in differences)
    if not count:
        return 1.0
    return _two_sided(max(0.0, abs(positive - count / 2) - 0.5) / sqrt(count / 4))


def wilcoxon(differences: Sequence[float]) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test: zeros dropped, ties averaged, normal approximation."""
    ranked = sorted((value for value in differences if value), key=abs)
    count = len(ranked)
    if count < 10:
        return 1.0
    positive, ties, place = 0.0, 0.0, 0
    while place < count:
        end = place
        while end < count and abs(ranked[end]) == abs(ranked[place]):
            end += 1
        rank, size = (place + end + 1) / 2, end - place
        positive += rank * sum(value > 0 for value in ranked[place:end])
        ties += size**3 - size
        place = end
    spread = sqrt(count * (count + 1) * (2 * count + 1) / 24 - ties / 48)
    return _two_sided(max(0.0, abs(positive - count * (count + 1) / 4) - 0.5) / spread)


def holm(*values: float) -> float:
    """The smallest p-value after Holm's correction."""
    return min(1.0, min(values) * len(values))


def interval(differences: Sequence[float], *, rounds: int = 400, seed: int = 1) -> tuple[float, float]:
    """A 95 % bootstrap interval of the median difference."""
    drawn = random.Random(seed)
    medians = sorted(median(drawn.choices(differences, k=len(differences))) for _ in range(rounds))
    return medians[round(rounds * 0.025)], medians[round(rounds * 0.975) - 1]


def _two_sided(z: float) -> float:
    return 1 - erf(z / sqrt(2))
