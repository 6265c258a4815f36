"""Other rate limiters on a shared store, for `rate_shared`: each with three limits for a client, by its own means.

`limits` and `throttled-py` decide about one limit at a time, and stop at the one that refuses. `pyrate-limiter` has one
bucket for each client, which decides about all of its limits in one script; its `Limiter` lets one decision at a time
through. All speak to the store through the same client library as Garrison.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from pyrate_limiter import (
    AbstractBucket,
    BucketFactory,
    Limiter,
    Rate,
    RateItem,
    RedisStateStore,
    StateBucket,
    WallClock,
)
from redis.asyncio import Redis
from throttled import RateLimiterType
from throttled.asyncio import RedisStore, Throttled, per_duration

Decide = Callable[[str], Awaitable[bool]]
"""Charge three limits of the key; whether all allow it."""
Limits = Mapping[int, int]
"""How many, by the window's seconds."""


@asynccontextmanager
async def limits(url: str, wanted: Limits) -> AsyncIterator[Decide]:
    storage = RedisStorage(f"async+{url}", implementation="redispy", key_prefix=_prefix("limits", wanted))
    limiter = FixedWindowRateLimiter(storage)
    items = [RateLimitItemPerSecond(limit, window) for window, limit in wanted.items()]

    async def decide(key: str) -> bool:
        for item in items:
            if not await limiter.hit(item, key):
                return False
        return True

    try:
        yield decide
    finally:
        await _close(storage.bridge.connection_getter(False))  # type: ignore[attr-defined]  # only its subclasses have it


@asynccontextmanager
async def throttled(url: str, wanted: Limits) -> AsyncIterator[Decide]:
    store = RedisStore(server=url)
    limiters = [
        Throttled(
            using=RateLimiterType.GCRA.value,
            quota=per_duration(timedelta(seconds=window), limit, burst=limit),
            store=store,
            key_prefix=f"{_prefix('throttled', wanted)}.{window}",
        )
        for window, limit in wanted.items()
    ]

    async def decide(key: str) -> bool:
        for limiter in limiters:
            if (await limiter.limit(key)).limited:
                return False
        return True

    try:
        yield decide
    finally:
        await _close(store._backend.get_client())


@asynccontextmanager
async def pyrate(url: str, wanted: Limits) -> AsyncIterator[Decide]:
    async with Redis.from_url(url) as redis:
        limiter = Limiter(_Buckets(redis, wanted))

        async def decide(key: str) -> bool:
            return await limiter.try_acquire_async(key, blocking=False)

        yield decide


class _Buckets(BucketFactory):
    """A bucket for each key."""

    def __init__(self, redis: Redis, wanted: Limits) -> None:
        self._redis, self._prefix = redis, _prefix("pyrate", wanted)
        self._clock = WallClock()
        self._rates = [Rate(limit, window * 1000) for window, limit in wanted.items()]
        self._buckets: dict[str, AbstractBucket] = {}

    def wrap_item(self, name: str, weight: int = 1) -> RateItem:
        return RateItem(name, self._clock.now(), weight=weight)

    def get(self, item: RateItem) -> AbstractBucket:
        found = self._buckets.get(item.name)
        if found is None:
            store = RedisStateStore(self._redis, f"{self._prefix}:{item.name}")
            found = self._buckets[item.name] = StateBucket(self._rates, store=store)
        return found


async def _close(client: object) -> None:
    """Close what the library has no way to close."""
    assert isinstance(client, Redis)
    await client.aclose()


def _prefix(library: str, wanted: Limits) -> str:
    """Apart for other limits of the same library."""
    return f"{library}.{sum(wanted.values())}"


SHARED_PEERS: Mapping[str, Callable[[str, Limits], AbstractAsyncContextManager[Decide]]] = {
    "limits": limits,
    "throttled": throttled,
    "pyrate": pyrate,
}
"""By the name their figures have; each takes the store's URL and the limits."""
