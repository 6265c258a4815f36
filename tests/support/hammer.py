"""A process that takes from a shared store as fast as it can: `python -m tests.support.hammer URL SECONDS TASKS`.

Waits for a line on standard input, so that several can start together. Prints how many takes were allowed, and the
span of time in which they were asked for.
"""

from __future__ import annotations

import asyncio
import sys
import time

from garrison.core.clock import SYSTEM
from garrison.core.errors import DependencyError
from garrison.core.ports import Quota
from garrison.policy.store_address import parse_store
from garrison.stores.link import Link
from garrison.stores.redis import RedisCounters

QUOTA = Quota("hammered", limit=100, window=1.0, burst=40)


async def hammer(url: str, seconds: float, tasks: int) -> int:
    """How many of the takes of one key were allowed."""
    link = Link(parse_store(url), SYSTEM, lambda away, why: None)
    counters = RedisCounters(link, SYSTEM)
    await link.open()
    end = time.monotonic() + seconds

    async def one() -> int:
        allowed = 0
        while time.monotonic() < end:
            try:
                allowed += (await counters.take([(QUOTA, "key")]))[0].allowed
            except DependencyError:
                continue
            finally:
                await asyncio.sleep(0.001)
        return allowed

    total = sum(await asyncio.gather(*(one() for _ in range(tasks))))
    await link.close()
    return total


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    begun = time.monotonic()
    allowed_in_all = asyncio.run(hammer(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
    sys.stdout.write(f"{allowed_in_all} {begun} {time.monotonic()}\n")
