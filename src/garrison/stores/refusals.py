"""What the shared store has refused, remembered here: a key that is refused until T needs no round trip before T.

GCRA refusals charge nothing, so not asking changes no count. Five seconds at most, so that a key which somebody else
made whole (`forget`) is asked about again; while the store is away, until T. Bounded: the oldest go first, and with
them only round trips are lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ..core.ports import Quota, Taken

LONGEST: Final = 5.0
_MOST: Final = 10_000
_EARLY: Final = 1e-3
"""Seconds: as the tolerance of `Gauge`, so that waiting as long as was told is long enough."""

Charges = Sequence[tuple[Quota, str]]


class _Refused(NamedTuple):
    at: float
    cost: int
    taken: Taken
    beside: dict[tuple[str, str], Taken]


class Refusals:
    """Refused (quota, key) pairs by quota name and key. `now` is a monotonic clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[tuple[str, str], _Refused] = {}

    def __len__(self) -> int:
        return len(self._known)

    def add(self, charges: Charges, taken: Sequence[Taken], cost: int, alone: Sequence[bool]) -> None:
        """Remember a refused decision. `alone` says which charges `cost` does not fit even by themselves."""
        now = self._now()
        beside = {(quota.name, key): one for (quota, key), one in zip(charges, taken, strict=True)}
        for (quota, key), one, refused in zip(charges, taken, alone, strict=True):
            if refused:
                self._known.pop((quota.name, key), None)  # to the young end
                self._known[quota.name, key] = _Refused(now, cost, one, beside)
        while len(self._known) > _MOST:
            del self._known[next(iter(self._known))]

    def answer(self, charges: Charges, cost: int, *, longest: float = LONGEST) -> Sequence[Taken] | None:
        """The answer to a decision that is known to be refused for the next moment, else None.

        What stands beside the refusing key is told as it was last seen; nobody shows it to a client.
        """
        if not self._known or not cost:
            return None
        now = self._now()
        for quota, key in charges:
            found = self._known.get((quota.name, key))
            if found is None or found.cost != cost:
                continue  # another cost has another wait
            left = found.taken.retry_after - (now - found.at)
            if left > _EARLY and now - found.at < longest:
                return [self._state(one, name, found, now, cost) for one, name in charges]
            if left <= _EARLY:
                del self._known[quota.name, key]
        return None

    def forget(self, quota: Quota, key: str) -> None:
        """Ask the store about this key again."""
        self._known.pop((quota.name, key), None)

    def _state(self, quota: Quota, key: str, found: _Refused, now: float, cost: int) -> Taken:
        own = self._known.get((quota.name, key), found)
        seen = own.taken if own is not found and own.cost == cost else found.beside.get((quota.name, key))
        if seen is None:
            return Taken(quota, True, 0, 0.0)
        passed = now - (own.at if seen is own.taken else found.at)
        reset = max(0.0, seen.reset - passed)
        if seen.allowed or seen.retry_after <= passed:
            return Taken(quota, True, seen.remaining, reset)
        return Taken(quota, False, seen.remaining, reset, seen.retry_after - passed)
