"""Counters in a shared store (Redis or Valkey): limits that hold across processes and machines.

Threat: as `memory`, and a client that spreads its requests over machines; machines whose clocks differ.

How: GCRA as in memory, in one Lua script on the store's clock: all charges of a decision in one round trip, all or
none. What the store refused is remembered here (`refusals`): no round trip for a key that is already refused. Every
state expires when its key is whole again, so the store holds only what counts; give it `maxmemory-policy
volatile-ttl`, and at its bound those closest to whole go first.

In a cluster a script works on one node. A key's place depends on the key alone, and the networks of one IPv6 client
share theirs, so a decision of the rate layer is one script there too. A decision over several places (a log-in) runs
one script per place at the same time; when one refuses, the others are given back. That is not one step: it never lets
more through, but for a moment it may refuse what a single step would have let pass.

Lets pass: what GCRA lets pass; after a fail-over, what the new primary had not yet been told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import IPv6Network
from typing import Final

from ..core.clock import Clock
from ..core.ports import Quota, Taken
from .gauge import Gauge
from .link import Link
from .refusals import Charges, Refusals
from .scripts import FORGET, GIVE_BACK, TAKE

_SHARED_NETWORK: Final = 12
"""Hexadecimal digits of a /48: all networks of one IPv6 client that are counted have it in common."""
_HEX: Final = frozenset("0123456789abcdef")
Group = list[int]
"""The charges that have one place, by their position in the decision."""


class RedisCounters:
    """`core.ports.Counters` over `link`.

    namespace  what all keys begin with
    clock      its monotonic side judges how long a refusal is remembered here; decisions are on the store's clock
    cluster    whether a decision must be taken apart by place
    now        for tests: a time to use instead of the store's
    """

    local = False

    def __init__(
        self,
        link: Link,
        clock: Clock,
        *,
        namespace: str = "garrison",
        cluster: bool = False,
        now: Callable[[], float] | None = None,
    ) -> None:
        self._link = link
        self._prefix = namespace
        self._cluster = cluster
        self._time = now
        self._gauges: dict[str, tuple[Gauge, bytes, bytes]] = {}
        self.refusals = Refusals(clock.monotonic)

    async def take(self, charges: Charges, cost: int = 1) -> Sequence[Taken]:
        """See `core.ports.Counters`. Raises `StoreAway`, and ValueError for a negative cost."""
        if cost < 0:
            raise ValueError("a cost can't be negative")
        known = self.refusals.answer(charges, cost)
        if known is not None:
            return known
        gauges = [self._fit(quota)[0] for quota, _ in charges]
        blocked, levels = await self._charge(charges, cost)
        if not blocked:
            return [_passed(gauge, level, cost) for gauge, level in zip(gauges, levels, strict=True)]
        fits = [level + cost * gauge.interval <= gauge.ceiling for gauge, level in zip(gauges, levels, strict=True)]
        taken = [
            gauge.taken(fit and place not in blocked, level, cost)
            for place, (gauge, level, fit) in enumerate(zip(gauges, levels, fits, strict=True))
        ]
        self.refusals.add(charges, taken, cost, [not fit for fit in fits])
        return taken

    async def forget(self, quota: Quota, key: str) -> None:
        """Make `key` whole again under `quota`; other processes may refuse it for up to five seconds more."""
        self.refusals.forget(quota, key)
        await self._link.call(FORGET, [self._key(quota, key)], [b""])

    async def give_back(self, charges: Charges, cost: int = 1) -> None:
        """Undo a `take` of `cost`. Raises `StoreAway`, and ValueError for a negative cost."""
        if cost < 0:
            raise ValueError("a cost can't be negative")
        for quota, key in charges:
            self.refusals.forget(quota, key)
        await asyncio.gather(*(self._return(charges, group, cost) for group in self._groups(charges)))

    async def _charge(self, charges: Charges, cost: int) -> tuple[set[int], list[float]]:
        """Charge all or none. The positions that refuse, and every level: after the charge, or as it stands."""
        groups = self._groups(charges)
        if len(groups) == 1:
            answers: Sequence[tuple[int, list[float]]] = [await self._script(charges, groups[0], cost)]
        else:
            answers = await self._scripts(charges, groups, cost)
        refuses = any(blocker for blocker, _ in answers)
        levels, blocked, passed = [0.0] * len(charges), set(), []
        for group, (blocker, found) in zip(groups, answers, strict=True):
            undone = cost if refuses and not blocker else 0
            if blocker:
                blocked.add(group[blocker - 1])
            elif undone:
                passed.append(group)
            for place, level in zip(group, found, strict=True):
                levels[place] = max(0.0, level - undone * self._fit(charges[place][0])[0].interval)
        if passed:
            await asyncio.gather(*(self._return(charges, group, cost) for group in passed))
        return blocked, levels

    async def _scripts(self, charges: Charges, groups: Sequence[Group], cost: int) -> Sequence[tuple[int, list[float]]]:
        """One script per place, at once. When one fails all have ended first: nothing is charged behind our back."""
        asked = (self._script(charges, group, cost) for group in groups)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        if failed:
            raise failed[0]
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def _script(self, charges: Charges, group: Group, cost: int) -> tuple[int, list[float]]:
        args = [self._now(), b"%d" % cost]
        for place in group:
            args += self._fit(charges[place][0])[1:]
        blocker, *levels = await self._link.call(TAKE, [self._key(*charges[place]) for place in group], args)
        return int(blocker), [float(level) for level in levels]

    async def _return(self, charges: Charges, group: Group, cost: int) -> None:
        args = [self._now(), b"%d" % cost, *(self._fit(charges[place][0])[1] for place in group)]
        await self._link.call(GIVE_BACK, [self._key(*charges[place]) for place in group], args)

    def _groups(self, charges: Charges) -> list[Group]:
        if not self._cluster:
            return [list(range(len(charges)))]
        groups: dict[str, Group] = {}
        for place, (_, key) in enumerate(charges):
            groups.setdefault(place_of(key), []).append(place)
        return list(groups.values())

    def _key(self, quota: Quota, key: str) -> bytes:
        tag = f"{{{place_of(key)}}}" if self._cluster else "{}"
        name = f"{self._prefix}:{tag}:{len(quota.name)}:{quota.name}:{key}"  # lengths keep names and keys apart
        return name.encode("utf-8", "surrogatepass")

    def _fit(self, quota: Quota) -> tuple[Gauge, bytes, bytes]:
        known = self._gauges.get(quota.name)
        if known is None or not (known[0].quota is quota or known[0].quota == quota):
            gauge = Gauge(quota)
            known = (gauge, b"%.17g" % gauge.interval, b"%.17g" % gauge.ceiling)
            self._gauges[quota.name] = known
        return known

    def _now(self) -> bytes:
        return b"" if self._time is None else b"%.17g" % self._time()


def place_of(key: str) -> str:
    """What a key's place in a cluster is made from: an IPv6 network's /48, else the key itself.

    Networks come as text (`2001:db8::/64`) and as digits (`20010db8000000`); what merely looks like one has a place as
    good as any.
    """
    if ":" in key and "/" in key:
        try:
            return f"{int(IPv6Network(key).network_address):032x}"[:_SHARED_NETWORK]
        except ValueError:
            pass  # somebody's own key: its place is the key
    if _SHARED_NETWORK <= len(key) <= _SHARED_NETWORK + 3 and _HEX.issuperset(key):
        return key[:_SHARED_NETWORK]
    return key.replace("{", "(").replace("}", ")") or "-"


def _passed(gauge: Gauge, level: float, cost: int) -> Taken:
    if not cost:
        return gauge.taken(True, level, 0)
    return Taken(gauge.quota, True, int((gauge.ceiling - level) * gauge.pace), level)
