"""Checkpoints leave the machine: in a thread of their own, the newest one to every place the policy names.

Threat: whoever takes the machine over rewrites the log; a checkpoint that is already elsewhere contradicts it. A later
checkpoint covers all earlier ones, so one that could not be delivered is replaced by the next: nothing piles up, and a
receiver may be away for days. A failure is told once, and so is its end; it is tried again every interval.
Assumption: the place is not writable by who can write here (append-only storage, another account).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from ...core.ports import Emit
from ..appending import append_lines
from ..exports.outlet import told_apart
from ..vocabulary import EventName

JOIN_SECONDS: Final = 2.0


class Place(Protocol):
    """Where checkpoints go. `send` returns when the note is there, within about 10 s, and raises when it is not."""

    @property
    def name(self) -> str: ...

    def send(self, note: str) -> None: ...


class FilePlace:
    """Appends to a file, on a volume that others own. Each checkpoint ends with an empty line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"file:{path}"

    def send(self, note: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        try:
            append_lines(descriptor, [note.encode() + b"\n"])
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Shipper:
    """Sends in the background. `offer` never blocks; `tick` is called every `interval` seconds to make a checkpoint."""

    def __init__(self, places: Sequence[Place], emit: Emit, interval: float, tick: Callable[[], object]) -> None:
        self._places = dict(zip(told_apart(one.name for one in places), places, strict=True))
        self._emit = emit
        self._interval = interval
        self._tick = tick
        self._newest = ""
        self._sent: dict[str, str] = {}
        self._failing: set[str] = set()
        self._wake = threading.Event()
        self._end = False
        self._thread: threading.Thread | None = None

    def offer(self, note: str) -> None:
        self._newest = note
        self._wake.set()

    def start(self) -> None:
        """Begin, unless it runs."""
        if self._thread is None:
            self._end = False
            self._wake = wake = threading.Event()
            # Between two turns the thread must not be what keeps this, the log and the bus alive.
            ref = weakref.ref(self, lambda _: wake.set())
            self._thread = threading.Thread(
                target=_run, args=(ref, wake, self._interval), name="garrison-audit", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Send what is left and end; what can't be sent within two seconds comes with the next start's checkpoint."""
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            self._end = True
            self._wake.set()
            thread.join(JOIN_SECONDS)

    def deliver(self) -> None:
        """Send the newest checkpoint to all who don't have it."""
        note = self._newest
        for name, place in self._places.items():
            if note and self._sent.get(name) != note:
                self._deliver(name, place, note)

    @property
    def failing(self) -> frozenset[str]:
        """Names of the places that can't be reached now."""
        return frozenset(self._failing)

    def turn(self, woken: bool) -> bool:
        """What the thread does when it is woken, or when the interval is over; True: it ends."""
        end = self._end
        if not woken and not end:
            self._guarded(self._tick)
        self.deliver()
        return end

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever fails here is told and tried again; the thread must live
            self._tell("checkpoint", f"{type(error).__name__}: {error}")
        else:
            self._tell("checkpoint", "")

    def _deliver(self, name: str, place: Place, note: str) -> None:
        try:
            place.send(note)
        except Exception as error:  # noqa: BLE001 - as above
            self._tell(name, f"{type(error).__name__}: {error}")
        else:
            self._sent[name] = note
            self._tell(name, "")

    def _tell(self, what: str, error: str) -> None:
        service = f"audit:{what}"
        if error and what not in self._failing:
            self._failing.add(what)
            self._emit(EventName.DEGRADED, None, service=service, error=error)
        elif not error and what in self._failing:
            self._failing.discard(what)
            self._emit(EventName.RECOVERED, None, service=service)


def _run(ref: weakref.ref[Shipper], wake: threading.Event, interval: float) -> None:
    while True:
        woken = wake.wait(interval)
        wake.clear()
        shipper = ref()
        if shipper is None or shipper.turn(woken):
            return
        del shipper
