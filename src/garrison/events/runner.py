"""The background thread of a bus: sleeps without waking while nothing happens, gathers for 100 ms, then works.

It holds on to the bus only while there is work, so a bus that nobody uses any more goes away and its thread with it.
A process that forks has no such thread at that moment, and parent and child each start their own.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, Protocol

GATHER_SECONDS: Final = 0.1
RETRY_SECONDS: Final = 1.0
"""How often the thread looks after writers that fail."""
FORK_SECONDS: Final = 2.0


class Works(Protocol):
    """What the runner runs: `idle`, nothing is queued; `settled`, and nothing waits for a writer; see `Bus`."""

    @property
    def idle(self) -> bool: ...
    @property
    def settled(self) -> bool: ...
    def work(self) -> None: ...
    def close(self) -> bool: ...
    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...


class Bell:
    """Wakes the thread. `put` of a SimpleQueue is re-entrant and never blocks: a signal handler may ring.

    What is put is the bus itself, so that it lives until the thread has done the work it was woken for; None asks the
    thread to end.
    """

    __slots__ = ("_queue", "asleep")

    def __init__(self) -> None:
        self._queue: SimpleQueue[Works | None] = SimpleQueue()
        self.asleep = False

    def renew(self) -> None:
        """Forget earlier rings: they were meant for the last thread, or for the parent's."""
        self._queue = SimpleQueue()
        self.asleep = False

    def ring(self, bus: Works | None) -> None:
        self.asleep = False
        self._queue.put(bus)

    def wait(self, seconds: float | None, bus: weakref.ref[Works]) -> Works | None:
        """Wait for a ring (None: for ever) or till the time is over; the bus, if there is still something to do."""
        try:
            return self._queue.get(timeout=seconds)
        except Empty:
            return bus()


class Runner:
    """Starts and stops the thread of `bus`, which wakes it with `bell`."""

    __slots__ = ("__weakref__", "_bell", "_bus", "_resume", "_thread", "_watched")

    def __init__(self, bus: Works, bell: Bell) -> None:
        self._bus = weakref.ref(bus)
        self._bell = bell
        self._thread: threading.Thread | None = None
        self._resume = False
        self._watched = False

    def start(self) -> None:
        """Start the thread, unless it runs."""
        if not self._watched:
            self._watched = True
            _watch(self._bus, weakref.ref(self))
        if self._thread is None:
            self._spawn()

    def stop(self, timeout: float) -> None:
        """End the thread and wait for it up to `timeout` seconds; a later `start` begins anew."""
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            self._bell.ring(None)
            thread.join(timeout)

    def before_fork(self) -> None:
        self._resume = self._thread is not None
        self.stop(FORK_SECONDS)

    def after_fork(self) -> None:
        if self._resume:
            self._spawn()

    def _spawn(self) -> None:
        bus = self._bus()
        if bus is None:
            return
        bell = self._bell
        bell.renew()
        ref = weakref.ref(bus, lambda _: bell.ring(None))
        self._thread = threading.Thread(target=_run, args=(ref, bell), name="garrison-events", daemon=True)
        self._thread.start()


def _run(ref: weakref.ref[Works], bell: Bell) -> None:
    while True:
        bell.asleep = True  # before looking: whoever emits after this line rings
        bus = bell.wait(_seconds_to_sleep(ref()), ref)
        bell.asleep = False
        if bus is None:
            return
        end = bell.wait(GATHER_SECONDS, ref) is None
        bus.work()
        del bus  # while asleep, the thread must not be what keeps the bus alive
        if end:
            return


def _seconds_to_sleep(bus: Works | None) -> float | None:
    if bus is None or not bus.idle:
        return 0.0
    return None if bus.settled else RETRY_SECONDS


def _watch(bus: weakref.ref[Works], runner: weakref.ref[Runner]) -> None:
    """Look after the ends of processes. The hooks can't be taken back; they hold nothing but weak references."""

    def on(act: Callable[[Works, Runner], None]) -> Callable[[], None]:
        def hook() -> None:
            living, its = bus(), runner()
            if living is not None and its is not None:
                act(living, its)

        return hook

    def before(living: Works, its: Runner) -> None:
        its.before_fork()
        living.before_fork()

    def in_parent(living: Works, its: Runner) -> None:
        living.after_fork_in_parent()
        its.after_fork()

    def in_child(living: Works, its: Runner) -> None:
        living.after_fork_in_child()
        its.after_fork()

    os.register_at_fork(before=on(before), after_in_parent=on(in_parent), after_in_child=on(in_child))
    atexit.register(on(lambda living, _: (living.close(), None)[1]))
