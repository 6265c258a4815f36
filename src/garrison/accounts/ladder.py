"""Waits that grow: an exponential back-off made of ordinary rates, so that one atomic step of the store decides.

Rung k lets `free + k` attempts come at once and one more each `wait * 4**k` seconds (never slower than one in
`longest`). All rungs are charged together or not at all, and the strictest holds: after `free` attempts the next comes
after `wait`, then after 4, 16, 64 times `wait` from the beginning, and from there on one in `longest`. Attempts that
come at the same moment cannot get past the first rung, because the store charges all rungs in one step.

Assumption: quota names come from here and nowhere else. Lets pass: a key that is left alone for as long as its waits
have grown to, a few times over, has its free attempts again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..core.ports import Quota, Taken

_GROWTH: Final = 4
_KEEP: Final = 90 * 86400.0
"""Seconds until one of the failures counted towards a cap is forgotten by itself."""


def ladder(name: str, free: int, wait: float, longest: float) -> tuple[Quota, ...]:
    """The rungs, the loosest wait first. `wait` and `longest` in seconds."""
    rungs = []
    for place in range(64):
        pace = min(wait * _GROWTH**place, longest)
        rungs.append(Quota(f"{name}-{place}", free + place, (free + place) * pace, free + place))
        if pace >= longest:
            break
    return tuple(rungs)


def cap(name: str, most: int) -> Quota:
    """At most `most` in a row: it grows whole by one in ninety days, which nobody waits for."""
    return Quota(name, most, most * _KEEP, most)


def wait_of(taken: Iterable[Taken]) -> float:
    """Seconds until another attempt would be let through: 0 while there is one left."""
    waits = [one.reset - (one.quota.burst - 1) * one.quota.interval for one in taken]
    return max([0.0, *waits])


def spell(seconds: float) -> str:
    """A wait in words, rounded up: "30 seconds", "2 minutes"."""
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds > size or size == 1:
            count = max(1, -int(-seconds // size))
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return ""


def charges(quotas: Sequence[Quota], key: str) -> list[tuple[Quota, str]]:
    return [(quota, key) for quota in quotas]
