"""A receiver that may be slow or away, in a thread of its own: bounded, tried again, alarmed, and in nobody's way.

The bus hands events over and is done; this thread sends them. While the receiver is away, events wait up to a bound;
then chatter goes first, after it the newest, and what is lost is counted and told (`events_dropped`). Nothing waits
over a restart: the audit log is what must not lose anything; a receiver may.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from ...core.ports import Emit
from ..event import Event
from ..lanes import Lane, LaneStats, Turn
from ..terms import Severity
from ..vocabulary import EventName
from ..writers import Writer
from .renewing import Renewing

RETRY_SECONDS: Final = 1.0
_JOIN_SECONDS: Final = 2.0


class Outlet:
    """A `Writer` of the bus around another that may block. Events below `least` are left out.

    limit   how many events wait while the receiver is away
    """

    def __init__(self, writer: Writer, least: Severity, limit: int, emit: Emit, alarm: Callable[[str], None]) -> None:
        self.name = writer.name
        self._writer = writer
        self._least = least.syslog
        self._limit = limit
        self._emit = emit
        self._alarm = alarm
        self._begin()

    def _begin(self) -> None:
        self._lane = Lane(self._writer, self._limit, self._alarm)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._fresh: list[Event] = []
        self._overflow = 0
        self._end = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """A receiver that is away must not stop the start; whether it can be reached is told soon enough."""

    def write(self, events: Sequence[Event]) -> int:
        chosen = [one for one in events if one.severity.syslog <= self._least]
        with self._lock:
            self._fresh += chosen
            if len(self._fresh) > self._limit:  # the thread hangs in a call, and the lane is its own
                self._overflow += len(self._fresh) - self._limit
                del self._fresh[self._limit :]
            if self._thread is None:
                self._end = False
                wake = self._wake
                # Between two turns the thread must not be what keeps this and the bus alive.
                ref = weakref.ref(self, lambda _: wake.set())
                self._thread = threading.Thread(
                    target=_run, args=(ref, wake, self._lane), name=f"garrison-{self.name}", daemon=True
                )
                self._thread.start()
        self._wake.set()
        return len(events)

    def close(self) -> None:
        """Send what waits, for up to two seconds; what is left is lost, and said."""
        thread = self._thread
        if thread is not None:
            self._end = True
            self._wake.set()
            thread.join(_JOIN_SECONDS)
            waiting = self._lane.pending + len(self._fresh)
            if waiting:
                self._alarm(f"{waiting} events could not be sent to {self.name} before the end")
        self._begin()

    def renew(self) -> None:
        """Make the way out anew, if it may change. May block for a moment. Raises what making it raises."""
        if isinstance(self._writer, Renewing):
            self._writer.renew()

    def stats(self) -> LaneStats:
        return replace(self._lane.stats(), writer=self.name)

    def turn(self, lane: Lane) -> bool:
        """What the thread does when it is woken, or has to try again; True: it ends."""
        end = self._end
        with self._lock:
            fresh, self._fresh = self._fresh, []
            lost, self._overflow = self._overflow, 0
        lane.offer(fresh)
        lane.lose(lost)
        self._tell(lane, lane.push(time.monotonic(), force=end))
        if end:
            self._writer.close()
        return end

    def _tell(self, lane: Lane, turn: Turn) -> None:
        service = f"events:{self.name}"
        if turn is Turn.FAILED:
            self._emit(EventName.DEGRADED, None, service=service, error=lane.stats().failing)
        elif turn is Turn.RECOVERED:
            self._emit(EventName.RECOVERED, None, service=service)
        if lane.unreported and not lane.is_failing:
            lost, lane.unreported = lane.unreported, 0
            self._emit(EventName.EVENTS_DROPPED, None, lost=lost, where=self.name)


def told_apart(names: Iterable[str]) -> list[str]:
    """`names`, the second of a name with its number: two receivers of one host are two, where they are told of."""
    counts: Counter[str] = Counter()
    found = []
    for name in names:
        counts[name] += 1
        found.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return found


def _run(ref: weakref.ref[Outlet], wake: threading.Event, lane: Lane) -> None:
    while True:
        wake.wait(RETRY_SECONDS if lane.pending else None)
        wake.clear()
        outlet = ref()
        if outlet is None or outlet.turn(lane):
            return
        del outlet
