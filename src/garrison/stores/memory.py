"""Counters in this process's memory.

Threat: a client sends more than it may; and the counters themselves become the target: a flood of distinct keys
(rotating IPv6 prefixes, made-up accounts) that fills the memory or pushes a refused key out, so that it starts afresh.

Assumption: called from one thread (the event loop's), and string hashes are random (Python's default), so nobody can
aim at one shard. Quota names come from policy and code, never from clients.

Lets pass: what GCRA lets pass (at most limit + burst in a window); everything again after a restart; and, once more
than three quarters of `max_keys` are keys that refuse, some of those that refuse least.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import floor

from ..core.clock import Clock
from ..core.memo import remember
from ..core.ports import Quota, State, Taken
from .gauge import Gauge, taken_of

_SHARD_SIZE = 256
"""Keys per shard at the cap: what one step of the sweep looks at. It bounds every pause, a dictionary's growth too."""
_SWEEP_EVERY = 16
"""New keys between two steps of the sweep."""
_REMEMBERED = 512
"""Keys of a quota whose place is remembered."""


class MemoryCounters:
    """`core.ports.Counters` on sharded dictionaries: one number per (quota, key).

    clock      its monotonic side is read once per decision
    max_keys   hard cap over all quotas together. Beyond it, the quarter closest to whole of one shard is forgotten,
               in turn: a refused key has its whole burst used up, so keys that were merely seen go before it
    processes  how many processes share each quota, see `Gauge`

    About 90 bytes per key besides the key's own text. A decision costs about a microsecond, two at a million keys.
    """

    local = True

    def __init__(self, clock: Clock, *, max_keys: int, processes: int = 1) -> None:
        if max_keys < 1 or processes < 1:
            raise ValueError("max_keys and processes must be at least 1")
        shards = 1 << (max(1, max_keys // _SHARD_SIZE) - 1).bit_length()
        self._now = clock.monotonic
        self._max_keys = max_keys
        self._processes = processes
        self._shards: list[dict[str, float]] = [{} for _ in range(shards)]
        self._mask = shards - 1
        self._gauges: dict[str, Gauge] = {}
        self._capacities: dict[str, float] = {}
        self._size = 0
        self._new = 0
        self._hand = 0

    def __len__(self) -> int:
        """Keys held, those that are whole again but not yet swept included."""
        return self._size

    def take(self, charges: Sequence[tuple[Quota, str]], cost: int = 1) -> Sequence[Taken]:
        """Charge `cost` requests to every (quota, key), or to none. See `core.ports.Counters`.

        `cost` 0 only looks. A cost above a quota's burst can never pass: its `retry_after` is infinite. Raises
        ValueError for a negative cost.
        """
        if cost < 1:
            return self._look(charges, cost)
        now = self._now()
        taken: list[Taken] = []
        before: list[float | None] = []
        new = 0
        for quota, key in charges:
            gauge = self._gauges.get(quota.name)
            if gauge is None or gauge.quota is not quota:
                gauge = self._fit(quota)
            name = gauge.prefix + key
            shard = self._shards[hash(name) & self._mask]
            tat = shard.get(name)
            level = cost * gauge.interval
            if tat is None:
                new += 1
            elif tat > now:
                level += tat - now
            if level > gauge.ceiling:
                self._put_back(charges, before)
                return self._states(charges, cost, now, blocker=len(before))
            shard[name] = now + level
            before.append(tat)
            taken.append(taken_of((quota, True, int((gauge.ceiling - level) * gauge.pace), level, 0.0)))
        if new:
            self._grown(new, now)
        return taken

    def charger(self, quota: Quota) -> Callable[[str, list[State]], bool]:
        """See `core.ports.LocalCounters`: most decisions are one charge, and nothing has to be put back.

        Where the number of a key lies is remembered for the keys seen last: finding it costs as much as the rest.
        """
        gauge = self._fit(quota)
        prefix, interval, ceiling, pace = gauge.prefix, gauge.interval, gauge.ceiling, gauge.pace
        clock, shards, mask = self._now, self._shards, self._mask
        places: dict[str, tuple[str, dict[str, float]]] = {}

        def find(key: str) -> tuple[str, dict[str, float]]:
            name = prefix + key
            return remember(places, key, (name, shards[hash(name) & mask]), _REMEMBERED)

        def charge(key: str, told: list[State]) -> bool:
            name, shard = places.get(key) or find(key)
            now = clock()
            tat = shard.get(name)
            level = interval if tat is None or tat <= now else interval + tat - now
            if level > ceiling:
                told.append(gauge.taken(False, level - interval, 1))
                return False
            shard[name] = now + level
            if tat is None:
                self._grown(1, now)
            told.append((quota, True, floor((ceiling - level) * pace), level, 0.0))
            return True

        return charge

    def forget(self, quota: Quota, key: str) -> None:
        """Make `key` whole again under `quota`."""
        name = self._fit(quota).prefix + key
        if self._shards[hash(name) & self._mask].pop(name, None) is not None:
            self._size -= 1

    def give_back(self, charges: Sequence[tuple[Quota, str]], cost: int = 1) -> None:
        """Undo a `take` of `cost` for every (quota, key), as far as its charge still counts. Raises ValueError."""
        if cost < 0:
            raise ValueError("a cost can't be negative")
        now = self._now()
        for quota, key in charges:
            gauge = self._fit(quota)
            name = gauge.prefix + key
            shard = self._shards[hash(name) & self._mask]
            tat = shard.get(name)
            if tat is None:
                continue
            if tat - cost * gauge.interval > now:
                shard[name] = tat - cost * gauge.interval
            else:
                self._drop(shard, [name])

    def _look(self, charges: Sequence[tuple[Quota, str]], cost: int) -> Sequence[Taken]:
        if cost < 0:
            raise ValueError("a cost can't be negative")
        return self._states(charges, 0, self._now(), blocker=-1)

    def _put_back(self, charges: Sequence[tuple[Quota, str]], before: list[float | None]) -> None:
        """Undo the charges already made in a decision that refuses: the last one first, as a pair may come twice."""
        for (quota, key), tat in zip(reversed(charges[: len(before)]), reversed(before), strict=True):
            name = self._fit(quota).prefix + key
            shard = self._shards[hash(name) & self._mask]
            if tat is None:
                del shard[name]
            else:
                shard[name] = tat

    def _states(self, charges: Sequence[tuple[Quota, str]], cost: int, now: float, *, blocker: int) -> Sequence[Taken]:
        """What every charge stands at, and whether `cost` more requests fit. The `blocker` was seen not to fit."""
        states = []
        for place, (quota, key) in enumerate(charges):
            gauge = self._fit(quota)
            name = gauge.prefix + key
            tat = self._shards[hash(name) & self._mask].get(name, now)
            level = tat - now if tat > now else 0.0
            fits = place != blocker and (not cost or level + cost * gauge.interval <= gauge.ceiling)
            states.append(gauge.taken(fits, level, cost))
        return states

    def _fit(self, quota: Quota) -> Gauge:
        """The gauge of `quota`. Quotas of one name share the prefix, and with it their counters."""
        known = self._gauges.get(quota.name)
        if known is not None and (known.quota is quota or known.quota == quota):
            return known
        prefix = known.prefix if known is not None else chr(len(self._gauges) + 1)
        gauge = Gauge(quota, prefix, self._processes)
        self._gauges[quota.name] = gauge
        self._capacities[prefix] = gauge.capacity
        return gauge

    def _grown(self, new: int, now: float) -> None:
        self._size += new
        self._new += new
        if self._size > self._max_keys:
            self._make_room(now)
        elif self._new >= _SWEEP_EVERY:
            self._new = 0
            shard = self._next_shard()
            self._drop(shard, [name for name, tat in shard.items() if tat <= now])

    def _make_room(self, now: float) -> None:
        """Forget what is whole, and at least a quarter of a shard: what is closest to whole, by share of its burst.

        A shard is a random sample of all keys, so what goes is among the lowest quarter of all but for chance.
        """
        capacities = self._capacities
        while self._size > self._max_keys:
            shard = self._next_shard()
            shares = [(tat - now) / capacities[name[0]] for name, tat in shard.items()]
            ranked = sorted(shares)
            count = max(len(ranked) // 4 + 1, bisect_right(ranked, 0.0))
            for highest in ranked[count - 1 : count]:  # none in an empty shard
                lowest = [name for name, share in zip(shard, shares, strict=True) if share <= highest]
                self._drop(shard, lowest[:count])

    def _next_shard(self) -> dict[str, float]:
        self._hand = (self._hand + 1) & self._mask
        return self._shards[self._hand]

    def _drop(self, shard: dict[str, float], names: list[str]) -> None:
        for name in names:
            del shard[name]
        self._size -= len(names)
