"""What can be said about rates before any request comes: pure functions for `policy/checks.py` and `garrison explain`.

A rate is a token bucket: `burst` tokens at first, `limit / window` more per second (GCRA, ITU-T I.371).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .units import Rate


def shadowed(rates: Sequence[Rate]) -> list[tuple[Rate, Rate]]:
    """The rates of one scope that can never trigger, each with the one that always refuses first.

    A never triggers when another rate B has neither a larger burst nor a faster pace: in any span of s seconds B lets
    through at most `burst + s * pace`, which A lets through as well. Otherwise A does trigger: B's larger burst at
    once, or B's faster pace kept up, is too much for A. Of two equal rates the later one is reported.
    """
    found = []
    for place, rate in enumerate(rates):
        for other_place, other in enumerate(rates):
            if place == other_place or not _within(other, rate):
                continue
            if place > other_place or not _within(rate, other):
                found.append((rate, other))
                break
    return found


def indivisible(rates: Iterable[Rate], processes: int) -> list[Rate]:
    """The rates that `processes` can't share out fairly on a store of their own.

    Each process enforces `limit / processes` and `burst / processes`, but at least one request: of a rate reported
    here all processes together let through more than it says.
    """
    return [rate for rate in rates if min(rate.limit, rate.burst) < processes]


def _within(inner: Rate, outer: Rate) -> bool:
    """Whether everything that `inner` lets through passes `outer` too. Cross-multiplied: no division, no rounding."""
    return inner.burst <= outer.burst and inner.limit * outer.window <= outer.limit * inner.window
