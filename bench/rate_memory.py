"""A rate decision in memory: microseconds with 1, 100,000 and 1,000,000 keys, and bytes for each of them.

A decision is one `take` of one quota for a client's address, drawn at random among the keys that are there. Beside it,
in the same run, `limits` (the library under slowapi) with its fixed window, its cheapest strategy, and its memory
store. At a million keys its expiry thread goes through all of them every 10 ms of activity, which would take the rest
of this run: it is measured up to 100,000.

Bytes are what the process grew by, in a process of its own, divided by the keys; the key's own text, which the caller
chooses, is taken off. The hard cap is tried as well: a tenth more keys than allowed.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle
from pathlib import Path

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from garrison.core.clock import SYSTEM
from garrison.core.ports import Quota
from garrison.stores.memory import MemoryCounters

from .harness import Batch, Result, Size, interleave, result

_MILLION = 1_000_000
_QUOTA = Quota("address", 100_000_000, 3600.0, 100_000_000)
_MUST = {1: "<= 1.5", _MILLION: "<= 4"}


def measure(size: Size) -> list[Result]:
    few, many = size.of(100_000), size.of(_MILLION)
    counts = {1: 1, 100_000: few, _MILLION: many}
    batches: dict[str, Batch] = {f"{keys}": _ours(real) for keys, real in counts.items()}
    batches |= {f"limits.{keys}": _theirs(counts[keys]) for keys in (1, 100_000)}
    samples = interleave(batches, size)
    results = [
        result(
            f"rate_memory.{name.replace('limits.', 'limits_')}",
            samples.microseconds(name),
            "us",
            must=_MUST.get(int(name)) if name.isdigit() else None,
            versus="one decision" if name.isdigit() else "one decision of the library limits, fixed window",
            spread=samples.spread(name),
        )
        for name in batches
    ]
    return [*results, *_memory(many)]


def _address(number: int) -> str:
    bits = number * 2654435761 % (1 << 32)
    return f"{bits >> 24}.{bits >> 16 & 255}.{bits >> 8 & 255}.{bits & 255}"


def _asked(keys: int) -> list[str]:
    """Which of the keys are asked for: enough of them that no cache holds all it takes to answer."""
    draw = random.Random(7)
    return [_address(draw.randrange(keys)) for _ in range(min(200_000, keys * 4))]


def _ours(keys: int) -> Batch:
    counters = MemoryCounters(SYSTEM, max_keys=max(1000, 2 * keys))
    for number in range(keys):
        counters.take(((_QUOTA, _address(number)),))
    return _repeat(lambda key: counters.take(((_QUOTA, key),)), keys)


def _theirs(keys: int) -> Batch:
    limiter, item = FixedWindowRateLimiter(MemoryStorage()), RateLimitItemPerMinute(100_000_000, 60)
    for number in range(keys):
        limiter.hit(item, _address(number))
    return _repeat(lambda key: limiter.hit(item, key), keys)


def _repeat(decide: Callable[[str], object], keys: int) -> Batch:
    asked = cycle(_asked(keys))

    def batch(count: int) -> None:
        for _ in range(count):
            decide(next(asked))

    return batch


def _memory(keys: int) -> list[Result]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        per_key, text, held = pool.submit(_grow, keys).result(timeout=120)
    return [
        result(
            "rate_memory.bytes_per_key",
            per_key,
            "B",
            must="<= 180",
            versus=f"{keys:,} keys, besides the key's own text of {text:.0f} B",
        ),
        result(
            "rate_memory.cap",
            held / keys,
            "x",
            must="<= 1",
            versus=f"keys held of {keys:,} allowed, after a tenth more than that",
        ),
    ]


def _grow(keys: int) -> tuple[float, float, int]:
    """Bytes per key without its text, the text's bytes, and the keys held after a tenth more than the cap."""
    counters = MemoryCounters(SYSTEM, max_keys=keys)
    gc.collect()
    before = _resident()
    text = 0
    for number in range(keys):
        address = _address(number)
        text += sys.getsizeof(address)
        counters.take(((_QUOTA, address),))
    gc.collect()
    grown = _resident() - before
    for number in range(keys, keys + keys // 10):
        counters.take(((_QUOTA, _address(number)),))
    return (grown - text) / keys, text / keys, len(counters)


def _resident() -> int:
    """Bytes of this process that are in memory."""
    statistics = Path("/proc/self/statm")
    if statistics.exists():
        return int(statistics.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource  # not on every system, and not needed where /proc is

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
