"""The bus: the request path appends to a bounded queue; one background thread does all the rest.

`emit` never blocks, raises or awaits. Shaping, redaction and writing happen in batches, about every 100 ms. What is
dropped is counted, and the count is itself an event. A process that forks takes no thread, lock, file or waiting
event of its parent along.

Assumption: the process lives long enough for the next batch; `close` (also at a normal exit) writes what waits. Lets
pass: a killed process loses at most what waited in the queue.
"""

from __future__ import annotations

import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from ..core.clock import Clock
from ..core.errors import OperatorError
from ..core.facts import Facts
from ..core.ports import Detail
from ..policy.model import EventsSection
from .bounded import BoundedQueue, Drops
from .event import Event
from .lanes import Lane, LaneStats, Turn
from .raw import Raw, bound, locate
from .redaction import Redactor
from .runner import FORK_SECONDS, Bell, Runner
from .shape import Shaper
from .text import clean
from .vocabulary import EventName
from .writers import EventsUnwritable, Writer

_SLICE: Final = 500
_YIELD_EVERY: Final = 16
_HURRY: Final = 1000
"""So many waiting events end the gathering of a batch early."""


@dataclass(frozen=True, slots=True)
class BusStats:
    """Where events went since the start of this process. `malformed` could not be turned into an event at all."""

    queued: int
    dropped: Drops
    malformed: int
    writers: tuple[LaneStats, ...]


def alarm_on_stderr(message: str) -> None:
    """One line to standard error, for what can't be told by an event."""
    with suppress(OSError, ValueError, AttributeError):  # standard error is closed or absent: nobody is left to tell
        sys.stderr.write(f"garrison: {clean(message)}\n")
        sys.stderr.flush()


