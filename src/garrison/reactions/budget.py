"""How many may be met by reactions: a runaway rule must not shut out the site's own visitors.

Clients are counted in a bitmap (linear counting, Whang et al. 1990): 8 KB, off by some percent up to about 200,000.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

HOUR: Final = 3600.0
_BITS: Final = 65_536
_MASK: Final = _BITS - 1


class ClientCount:
    """How many different clients came: of this hour and the one before the larger number. `now` is monotonic."""

    __slots__ = ("_before", "_bytes", "_now", "_since")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since = now()
        self._bytes = bytearray(_BITS)
        self._before = 0.0

    def see(self, key: str) -> None:
        """One request of `key`."""
        self._bytes[hash(key) & _MASK] = 1

    def count(self) -> float:
        """The number, about."""
        now, empty = self._now(), self._bytes.count(0)
        here = -_BITS * math.log(max(empty, 1) / _BITS)
        if now - self._since < HOUR:
            return max(here, self._before)
        self._before = here if now - self._since < 2 * HOUR else 0.0
        self._bytes, self._since = bytearray(_BITS), now
        return here


class Budget:
    """At most `share` of the clients, and in any case `least`, within an hour."""

    def __init__(self, share: float, least: int, clients: ClientCount, now: Callable[[], float]) -> None:
        self._share, self._least, self._clients, self._now = share, least, clients, now
        self._taken: deque[float] = deque()

    def take(self) -> bool:
        """Whether one more is within the budget; it is then counted."""
        now = self._now()
        while self._taken and now - self._taken[0] >= HOUR:
            self._taken.popleft()
        if len(self._taken) >= max(self._least, int(self._share * self._clients.count())):
            return False
        self._taken.append(now)
        return True
