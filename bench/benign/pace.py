"""How long the shop takes to answer on a day without attacks: by path, by the hour, with hiccups and a nightly job."""

from __future__ import annotations

import math
from random import Random

from garrison.testing import FrozenClock

from .ask import DAY

_BACKUP = (3 * 3600.0, 3 * 3600.0 + 1200)


class Pace:
    """Called with the path of each request: lets its time pass."""

    def __init__(self, clock: FrozenClock, seed: int) -> None:
        self._clock, self._dice, self._start = clock, Random(f"pace/{seed}"), clock.now
        self._hiccup = 0.0

    def __call__(self, path: str) -> None:
        self._clock.advance(self._seconds(path, (self._clock.now - self._start) % DAY))

    def _seconds(self, path: str, at: float) -> float:
        usual = 0.3 if path.startswith("/reports/") else 0.08 if path == "/search" else 0.025
        busy = 1.4 - 0.6 * math.cos(2 * math.pi * (at / DAY - 0.1))  # slowest in the afternoon: 2.5 times the night
        slow = 1.6 if _BACKUP[0] <= at < _BACKUP[1] else 1.0
        if at > self._hiccup + 1800 and self._dice.random() < 0.001:
            self._hiccup = at
        slow *= 2.0 if at - self._hiccup < 30 else 1.0  # a collection of garbage, a neighbour on the machine
        stuck = 60.0 if self._dice.random() < 0.002 else 1.0
        return min(5.0, usual * busy * slow * stuck * self._dice.lognormvariate(0.0, 0.6))
