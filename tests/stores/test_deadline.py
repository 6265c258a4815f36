"""A deadline for the store, not for our own event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable

import pytest

from garrison.stores.deadline import DeadlinePassed, within

pytestmark = pytest.mark.anyio


async def test_what_comes_in_time_is_returned_and_errors_pass() -> None:
    async def fails() -> None:
        raise TimeoutError("its own")

    assert await within(1.0, asyncio.sleep(0, "answer")) == "answer"
    with pytest.raises(TimeoutError, match="its own"):
        await within(1.0, fails())


async def test_what_never_comes_ends_at_the_deadline_and_is_cancelled() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    started = time.perf_counter()
    with pytest.raises(DeadlinePassed, match="50 ms"):
        await within(0.05, future)
    assert 0.04 < time.perf_counter() - started < 0.5
    assert future.cancelled()


async def test_an_answer_that_lies_there_is_read_although_the_loop_was_blocked() -> None:
    """The control is asyncio's own timeout, which throws it away."""
    loop = asyncio.get_running_loop()
    for bounded, fails in ((within, False), (plain, True)):
        near, far = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=near)
        answering = threading.Timer(0.02, far.sendall, [b"x"])
        answering.start()
        loop.call_later(0.005, time.sleep, 0.1)
        failed = False
        try:
            assert await bounded(0.05, reader.readexactly(1)) == b"x"
        except (DeadlinePassed, TimeoutError):
            failed = True
        answering.join()
        writer.close()
        far.close()
        assert failed is fails


async def plain(seconds: float, work: Awaitable[bytes]) -> bytes:
    async with asyncio.timeout(seconds):
        return await work
