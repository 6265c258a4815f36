"""Measures how late the event loop is, and tells the process' capacity.

It ticks only while requests come or the limit recovers: an idle process sleeps. Applications without asyncio's event
loop (trio) have no pulse: requests are counted there, and the limit stays where it is.
"""

from __future__ import annotations

import asyncio

from ..core.capacity import TICK, Capacity
from ..core.clock import SYSTEM, Clock


class Pulse:
    """Ticks `capacity` on the event loop that wakes it. `clock` is real time, whatever else tests hold still."""

    def __init__(self, capacity: Capacity, clock: Clock = SYSTEM) -> None:
        self._capacity = capacity
        self._now = clock.monotonic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._expected = 0.0
        capacity.wake = self.start

    def start(self) -> None:
        """Begin to tick on the running loop, unless that goes on already."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._capacity.awake and loop is self._loop:
            return
        self._loop = loop
        self._capacity.begin()
        self._schedule(loop)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._expected = self._now() + TICK
        loop.call_later(TICK, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is not self._loop:
            return  # another loop has taken over
        if self._capacity.tick(max(0.0, self._now() - self._expected)):
            self._schedule(loop)
        else:
            self._capacity.awake = False
