"""When to stop asking a store that does not answer, and when to try again. Pure: time is an argument.

Failures weigh 1 and successes take a quarter away, so a store that fails every third call (one node of a cluster that
hangs) opens the breaker after some twenty calls, one that fails every twentieth never does. While it is open nobody
waits for the store; one attempt at a time finds out whether it is back, at growing distances.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_OPENS_AT: Final = 3.0
_FORGIVEN: Final = 0.25
_FIRST_REST: Final = 0.25
_LONGEST_REST: Final = 5.0


class Breaker:
    """`open` says that the store is not to be asked. `now` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._score = 0.0
        self._rest = _FIRST_REST
        self._next = 0.0
        self.open = False

    def succeeded(self) -> None:
        """A call was answered."""
        if self._score:
            self._score = max(0.0, self._score - _FORGIVEN)

    def failed(self, weight: float = 1.0) -> bool:
        """A call was not answered. True when the breaker opens with it."""
        self._score += weight
        return self._score >= _OPENS_AT and self.trip()

    def trip(self) -> bool:
        """Open at once. True when it was closed."""
        if self.open:
            return False
        self.open = True
        self._rest = _FIRST_REST
        self._next = self._now() + self._rest
        return True

    @property
    def due(self) -> bool:
        """Whether it is time for an attempt."""
        return not self.open or self._now() >= self._next

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(0.0, self._next - self._now()) if self.open else 0.0

    def attempt_failed(self) -> bool:
        """An attempt found the store away: open, with a longer rest. True when it was closed."""
        if self.trip():
            return True
        self._rest = min(_LONGEST_REST, 2 * self._rest)
        self._next = self._now() + self._rest
        return False

    def attempt_succeeded(self) -> bool:
        """An attempt was answered: close. True when it was open."""
        was_open, self.open = self.open, False
        self._score = 0.0
        return was_open
