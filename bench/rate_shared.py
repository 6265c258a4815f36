"""A rate decision in a shared store: round trips and microseconds, on a real Valkey over loopback.

A decision is one request under three limits, as a client's address has them. Round trips are counted by the server: the
times it read from a line, which takes in whatever a library asks besides. Beside it, in the same run, `limits`
(asyncio, fixed window), `throttled-py` (asyncio, GCRA) and `pyrate-limiter` (asyncio, GCRA), each through its own
means: the first two ask limit by limit, the third has a client's limits in one script as Garrison has.

Times are by the clock on the wall, for waiting is most of them: one decision after the other, and 100 at once, for 100
clients. Contenders take turns. The server is on the same machine; a network adds its own time to each round trip.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

from garrison.core.clock import SYSTEM
from garrison.core.ports import Quota
from garrison.policy.store_address import parse_store
from garrison.stores.link import Link
from garrison.stores.redis import RedisCounters
from tests.support.valkey import Server

from .harness import Result, Size, middle_half, result
from .rate_peers import LIBRARY
from .rate_shared_peers import SHARED_PEERS, Decide, Limits

_CLIENTS = 100
_PATIENCE = 5.0
"""Seconds for a call: a machine that is busy must not look like a store that is away."""
_WIDE: Limits = {3600: 100_000, 86_400: 200_000, 2_592_000: 300_000}
_TIGHT: Limits = {3600: 1, 86_400: 2, 2_592_000: 3}
"""By the window's seconds: never reached, and reached by the second request."""


def measure(size: Size) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        return asyncio.run(_measure(server, size))


async def _measure(server: Server, size: Size) -> list[Result]:
    async with AsyncExitStack() as stack:
        contenders = {"garrison": _ours, **SHARED_PEERS}
        wide = {name: await stack.enter_async_context(make(server.url, _WIDE)) for name, make in contenders.items()}
        tight = {name: await stack.enter_async_context(make(server.url, _TIGHT)) for name, make in contenders.items()}
        trips = [await _trips(server, name, decide, size) for name, decide in wide.items()]
        refused = [await _refused_trips(server, name, decide, size) for name, decide in tight.items()]
        return [*trips, *refused, *await _times(wide, size)]


@asynccontextmanager
async def _ours(url: str, wanted: Limits) -> AsyncIterator[Decide]:
    link = Link(parse_store(url), SYSTEM, lambda away, why: None, seconds=_PATIENCE)
    counters = RedisCounters(link, SYSTEM, namespace=f"garrison.{sum(wanted.values())}")
    quotas = [Quota(f"{window}", limit, float(window), limit) for window, limit in wanted.items()]
    await link.open()

    async def decide(key: str) -> bool:
        return all(one.allowed for one in await counters.take([(quota, key) for quota in quotas]))

    try:
        yield decide
    finally:
        await link.close()


async def _trips(server: Server, name: str, decide: Decide, size: Size) -> Result:
    """For a client that is allowed."""
    times = size.of(200)
    await _all_allowed(decide, 1, "trips")  # connects, and tells the server its scripts
    trips = await _per_decision(server, _all_allowed(decide, times, "trips"), times)
    return _counted(f"{name}_round_trips", trips, name, "<= 1", "three limits")


async def _refused_trips(server: Server, name: str, decide: Decide, size: Size) -> Result:
    """For a client that was refused before."""
    times = size.of(200)
    for _ in range(2):
        await decide("refused")
    trips = await _per_decision(server, _all_refused(decide, times, "refused"), times)
    return _counted(f"{name}_refused_trips", trips, name, "<= 0", "already refused")


def _counted(figure: str, value: float, name: str, must: str, what: str) -> Result:
    ours = name == "garrison"
    versus = f"round trips per decision, {what}" + ("" if ours else f": {LIBRARY[name]}")
    return result(
        f"rate_shared.{figure.removeprefix('garrison_')}", value, "trips", must=must if ours else None, versus=versus
    )


def _reads(server: Server) -> int:
    """How often the server has read from its lines."""
    found = re.search(r"\btotal_reads_processed:(\d+)", server.ask("INFO", "stats"))
    assert found is not None
    return int(found[1])


async def _per_decision(server: Server, work: Awaitable[None], times: int) -> float:
    """Round trips for each of the `times` decisions of `work`. What the asking itself takes is taken off."""
    first, before = _reads(server), _reads(server)
    await work
    return (_reads(server) - before - (before - first)) / times


async def _all_allowed(decide: Decide, times: int, key: str) -> None:
    for _ in range(times):
        if not await decide(key):
            raise RuntimeError("a limit of this benchmark is too low")


async def _all_refused(decide: Decide, times: int, key: str) -> None:
    for _ in range(times):
        if await decide(key):
            raise RuntimeError("a refused client was let pass")


async def _times(deciders: Mapping[str, Decide], size: Size) -> list[Result]:
    """Microseconds per decision of each contender, taking turns."""
    names, rounds = list(deciders), size.rounds
    serial: dict[str, list[float]] = {name: [] for name in names}
    together: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        await _together(deciders[name], 0)  # opens the lines
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            serial[name].append(await _timed(_all_allowed(deciders[name], size.of(100), "serial"), size.of(100)))
            together[name].append(await _timed(_together(deciders[name], number), _CLIENTS))
    return [
        result(
            f"rate_shared.{prefix}{how}",
            median(values[name]),
            "us",
            versus=f"a decision under three limits, {words}" + (f": {LIBRARY[name]}" if prefix else ""),
            spread=middle_half(values[name]),
        )
        for how, words, values in (("serial", "one by one", serial), ("concurrent", "100 at once", together))
        for name in names
        for prefix in ("" if name == "garrison" else f"{name}_",)
    ]


async def _together(decide: Decide, number: int) -> None:
    if not all(await asyncio.gather(*(decide(f"{number}.{client}") for client in range(_CLIENTS)))):
        raise RuntimeError("a limit of this benchmark is too low")


async def _timed(work: Awaitable[None], times: int) -> float:
    start = time.perf_counter()
    await work
    return (time.perf_counter() - start) / times * 1e6
