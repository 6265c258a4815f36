"""Other rate limiters, for the benchmarks of a decision: each set up with its own memory store, by its own means.

`limits` (the library under slowapi) with its fixed window, its cheapest strategy. `throttled-py` and `pyrate-limiter`
with GCRA, which is what Garrison counts with; the first drops the oldest keys at a bound, which is set above what is
asked here; the second keeps one bucket for each key and leaves it to its user to make, find and drop them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from pyrate_limiter import AbstractBucket, BucketFactory, Limiter, MonotonicClock, Rate, RateItem, StateBucket
from throttled import MemoryStore, RateLimiterType, Throttled, per_hour

Decide = Callable[[str], object]
"""Charge the key once; the answer is true, or an object that tells."""

BURST = 100_000_000
"""So that nothing is ever refused."""
_HOUR_MS = 3_600_000


def limits(_keys: int) -> Decide:
    limiter, item = FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerHour(BURST)
    return lambda key: limiter.hit(item, key)


def throttled(keys: int) -> Decide:
    store = MemoryStore(options={"MAX_SIZE": max(1000, 2 * keys)})
    return Throttled(using=RateLimiterType.GCRA.value, quota=per_hour(1, burst=BURST), store=store).limit


def pyrate(_keys: int) -> Decide:
    limiter = Limiter(_Buckets())
    return lambda key: limiter.try_acquire(key, blocking=False)


class _Buckets(BucketFactory):
    """A bucket for each key. Their state is of fixed size: nothing leaks, so no thread goes through them."""

    def __init__(self) -> None:
        self._clock = MonotonicClock()
        self._rates = [Rate(1, _HOUR_MS, burst=BURST)]
        self._buckets: dict[str, AbstractBucket] = {}

    def wrap_item(self, name: str, weight: int = 1) -> RateItem:
        return RateItem(name, self._clock.now(), weight=weight)

    def get(self, item: RateItem) -> AbstractBucket:
        found = self._buckets.get(item.name)
        if found is None:
            found = self._buckets[item.name] = StateBucket(self._rates, clock=self._clock)
        return found


LIBRARY = {"limits": "limits, fixed window", "throttled": "throttled-py, GCRA", "pyrate": "pyrate-limiter, GCRA"}
"""What a figure of theirs is told as, here and in `rate_shared_peers`."""
PEERS: Mapping[str, Callable[[int], Decide]] = {"limits": limits, "throttled": throttled, "pyrate": pyrate}
"""By the name their figures have; each takes how many keys there will be."""
