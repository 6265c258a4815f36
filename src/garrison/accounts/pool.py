"""Threads for password hashes: few, and with a short queue.

Threat: a hash takes a tenth of a second and tens of megabytes, on purpose. A flood of log-ins then takes all memory, or
keeps the event loop from everybody else. So hashes run on a few threads of their own, only so many may wait, and who
comes then is told to come again (503). Trusted devices may wait in a second queue of the same length, so that a flood
of strangers does not shut out those who are known.

Lets pass: strangers are answered 503 while a flood of strangers fills the queue; address limits come first.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil
from typing import Final, TypeVar

from ..core.clock import SYSTEM, Clock
from ..core.errors import DependencyError

_Result = TypeVar("_Result")
_FIRST_GUESS: Final = 0.2
"""Seconds a hash is thought to take before the first one was timed."""


class HashingBusy(DependencyError):
    """The queue is full. `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many password hashes are waiting.", remedy="Raise passwords.threads, or add machines.")
        self.retry_after = retry_after


class HashingPool:
    """`await pool.run(function, …)` on one of `threads` threads, with at most `waiting` more calls in the queue."""

    def __init__(self, threads: int, waiting: int, clock: Clock = SYSTEM) -> None:
        self._threads = threads
        self._room = threads + waiting
        self._now = clock.monotonic
        self._lock = threading.Lock()
        self._inside = 0
        self._seconds = _FIRST_GUESS
        self._executor: ThreadPoolExecutor | None = None
        self._pid = 0

    async def run(self, work: Callable[..., _Result], *args: object, favoured: bool = False) -> _Result:
        """What `work(*args)` returns. Raises `HashingBusy`. `favoured` calls have twice the queue.

        A call whose caller goes away while it waits is never made, and its place is free at once.
        """
        executor = self._enter(self._room * 2 if favoured else self._room)
        future: Future[_Result] = executor.submit(self._timed, work, *args)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let the threads end; calls that wait are dropped."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _enter(self, room: int) -> ThreadPoolExecutor:
        with self._lock:
            if self._inside >= room:
                raise HashingBusy(max(1, ceil(self._inside * self._seconds / self._threads)))
            if self._executor is None or self._pid != os.getpid():  # threads do not survive a fork
                self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="garrison-hash")
                self._pid, self._inside = os.getpid(), 0
            self._inside += 1
            return self._executor

    def _leave(self, future: Future[_Result]) -> None:
        with self._lock:
            self._inside = max(0, self._inside - 1)

    def _timed(self, work: Callable[..., _Result], *args: object) -> _Result:
        begun = self._now()
        try:
            return work(*args)
        finally:
            self._seconds += (self._now() - begun - self._seconds) / 8
