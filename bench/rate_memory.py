"""A rate decision in memory: microseconds with 1, 100,000 and 1,000,000 keys, and bytes for each of them.

A decision is one `take` of one quota for a client's address, drawn at random among the keys that are there. Beside it,
in the same run, the libraries of `rate_peers`. At a million keys the expiry thread of `limits` goes through all of them
every 10 ms of activity, which would take the rest of this run: it is measured up to 100,000.

Bytes are what the process grew by, in a process of its own for each contender, divided by the keys; the address's own
text, which the caller chooses, is taken off. The hard cap is tried as well: a tenth more keys than allowed.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TypeVar

from garrison.core.clock import SYSTEM
from garrison.core.ports import Quota
from garrison.stores.memory import MemoryCounters

from .harness import Batch, Result, Size, interleave, result
from .rate_peers import BURST, LIBRARY, PEERS, Decide

_MILLION = 1_000_000
_QUOTA = Quota("address", 1, 3600.0, BURST)
"""A key stays for an hour after a single request: with a faster one it would be swept before the others are there."""
_MUST = {"1": "<= 1.5", "1000000": "<= 4"}
_TOO_MANY = {("limits", _MILLION)}


def measure(size: Size) -> list[Result]:
    few, many = size.of(100_000), size.of(_MILLION)
    counts = {1: 1, 100_000: few, _MILLION: many}
    batches = {f"{keys}": _batch(_ours(real), real) for keys, real in counts.items()}
    batches |= {
        f"{peer}_{keys}": _batch(make(real), real)
        for peer, make in PEERS.items()
        for keys, real in counts.items()
        if (peer, keys) not in _TOO_MANY
    }
    samples = interleave(batches, size)
    results = [
        result(
            f"rate_memory.{name}",
            samples.microseconds(name),
            "us",
            must=_MUST.get(name),
            versus="one decision" + (f" of {LIBRARY[peer]}" if (peer := name.partition("_")[0]) in LIBRARY else ""),
            spread=samples.spread(name),
        )
        for name in batches
    ]
    return [*results, *_memory(many), *(_memory_of(peer, few) for peer in PEERS)]


def _address(number: int) -> str:
    bits = number * 2654435761 % (1 << 32)
    return f"{bits >> 24}.{bits >> 16 & 255}.{bits >> 8 & 255}.{bits & 255}"


def _asked(keys: int) -> list[str]:
    """Which of the keys are asked for: enough of them that no cache holds all it takes to answer."""
    draw = random.Random(7)
    return [_address(draw.randrange(keys)) for _ in range(min(200_000, keys * 4))]


def _ours(keys: int) -> Decide:
    return _taking(MemoryCounters(SYSTEM, max_keys=max(1000, 2 * keys)))


def _taking(counters: MemoryCounters) -> Decide:
    return lambda key: counters.take(((_QUOTA, key),))


def _batch(decide: Decide, keys: int) -> Batch:
    gc.disable()  # a million keys are all kept: to look for garbage among them only takes time
    for number in range(keys):
        decide(_address(number))
    gc.enable()
    asked = cycle(_asked(keys))

    def batch(count: int) -> None:
        for _ in range(count):
            decide(next(asked))

    return batch


def _memory(keys: int) -> list[Result]:
    per_key, text, held = _alone(_grow_capped, keys)
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


def _memory_of(peer: str, keys: int) -> Result:
    per_key, text = _alone(partial(_grow_peer, peer), keys)
    versus = f"{LIBRARY[peer]}, {keys:,} keys, besides the address's text of {text:.0f} B"
    return result(f"rate_memory.{peer}_bytes_per_key", per_key, "B", versus=versus)


_Figures = TypeVar("_Figures")


def _alone(work: Callable[[int], _Figures], keys: int) -> _Figures:
    """What `work` says in a process of its own, where nothing else grows."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, keys).result(timeout=120)


def _grow_capped(keys: int) -> tuple[float, float, int]:
    """Bytes per key without its text, the text's bytes, and the keys held after a tenth more than the cap."""
    counters = MemoryCounters(SYSTEM, max_keys=keys)
    per_key, text = _grow(_taking(counters), keys)
    if len(counters) != keys:
        raise RuntimeError(f"{len(counters):,} of {keys:,} keys are there: what was measured is something else")
    for number in range(keys, keys + keys // 10):
        counters.take(((_QUOTA, _address(number)),))
    return per_key, text, len(counters)


def _grow_peer(peer: str, keys: int) -> tuple[float, float]:
    return _grow(PEERS[peer](keys), keys)


def _grow(decide: Decide, keys: int) -> tuple[float, float]:
    """Bytes per key without its text, and the text's bytes."""
    gc.collect()
    before = _resident()
    text = 0
    for number in range(keys):
        address = _address(number)
        text += sys.getsizeof(address)
        decide(address)
    gc.collect()
    grown = _resident() - before
    return (grown - text) / keys, text / keys


def _resident() -> int:
    """Bytes of this process that are in memory."""
    statistics = Path("/proc/self/statm")
    if statistics.exists():
        return int(statistics.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource  # not on every system, and not needed where /proc is

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
