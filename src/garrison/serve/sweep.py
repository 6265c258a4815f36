"""One timer for all connections: a coarse clock, and a look at each connection twice a second.

A timer per connection costs a heap entry for each request; here a connection only writes down when its present stage
began, and every half second all are asked whether they are late. Deadlines are therefore up to half a second late.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final, Protocol

TICK: Final = 0.5
_SAY_EVERY: Final = 10.0
_log = logging.getLogger("uvicorn.error")


class Swept(Protocol):
    """A connection that can be late."""

    @property
    def transport(self) -> asyncio.Transport: ...

    def sweep(self, now: float, passed: float) -> None:
        """Look at the time: `now` on the sweep's clock, `passed` seconds after the last look."""


class Sweep:
    """Looks at its connections on a running loop. `now` is the time of the last look, in the loop's seconds.

    `dropped` counts by reason what connections were ended for; a line in the log tells of them, at most every ten
    seconds, so that an attack does not fill the disk.
    """

    __slots__ = ("_loop", "_said", "_timer", "dropped", "now", "watched")

    def __init__(self) -> None:
        self.now = 0.0
        self.watched: set[Swept] = set()
        self.dropped: Counter[str] = Counter()
        self._said: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.now = loop.time()
        self._timer = loop.call_later(TICK, self._tick)
        loop.call_later(_SAY_EVERY, self._say)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop = None

    def look(self, now: float) -> None:
        """Ask every connection; what one of them raises is told and does not keep the others."""
        passed, self.now = now - self.now, now
        for connection in tuple(self.watched):
            try:
                connection.sweep(now, passed)
            except Exception:  # noqa: BLE001  # a connection nobody can watch is ended; the others go on being watched
                _log.exception("A connection could not be looked at")
                self.watched.discard(connection)
                connection.transport.abort()

    def _tick(self) -> None:
        if self._loop is None:
            return
        self.look(self._loop.time())
        self._timer = self._loop.call_later(TICK, self._tick)

    def _say(self) -> None:
        new = self.dropped - self._said
        if new:
            _log.warning("Connections ended: %s", ", ".join(f"{count} {why}" for why, count in sorted(new.items())))
            self._said = self.dropped.copy()
        if self._loop is not None:
            self._loop.call_later(_SAY_EVERY, self._say)
