"""The runner: a thread of its own that feeds the engine from the bus and from what was seen, and tells of alerts.

Nothing on the request path waits for it. What waits for it is bounded; over the bound chatter goes, and it is counted
and told. A rule that fails is no reason to stop the others: it is told, and the next event comes. A process that forks
takes nothing along: counting begins anew.

Lets pass: what is killed with the process, at most the last quarter of a second and what the windows held.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ..core.ports import Emit
from ..events.event import Event
from ..events.vocabulary import EventName
from .alert import Alert
from .engine import Engine
from .sightings import Sightings

EVERY: Final = 0.25
"""Seconds between two looks."""
_MOST: Final = 50_000
_JOIN_SECONDS: Final = 2.0
Hear = Callable[[Alert], None]
Publish = Callable[[Sequence[Event]], None]


class Detector:
    """A `Writer` of the bus.

    build      makes the engine, anew in every process
    sightings  what the layer saw
    emit       where alerts go
    wall       wall time
    """

    name = "detection"

    def __init__(
        self, build: Callable[[], Engine], sightings: Sightings, emit: Emit, wall: Callable[[], float]
    ) -> None:
        self._build, self._sightings, self._emit, self._wall = build, sightings, emit, wall
        self.listeners: list[Hear] = []
        """Asked with each alert, in the detection thread. They return quickly and do not raise."""
        self.publish: Publish | None = None
        """Where events go instead, when another node folds them."""
        self.alerts = 0
        self._failing = False
        self._thread: threading.Thread | None = None
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._fresh: deque[Event] = deque()
        self._lost = 0
        self.engine = self._build()

    def open(self) -> None:
        """Begin to watch, also before the first event."""
        self.start()

    def start(self) -> None:
        """Start the thread of this process; what a parent process counted is left to it."""
        if self._process != os.getpid():
            self._begin()
            self._sightings.reset()
            self._thread = None
        if self._thread is None:
            self._end.clear()
            self._thread = threading.Thread(target=self._run, name="garrison-detection", daemon=True)
            self._thread.start()

    def write(self, events: Sequence[Event]) -> int:
        self.start()
        with self._lock:
            room = _MOST - len(self._fresh)
            kept = events if len(events) <= room else [one for one in events if one.relevant][:room]
            self._fresh.extend(kept)
            self._lost += len(events) - len(kept)
        return len(events)

    def close(self) -> None:
        """Look once more, and end the thread. A later `write` begins again."""
        thread, self._thread = self._thread, None
        if thread is not None and self._process == os.getpid():
            self._end.set()
            thread.join(_JOIN_SECONDS)

    def turn(self) -> list[Alert]:
        """Look at what waits, now, in this thread; the alerts it raised."""
        with self._turn:
            with self._lock:
                events, self._fresh = list(self._fresh), deque()
                lost, self._lost = self._lost, 0
            if lost:
                self._emit(EventName.EVENTS_DROPPED, None, lost=lost, where=self.name)
            events += self._sightings.drain()
            if self.publish is not None:
                self.publish(events)
                return []
            return self.fold(events)

    def fold(self, events: Iterable[Event]) -> list[Alert]:
        """Feed `events` to the engine, let it look at the clock, and tell of the alerts."""
        raised = self._feed(events)
        for alert in raised:
            self.alerts += 1
            self._emit(EventName.ALERT_RAISED, None, **alert.details())
            for hear in self.listeners:
                hear(alert)
        return raised

    def _feed(self, events: Iterable[Event]) -> list[Alert]:
        found: list[Alert] = []
        for event in events:
            try:
                found += self.engine.feed(event)
            except Exception as error:  # noqa: BLE001  # one event a rule fails on must not blind the others; it is told
                self._fail(error)
        found += self.engine.tick(self._wall())
        return found

    def _fail(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            self._emit(EventName.DEGRADED, None, service="detection", error=f"{type(error).__name__}: {error}")

    def _run(self) -> None:
        end = self._end
        while not end.wait(EVERY):
            self._guarded_turn()
        self._guarded_turn()

    def _guarded_turn(self) -> None:
        try:
            self.turn()
        except Exception as error:  # noqa: BLE001  # nothing may end the thread, or detection would be off in silence
            self._fail(error)
