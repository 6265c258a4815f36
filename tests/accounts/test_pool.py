"""The pool of hashing threads: bounded, fair to trusted devices, gone callers leave no trace."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from garrison.accounts.pool import HashingBusy, HashingPool

pytestmark = pytest.mark.anyio


class Gate:
    """Work that takes until it is let go."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun = threading.Semaphore(0)
        self.calls = 0
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def pass_through(self) -> str:
        with self._lock:
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.release()
        self.opened.wait(20)
        with self._lock:
            self.at_once -= 1
        return "done"


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.opened.set()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_only_so_many_run_at_once_and_only_so_many_wait(gate: Gate) -> None:
    pool = HashingPool(2, 3)
    tasks = [asyncio.create_task(pool.run(gate.pass_through)) for _ in range(5)]
    await settle()
    with pytest.raises(HashingBusy) as busy:
        await pool.run(gate.pass_through)
    assert busy.value.retry_after >= 1
    gate.opened.set()
    assert await asyncio.gather(*tasks) == ["done"] * 5
    assert gate.most_at_once <= 2
    assert await pool.run(gate.pass_through) == "done", "there is room again"
    pool.close()


async def test_a_trusted_device_still_gets_a_place_when_strangers_fill_the_queue(gate: Gate) -> None:
    pool = HashingPool(1, 2)
    strangers = [asyncio.create_task(pool.run(gate.pass_through)) for _ in range(3)]
    await settle()
    with pytest.raises(HashingBusy):
        await pool.run(gate.pass_through)
    known = asyncio.create_task(pool.run(gate.pass_through, favoured=True))
    await settle()
    gate.opened.set()
    assert await known == "done"
    await asyncio.gather(*strangers)
    pool.close()


async def test_the_event_loop_goes_on_while_hashes_are_computed(gate: Gate) -> None:
    pool = HashingPool(1, 0)
    task = asyncio.create_task(pool.run(gate.pass_through))
    await asyncio.to_thread(gate.begun.acquire, timeout=10)
    assert not task.done()
    await settle()  # we are here: the loop is free although the only thread is held
    gate.opened.set()
    assert await task == "done"
    pool.close()


async def test_a_caller_who_leaves_while_waiting_frees_the_place_and_is_never_served(gate: Gate) -> None:
    pool = HashingPool(1, 1)
    first = asyncio.create_task(pool.run(gate.pass_through))
    await asyncio.to_thread(gate.begun.acquire, timeout=10)
    gone = asyncio.create_task(pool.run(gate.pass_through))
    await settle()
    gone.cancel()
    await settle()
    next_one = asyncio.create_task(pool.run(gate.pass_through))
    await settle()
    gate.opened.set()
    assert [await first, await next_one] == ["done", "done"]
    assert gate.calls == 2
    pool.close()


async def test_what_the_work_raises_reaches_the_caller_and_frees_the_place() -> None:
    def fail() -> None:
        raise KeyError("x")

    pool = HashingPool(1, 0)
    for _ in range(3):
        with pytest.raises(KeyError):
            await pool.run(fail)
    pool.close()
