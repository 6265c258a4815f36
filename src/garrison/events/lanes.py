"""A lane: one writer, what still has to be written by it, and what to do while it fails.

A failing writer (a full disk, a locked or broken database, a log nobody reads) keeps its events and is asked again
every second; it never holds up the others. Its backlog is bounded: chatter gives way first, then the newest events,
and both are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import Final, Protocol, runtime_checkable

from .event import Event
from .writers import Writer

BATCH: Final = 500
RETRY_SECONDS: Final = 1.0
ALARM_SECONDS: Final = 60.0


class Turn(Enum):
    """What a push changed."""

    SAME = auto()
    FAILED = auto()
    RECOVERED = auto()


@dataclass(frozen=True, slots=True)
class LaneStats:
    """How a writer fares: events written, events waiting, events lost for it, failed attempts, why it fails now."""

    writer: str
    written: int
    pending: int
    lost: int
    failures: int
    failing: str


@runtime_checkable
class HandsOn(Protocol):
    """A writer that takes everything at once and has a lane of its own behind it: how that one fares is what counts."""

    def stats(self) -> LaneStats: ...


class Lane:
    """See the module. `limit` bounds the backlog; `alarm` tells the operator, at most once a minute."""

    __slots__ = (
        "_alarm", "_alarmed", "_failing", "_failures", "_limit", "_lost", "_pending", "_retry", "_written",
        "unreported", "writer",
    )  # fmt: skip

    def __init__(self, writer: Writer, limit: int, alarm: Callable[[str], None]) -> None:
        self.writer = writer
        self.unreported = 0
        self._limit = limit
        self._alarm = alarm
        self._pending: deque[Event] = deque()
        self._written = self._lost = self._failures = 0
        self._failing = ""
        self._retry = self._alarmed = float("-inf")

    @property
    def pending(self) -> int:
        return len(self._pending)

    @property
    def is_failing(self) -> bool:
        return bool(self._failing)

    def offer(self, events: Iterable[Event]) -> None:
        """Take `events` on; over the bound, something is lost and counted."""
        self._pending.extend(events)
        excess = len(self._pending) - self._limit
        if excess > 0:
            self._shrink(excess)

    def push(self, now: float, *, force: bool = False) -> Turn:
        """Write what waits. `now` is monotonic seconds; `force` asks a failing writer before its time."""
        if not self._pending or (self._failing and now < self._retry and not force):
            return Turn.SAME
        was_failing = bool(self._failing)
        try:
            while self._pending:
                self._write_some()
        except Exception as error:  # noqa: BLE001 - whatever a writer raises must not end the thread or stop the others
            self._fail(f"{type(error).__name__}: {error}", now)
            return Turn.SAME if was_failing else Turn.FAILED
        self._failing = ""
        return Turn.RECOVERED if was_failing else Turn.SAME

    def lose(self, count: int) -> None:
        """Count events that were lost before they came here."""
        self._lost += count
        self.unreported += count

    def forget(self) -> None:
        """Drop everything without counting: in a forked child, these events are the parent's."""
        self._pending.clear()

    def stats(self) -> LaneStats:
        if isinstance(self.writer, HandsOn):
            return self.writer.stats()
        return LaneStats(self.writer.name, self._written, len(self._pending), self._lost, self._failures, self._failing)

    def _write_some(self) -> None:
        batch = list(islice(self._pending, BATCH))
        done = self.writer.write(batch)
        if not 0 < done <= len(batch):
            raise ValueError(f"the writer says it wrote {done} of {len(batch)} events")
        for _ in range(done):
            self._pending.popleft()
        self._written += done

    def _fail(self, why: str, now: float) -> None:
        self._failing = why
        self._failures += 1
        self._retry = now + RETRY_SECONDS
        if now - self._alarmed >= ALARM_SECONDS:
            self._alarmed = now
            self._alarm(f"events can't be written to {self.writer.name}: {why} ({len(self._pending)} waiting)")

    def _shrink(self, excess: int) -> None:
        kept: deque[Event] = deque()
        left = excess
        for event in self._pending:
            if left and not event.relevant:
                left -= 1
            else:
                kept.append(event)
        for _ in range(left):
            kept.pop()
        self._pending = kept
        self._lost += excess
        self.unreported += excess
