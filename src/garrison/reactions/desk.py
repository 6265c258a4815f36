"""The desk: alerts that nobody acknowledges go to the next step, and what waits for the morning is sent in the morning.

It has a thread and a link to the store of its own, so that a busy or stopped event loop keeps nobody from being called.
All that it decides is in the store (`open_alerts`): any process of any node goes on where another ended. What it can't
write there stays here, bounded, and is escalated by this process alone until the store is back: then twice rather than
never. Clocks are asked anew each second; nothing is planned ahead.

Lets pass: alerts that are below `alerts.escalate_least`; what is in memory when a process is killed while the store is
away.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from ..core.errors import DependencyError, OperatorError
from ..core.ports import Emit, Records
from ..events.event import Event
from ..events.terms import Severity
from ..events.vocabulary import EventName
from ..stores.build import Stores
from .open_alerts import Ladder, escalate_due, hold, hurry, open_alert, release, tell

EVERY: Final = 1.0
_MOST: Final = 1000
_JOIN_SECONDS: Final = 3.0
_RENEW_SECONDS: Final = 10.0
_Kept = TypeVar("_Kept")


@dataclass(slots=True)
class Case:
    """An alert that is not in the store yet: whom it was told, and until when they have time."""

    event: Event
    due: float
    step: int = 0


@dataclass(frozen=True, slots=True)
class Quiet:
    """A receiver with quiet hours: whether it is quiet at a wall time, and how it gets what was held for it."""

    now: Callable[[float], bool]
    deliver: Callable[[Sequence[Event]], None]


class Desk:
    """A `Writer` of the bus. `start` it when the application runs; an alert starts it as well.

    ladder  whose turn comes after whose; None: nothing is escalated
    least   alerts below this severity are not
    stores  the link to the store, opened and closed in the desk's own thread
    """

    name = "alerts:desk"

    def __init__(
        self, ladder: Ladder | None, least: Severity, stores: Stores, emit: Emit, wall: Callable[[], float],
        alarm: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._ladder, self._least = ladder, least.syslog
        self._stores, self._emit, self._wall, self._alarm = stores, emit, wall, alarm
        self.quiet: dict[str, Quiet] = {}
        """By the name under which messages are held."""
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._starting = threading.Lock()
        self._cases: deque[Case] = deque()
        self._held: deque[tuple[str, Event]] = deque()
        self._failed: deque[tuple[str, int]] = deque()
        self._renewals: deque[Future[None]] = deque()
        self._away = self._full = self._opened = self._missed = False
        self._running: tuple[threading.Thread, asyncio.AbstractEventLoop, asyncio.Event] | None = None

    # From any thread

    def open(self) -> None:
        """A rehearsed start must tell nobody: `start` comes when the application runs."""

    def start(self) -> None:
        """Begin to look, in this process."""
        if self._process != os.getpid():
            self._begin()
        with self._starting:  # the bus and every receiver's thread may come to it at once
            if self._running is None:
                loop, end = asyncio.new_event_loop(), asyncio.Event()
                thread = threading.Thread(
                    target=_run, args=(weakref.ref(self), loop, end), name="garrison-alerts-desk", daemon=True
                )
                self._running = thread, loop, end
                thread.start()

    async def opening(self) -> None:
        """`start`, for `services.opening`."""
        self.start()

    def write(self, events: Sequence[Event]) -> int:
        if self._ladder is not None:
            for event in events:
                if event.name is EventName.ALERT_RAISED and event.severity.syslog <= self._least:
                    self._keep(self._cases, Case(event, event.when + self._ladder.wait))
        return len(events)

    def hold(self, receiver: str, event: Event) -> None:
        """Keep `event` until the quiet hours of `receiver` are over."""
        self._keep(self._held, (receiver, event))

    def not_taken(self, alert: str, step: int) -> None:
        """A receiver of `step` did not take the message about `alert`."""
        if self._ladder is not None:
            self._keep(self._failed, (alert, step))

    async def renew(self) -> None:
        """Go over to the store's new address or password. Raises as `Stores.renew`, and TimeoutError."""
        if self._running is not None:
            done: Future[None] = Future()
            self._renewals.append(done)
            await asyncio.wait_for(asyncio.wrap_future(done), _RENEW_SECONDS)

    def close(self) -> None:
        """Write what waits, for some seconds, and end. A later `start` begins again."""
        running, self._running = self._running, None
        if running is not None and self._process == os.getpid():
            thread, loop, end = running
            with suppress(RuntimeError):  # the loop is closed: the thread has ended
                loop.call_soon_threadsafe(end.set)
            thread.join(_JOIN_SECONDS)
            if waiting := len(self._cases) + len(self._held):
                self._alarm(f"{waiting} alerts that wait for an answer or for the morning could not be kept")

    def _keep(self, where: deque[_Kept], what: _Kept) -> None:
        self.start()
        if len(where) < _MOST:
            where.append(what)
        elif not self._full:
            self._full = True
            self._alarm(f"more than {_MOST} alerts wait while the store is away: further ones are not escalated")

    # In the desk's own thread

    async def turn(self) -> None:
        """Look once. Does not raise: a thread that ends would call nobody, in silence."""
        try:
            await self._turn()
        except Exception as error:  # noqa: BLE001 - as above; it is told, and the next look comes
            self._tell_away(f"{type(error).__name__}: {error}")

    async def _turn(self) -> None:
        now = self._wall()
        try:
            if not self._opened:
                await self._stores.open()
                self._opened = True
            await self._renewed()
            await self._in_store(self._stores.records, now)
        except (DependencyError, OperatorError) as error:
            if self._missed:  # one answer that is late is no store that is away
                self._tell_away(str(error))
            self._missed = True
            self._alone(now)
        else:
            self._missed = False
            self._tell_away("")

    async def _in_store(self, records: Records, now: float) -> None:
        """What waits is written first, and taken off the list only then."""
        self._hurried()
        while self._cases and self._ladder is not None:
            case = self._cases[0]
            await open_alert(records, case.event, self._ladder, due=case.due, step=case.step)
            self._cases.popleft()
        while self._held:
            await hold(records, *self._held[0])
            self._held.popleft()
        while self._failed:
            await hurry(records, *self._failed[0])
            self._failed.popleft()
        self._full = False
        if self._ladder is not None:
            await escalate_due(records, self._ladder, self._emit, now)
        for name, quiet in self.quiet.items():
            if not quiet.now(now) and (events := await release(records, name, now)):
                quiet.deliver(events)

    def _hurried(self) -> None:
        """What was not taken and is not in the store yet is due at once."""
        for case in list(self._cases):  # other threads append meanwhile
            if (str(case.event.details.get("alert")), case.step) in list(self._failed):
                case.due = 0.0

    def _alone(self, now: float) -> None:
        self._hurried()
        ladder = self._ladder
        for case in list(self._cases) if ladder is not None else ():
            if case.due <= now and ladder is not None and (step := ladder.after(case.step)) is not None:
                tell(self._emit, case.event, step)
                case.step, case.due = step, now + ladder.wait
        for _ in range(len(self._held)):
            name, event = self._held.popleft()
            if (quiet := self.quiet.get(name)) is not None and not quiet.now(now):
                quiet.deliver([event])
            else:
                self._held.append((name, event))

    def _tell_away(self, why: str) -> None:
        if bool(why) is not self._away:
            self._away = bool(why)
            name = EventName.DEGRADED if why else EventName.RECOVERED
            self._emit(name, None, service=self.name, error=why or None)

    async def _renewed(self) -> None:
        while self._renewals:
            done = self._renewals.popleft()
            try:
                await self._stores.renew()
            except Exception as error:  # noqa: BLE001 - whoever asked is told what was wrong
                done.set_exception(error)
            else:
                done.set_result(None)

    async def finish(self) -> None:
        """The last look, and the link closed."""
        await self.turn()
        self._opened = False
        with suppress(DependencyError, OSError):
            await self._stores.close()


def _run(ref: weakref.ref[Desk], loop: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
    try:
        loop.run_until_complete(_look(ref, end))
    finally:
        loop.close()


async def _look(ref: weakref.ref[Desk], end: asyncio.Event) -> None:
    """Between two turns this must not be what keeps the desk and its bus alive. The loop runs on meanwhile: the link
    finds its way back to a store that was away in a task of its own."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), EVERY)
        desk = ref()
        if desk is None:
            return
        if end.is_set():
            await desk.finish()
            return
        await desk.turn()
        del desk
