"""The runner: a thread of its own that feeds the engine from the bus and from what was seen, and tells of alerts.

Nothing on the request path waits for it. What waits for it is bounded; over the bound chatter goes, and it is counted
and told. A rule that fails is no reason to stop the others: it is told, and the next event comes. A process that forks
takes nothing along: counting begins anew.

Lets pass: what is killed with the process, at most the last quarter of a second and what the windows held.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from ..core.ports import Emit
from ..events.event import Event
from ..events.vocabulary import EventName
from .alert import Alert
from .engine import Engine
from .gaps import Gaps
from .sightings import Sightings
from .stream import Stream, StreamAway

EVERY: Final = 0.25
"""Seconds between two looks."""
_MOST: Final = 50_000
_JOIN_SECONDS: Final = 2.0
_SETTLE_SECONDS: Final = 1.0
Hear = Callable[[Alert], None]


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
        self.stream: Stream | None = None
        """Where events of all nodes meet, if there are several."""
        self.settle: Callable[[float], object] = lambda seconds: None
        """Writes what was emitted, for up to so many seconds: the bus's `flush`."""
        self.alerts = 0
        self._failing = self._alone = False
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
        self._own, self._others = Gaps(), Gaps()

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
            self._thread = threading.Thread(
                target=_run, args=(weakref.ref(self), self._end), name="garrison-detection", daemon=True
            )
            self._thread.start()

    def write(self, events: Sequence[Event]) -> int:
        self.start()
        with self._lock:
            now = self._wall()
            for event in events:
                if event.run:
                    self._own.see(event.run, event.seq, now)
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
                gaps = [*self._own.due(self._wall()), *self._others.due(self._wall())]
            if lost:
                self._emit(EventName.EVENTS_DROPPED, None, lost=lost, where=self.name)
            for gap in gaps:
                self._emit(EventName.EVENTS_MISSING, None, writer=gap.writer, first=gap.first, last=gap.last,
                           missing=gap.missing)  # fmt: skip
            events = self._sightings.asns.stamp([*events, *self._sightings.drain()])
            return self.fold(events) if self.stream is None else self._fold_shared(self.stream, events)

    def fold(self, events: Iterable[Event]) -> list[Alert]:
        """Feed `events` to the engine, let it look at the clock, and tell of the alerts."""
        raised = self._feed(events)
        for alert in raised:
            self._tell(alert)
        return raised

    def _fold_shared(self, stream: Stream, events: Sequence[Event]) -> list[Alert]:
        """Hand `events` on, and fold those of all nodes if it is this process's turn; alone while the store is away."""
        try:
            stream.publish([event for event in events if event.name in self.engine.names])
        except StreamAway as error:
            self._away(error)
            return self.fold(events)
        try:
            found = [] if self._end.is_set() else self._lead(stream)
        except StreamAway as error:  # what was read and not finished comes again
            stream.leading = False
            self._away(error)
            return []
        self._away(None)
        return found

    def _lead(self, stream: Stream) -> list[Alert]:
        held, new = stream.lead()
        if not held:
            return []
        found: list[Alert] = []
        stream.numbered = lambda publisher, number: self._others.see(publisher, number, self._wall())
        if new:
            self.engine = self._build()
            self._others = Gaps()
            known, unfinished = stream.inherit()
            self.engine.feed_all(known)
            found += self._tell_once(stream, [event for _, event in unfinished])
            stream.finish([name for name, _ in unfinished])
        for batch in stream.read():
            found += self._tell_once(stream, [event for _, event in batch])
        return found + self._tell_once(stream, [])

    def _tell_once(self, stream: Stream, events: Iterable[Event]) -> list[Alert]:
        """Fold `events`; their alerts are written before anybody calls the events dealt with."""
        raised = [alert for alert in self._feed(events) if stream.claim(alert)]
        for alert in raised:
            self._tell(alert)
        if raised:
            self.settle(_SETTLE_SECONDS)
        for alert in raised:
            stream.told(alert)
        return raised

    def _tell(self, alert: Alert) -> None:
        self.alerts += 1
        self._emit(EventName.ALERT_RAISED, None, **alert.details())
        for hear in self.listeners:
            hear(alert)

    def _away(self, error: StreamAway | None) -> None:
        if (error is not None) is not self._alone:
            self._alone = error is not None
            name = EventName.DEGRADED if error else EventName.RECOVERED
            self._emit(name, None, service="detection stream", error=error.message if error else None)

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

    def guarded_turn(self) -> None:
        """One turn; nothing ends the thread."""
        try:
            self.turn()
        except Exception as error:  # noqa: BLE001  # nothing may end the thread, or detection would be off in silence
            self._fail(error)

    def finish(self) -> None:
        """The last look of this thread, and the lease given back."""
        self.guarded_turn()
        if self.stream is not None:
            with suppress(StreamAway):  # the lease runs out by itself
                self.stream.abandon()


def _run(ref: weakref.ref[Detector], end: threading.Event) -> None:
    """Between two turns the thread must not be what keeps the detector and its bus alive."""
    while True:
        ended = end.wait(EVERY)
        detector = ref()
        if detector is None:
            return
        if ended:
            detector.finish()
            return
        detector.guarded_turn()
        del detector