class Bus:
    """Takes events (`emit` is `core.ports.Emit`) and brings them to the writers.

    section   the policy's `events`: the bound of the queue, further names to redact
    clock     wall time for events, monotonic time for retries
    writers   see `writers.Writer`; every writer gets every event
    node      what the operator calls this machine
    routes    names of the route classes, by `Facts.route`
    alarm     where the operator is told that a writer fails

    Nothing runs before `start`; without it, `flush` does the work in the caller's thread (tests use that).
    """

    def __init__(
        self,
        section: EventsSection,
        clock: Clock,
        writers: Sequence[Writer],
        node: str,
        *,
        routes: Sequence[str] = ("default",),
        alarm: Callable[[str], None] = alarm_on_stderr,
    ) -> None:
        self._section = section
        self._clock = clock
        self._wall = clock.wall
        self._alarm = alarm
        self._queue = BoundedQueue(section.queue)
        self._number = self._queue.number
        self._lanes = [Lane(writer, section.queue, alarm) for writer in writers]
        self._reported = Drops()
        self._malformed = 0
        self._work = threading.RLock()
        self._forking = False
        self._shaper = Shaper(Redactor(section.redact), node, secrets.token_hex(4), routes)
        self._node = node
        self._routes = tuple(routes)
        self._hurry = min(_HURRY, section.queue // 4)
        self._bell = Bell()
        self._runner = Runner(self, self._bell)

    def emit(self, name: str, facts: Facts | None = None, /, **details: Detail) -> None:
        """Record that `name` happened. See `core.ports.Emit`; `shape` names the details that become fields."""
        try:
            waiting = self._queue.put(
                (
                    self._number(),
                    self._wall(),
                    name,
                    None if facts is None else locate(facts),
                    bound(details) if details else details,
                )
            )
            if self._bell.asleep or waiting == self._hurry:
                self._bell.ring(self)
        except Exception:  # noqa: BLE001 - a request must not fail because its event could not be noted; it is counted
            self._malformed += 1

    def start(self) -> None:
        """Open the writers and start the background thread. Raises `EventsUnwritable`: then nothing runs."""
        with self._work:
            try:
                for lane in self._lanes:
                    _open(lane.writer)
            except OperatorError:
                for lane in self._lanes:
                    lane.writer.close()
                raise
        self._runner.start()

    def attach(self, writer: Writer, *, opened: bool = False) -> None:
        """Let `writer` have every event from now on; `opened`: open it first, and raise `EventsUnwritable` if it can't.

        What waits now was emitted before it and comes to it as well.
        """
        if opened:
            _open(writer)
        with self._work:
            self._lanes.append(Lane(writer, self._section.queue, self._alarm))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Write nothing in here: what is emitted comes to every writer that is attached before the end.

        For the start: what the audit log says of its own past must reach detection, which is attached after it.
        """
        with self._work:
            yield

    def flush(self, timeout: float = 5.0) -> bool:
        """Write everything that waits, in this thread. True when all of it is written by all writers.

        Blocks for up to `timeout` real seconds (and a writer's last call): use a thread in asynchronous code.
        """
        deadline = time.monotonic() + timeout
        if not self._work.acquire(timeout=max(0.0, timeout)):
            return False
        try:
            self.turn(force=True)
            while len(self._queue) and time.monotonic() < deadline:
                self.turn(force=True)
            return not len(self._queue) and not any(lane.pending for lane in self._lanes)
        finally:
            self._work.release()

    def close(self, timeout: float = 5.0) -> bool:
        """Stop the thread, write what waits, close the writers; True when all of it is written.

        What is emitted later is dropped and counted.
        """
        self._runner.stop(timeout)
        complete = self.flush(timeout)
        self._queue.limit = 0
        with self._work:
            for lane in self._lanes:
                lane.writer.close()
            waiting = max((lane.pending for lane in self._lanes), default=0)
        if not complete:
            self._alarm(f"{waiting + len(self._queue)} events could not be written before the end")
        return complete

    def stats(self) -> BusStats:
        return BusStats(
            len(self._queue), self._queue.dropped, self._malformed, tuple(lane.stats() for lane in self._lanes)
        )

    @property
    def idle(self) -> bool:
        """Nothing waits in the queue."""
        return not len(self._queue)

    @property
    def settled(self) -> bool:
        """Nothing waits anywhere."""
        return self.idle and not any(lane.pending for lane in self._lanes)

    def work(self) -> None:
        """The background thread's turn: nothing may end it."""
        try:
            self.turn()
        except Exception as error:  # noqa: BLE001 - a faulty writer (its name, its alarm) must not silence the others
            alarm_on_stderr(f"the events thread met {type(error).__name__}: {error}")

    def turn(self, *, force: bool = False) -> None:
        """Shape and write what waits now."""
        with self._work:
            raws = self._queue.drain()
            self._report_drops()
            for start in range(0, len(raws) or 1, _SLICE):
                events = self._shape(raws[start : start + _SLICE])
                for lane in self._lanes:
                    lane.offer(events)
                    self._tell(lane, lane.push(self._clock.monotonic(), force=force))

    def _shape(self, raws: Sequence[Raw]) -> list[Event]:
        events = []
        for index, raw in enumerate(raws):
            if index % _YIELD_EVERY == 0:
                time.sleep(0)  # let a request have the interpreter: shaping a slice takes milliseconds
            try:
                events.append(self._shaper.shape(raw))
            except Exception:  # noqa: BLE001 - one event that can't be shaped must not take the others with it; counted
                self._malformed += 1
        return events

    def _report_drops(self) -> None:
        dropped = self._queue.dropped
        new = dropped - self._reported
        if new and self._queue.limit:
            self._reported = dropped
            self.emit(EventName.EVENTS_DROPPED, chatter=new.chatter, relevant=new.relevant, where="queue")
        for lane in self._lanes:
            if lane.unreported and not lane.is_failing:  # earlier, the report would itself be one too many for the lane
                lost, lane.unreported = lane.unreported, 0
                self.emit(EventName.EVENTS_DROPPED, lost=lost, where=lane.writer.name)

    def _tell(self, lane: Lane, turn: Turn) -> None:
        if turn is Turn.FAILED:
            self.emit(EventName.DEGRADED, service=f"events:{lane.writer.name}", error=lane.stats().failing)
        elif turn is Turn.RECOVERED:
            self.emit(EventName.RECOVERED, service=f"events:{lane.writer.name}")

    def before_fork(self) -> None:
        """Let go of files and connections (SQLite's must not be inherited), and keep the work lock over the fork."""
        self._forking = self._work.acquire(timeout=FORK_SECONDS)
        for lane in self._lanes:
            lane.writer.close()

    def after_fork_in_parent(self) -> None:
        if self._forking:
            self._work.release()

    def after_fork_in_child(self) -> None:
        """A new life: the parent writes what it has; this process has its own locks, numbers and counters."""
        self._work = threading.RLock()
        self._queue.reset()
        self._number = self._queue.number
        self._reported, self._malformed = Drops(), 0
        self._lanes = [Lane(lane.writer, self._section.queue, self._alarm) for lane in self._lanes]
        self._shaper = Shaper(Redactor(self._section.redact), self._node, secrets.token_hex(4), self._routes)


def _open(writer: Writer) -> None:
    try:
        writer.open()
    except (OSError, sqlite3.Error) as error:
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        raise EventsUnwritable(writer.name, str(error), damaged=damaged) from error
