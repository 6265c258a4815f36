"""A deadline for one answer that tells a slow store from a busy event loop.

An application that blocks its loop for 100 ms would make every call in flight look 100 ms late, although the answers
lie in the socket. So an alarm that itself rings late gives the answers that came meanwhile a moment to be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

_LATE: Final = 0.01
"""Seconds by which an alarm may ring late before the loop counts as busy."""
_GRACE: Final = 0.02

T = TypeVar("T")


class DeadlinePassed(Exception):  # read as a sentence, as the project's errors are
    """There was no answer in time. `busy` says that our own event loop was late, too."""

    def __init__(self, seconds: float, *, busy: bool) -> None:
        super().__init__(f"no answer within {seconds * 1000:.0f} ms" + (" (the event loop was busy)" if busy else ""))
        self.busy = busy


class _Alarm:
    __slots__ = ("busy", "due", "loop", "timeout")

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: asyncio.Timeout, seconds: float) -> None:
        self.loop = loop
        self.timeout = timeout
        self.due = loop.time() + seconds
        self.busy = False

    def ring(self) -> None:
        now = self.loop.time()
        self.busy = now - self.due > _LATE
        self.timeout.reschedule(now + _GRACE if self.busy else now)


async def within(seconds: float, work: Awaitable[T]) -> T:
    """What `work` returns. Raises `DeadlinePassed` and cancels it when it takes longer than `seconds`."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    asked = task.cancelling() if task is not None else 0
    timeout = asyncio.timeout(None)
    alarm = _Alarm(loop, timeout, seconds)
    try:
        async with timeout:
            handle = loop.call_at(alarm.due, alarm.ring)
            try:
                answer = await work
                if task is not None and task.cancelling() > asked:  # the library has swallowed it, as redis does
                    raise asyncio.CancelledError
                return answer
            finally:
                handle.cancel()
    except TimeoutError:
        if timeout.expired():
            raise DeadlinePassed(seconds, busy=alarm.busy) from None
        raise
