"""Several worker processes behind one set of listening sockets.

The supervisor holds the sockets and never imports the application, so it can start workers anew, with new code, while
others serve: a reload (SIGHUP) replaces one worker after the other, each only once its successor says that it serves.
A worker that dies is replaced, ever more slowly while it keeps dying. SIGTERM and SIGINT end all of them gracefully.

Threat: a deployment that drops requests; a worker that dies and is not missed; workers that outlive their supervisor
(the kernel ends them with it, on Linux). Assumption: a worker that said it serves, serves. Lets pass: a worker that
hangs; readiness of the machine is for its balancer to ask.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

from ..core.errors import DependencyError
from ..core.ports import Emit
from ..events.vocabulary import EventName
from .compartment import HANDED, hand
from .errors import StartupFailedError

JOB: Final = "_GARRISON_WORKER"
"""Holds a worker's job in its environment; no policy key begins with an underscore."""
MODULE: Final = "garrison.cli.worker"
START_SECONDS: Final = 120.0
"""A worker serves this long after it was started, or it failed."""
SPARE: Final = 10.0
"""Beyond its own time for requests in progress, a worker has this long to end."""
_STEADY: Final = 30.0
_TICK: Final = 0.2
_log = logging.getLogger("uvicorn.error")


def serving(warnings: Sequence[str]) -> bytes:
    """What a worker writes to its pipe once it serves: one piece, which nobody sees half of."""
    return b"1" + "\n".join(warnings).encode()[: select.PIPE_BUF - 1]


class WorkerRefused(DependencyError):
    """The system does not let this process start a worker."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"No worker can be started with {sys.executable}: {why}.",
            remedy="The user the server runs as must be allowed to read and run this Python and its packages.",
        )


@dataclass(slots=True)
class Worker:
    """One process. `ready` is the pipe on which it says that it serves; None once it has. `missed`: its death was
    told."""

    process: subprocess.Popen[bytes]
    began: float
    ready: int | None
    missed: bool = False

    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.alive():
            self.process.send_signal(how)

    def forget(self) -> None:
        if self.ready is not None:
            os.close(self.ready)
            self.ready = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: `count` workers with `job` (plain values), on `listeners`. `grace` is a worker's own `shutdown`."""

    count: int
    job: Mapping[str, object]
    listeners: Sequence[socket.socket]
    grace: float
    emit: Emit
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    secrets: bytes = field(default=b"", repr=False)
    """What each worker is handed through a pipe, and holds (`policy/held.py`)."""


@dataclass(slots=True)
class Told:
    """Who is told: `ready` when all workers serve (again), `reloading` and `stopping` when that begins."""

    ready: Callable[[], None] = lambda: None
    reloading: Callable[[], None] = lambda: None
    stopping: Callable[[], None] = lambda: None


class Supervisor:
    """Runs a plan until it is told to stop. `serving` is whether every worker says that it serves, `warnings` what the
    last of them said of its certificate then."""

    def __init__(self, plan: Plan, told: Told) -> None:
        self._plan = plan
        self._told = told
        self._workers: list[Worker] = []
        self._leaving: list[tuple[Worker, float]] = []
        self._failures = 0
        self._stopping = self._reload = False
        self._wake, self._woken = os.pipe()
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)
        self.serving = False
        self.warnings: tuple[str, ...] = ()

    def state(self) -> tuple[int, int, bool]:
        """Workers that live, workers there should be, whether all of them serve. From any thread."""
        return sum(worker.process.returncode is None for worker in self._workers), self._plan.count, self.serving

    def run(self) -> None:
        """Until SIGTERM or SIGINT; in the main thread. Raises `StartupFailedError` when the first workers fail."""
        handlers = {signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGHUP: self._hang_up}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        wakeup = signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        try:
            self._first()
            while not self._stopping:
                self._turn()
            self._told.stopping()
        finally:
            self.serving = False
            self._end_all()
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wake)
            os.close(self._woken)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self._reload = True

    def _first(self) -> None:
        self._workers = [self._start() for _ in range(self._plan.count)]
        for worker in self._workers:
            if not self._until_ready(worker) and not self._stopping:
                raise StartupFailedError(worker.process.returncode or 1)
        if not self._stopping:
            self._all_serve()

    def _all_serve(self) -> None:
        self.serving = True
        self._told.ready()

    def _turn(self) -> None:
        self._sleep(_TICK)
        self._reap()
        if self._reload and not self._stopping:
            self._reload = False
            self._replace_all()
        self._miss()
        for place, worker in enumerate(self._workers):
            if not worker.alive() and not self._stopping:
                self._replace_dead(place, worker)

    def _miss(self) -> None:
        """Tell of every worker that died, before any is replaced and while others are: that takes seconds for each."""
        for worker in self._workers:
            if worker.missed or worker.ready is not None or worker.alive() or self._stopping:
                continue
            worker.missed, self.serving = True, False
            code, failures = worker.process.returncode, 0 if self._was_steady(worker) else self._failures + 1
            _log.error("A worker died (status %s); another takes its place", code)
            self._plan.emit(EventName.CRASH, None, status=code, failures=failures)

    def _was_steady(self, worker: Worker) -> bool:
        return time.monotonic() - worker.began > _STEADY

    def _replace_all(self) -> None:
        """One after the other; the first that fails keeps the rest as they are."""
        self._told.reloading()
        for place, worker in enumerate(self._workers):
            fresh = self._start_later()
            if fresh is None or not self._until_ready(fresh):
                if fresh is not None:
                    self._leaving.append((fresh, 0.0))  # ended, and waited for, at the next look
                if not self._stopping:
                    _log.error("Reloading failed: the new worker did not start. The old ones go on.")
                    self._plan.emit(EventName.DEGRADED, None, service="reload", error="the new worker did not start")
                break
            self._workers[place] = fresh
            self._let_go(worker)
        else:
            self._plan.emit(EventName.RESTART, None, workers=self._plan.count)
            _log.info("Reloaded %d workers", self._plan.count)
        if not self._stopping:
            self._told.ready()

    def _replace_dead(self, place: int, worker: Worker) -> None:
        worker.forget()
        self._miss()
        self._failures = 0 if self._was_steady(worker) else self._failures + 1
        self._hold_back(min(2.0**self._failures - 1, 30.0) if self._failures > 1 else 0.0)
        if self._stopping:
            return
        fresh = self._start_later()
        if fresh is None:  # the dead one keeps its place, and the next turn tries again
            return
        self._workers[place] = fresh
        if not self._until_ready(fresh):
            fresh.end(signal.SIGKILL)  # dead, or as good as: the next turn tries again
        elif all(one.alive() for one in self._workers):
            self._all_serve()

    def _hold_back(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stopping:
            self._sleep(_TICK)
            self._miss()

    def _start(self) -> Worker:
        hears, says = os.pipe()
        numbers = [one.fileno() for one in self._plan.listeners]
        given = hand(self._plan.secrets) if self._plan.secrets else None
        job = json.dumps({**self._plan.job, "listeners": numbers, "ready": says})
        environ = {**self._plan.environ, JOB: job} | ({HANDED: str(given)} if given is not None else {})
        passed = [*numbers, says] + ([given] if given is not None else [])
        try:
            process = subprocess.Popen(  # noqa: S603  ourselves
                [sys.executable, "-m", MODULE], env=environ, pass_fds=passed,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            os.close(hears)
            raise WorkerRefused(error.strerror or type(error).__name__) from error
        finally:
            os.close(says)
            if given is not None:
                os.close(given)
        return Worker(process, time.monotonic(), hears)

    def _start_later(self) -> Worker | None:
        """As `_start`, while others serve: what can't be started now is told, and ends nobody."""
        try:
            return self._start()
        except WorkerRefused as error:
            _log.error("%s", error)
            return None

    def _until_ready(self, worker: Worker) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while worker.ready is not None and not self._stopping and time.monotonic() < deadline:
            if not _readable(worker.ready, _TICK):
                self._miss()
                continue
            said = os.read(worker.ready, select.PIPE_BUF)
            worker.forget()
            self.warnings = tuple(said[1:].decode("utf-8", "replace").splitlines())
            return bool(said)
        worker.forget()
        return False

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stopping:
            if _readable(self._wake, left):
                os.read(self._wake, 512)
                return

    # Ending

    def _let_go(self, worker: Worker) -> None:
        worker.end()
        self._leaving.append((worker, time.monotonic() + self._plan.grace + SPARE))

    def _reap(self) -> None:
        now = time.monotonic()
        for worker, deadline in self._leaving:
            if now > deadline:
                worker.end(signal.SIGKILL)
        self._leaving = [(worker, deadline) for worker, deadline in self._leaving if worker.alive()]

    def _end_all(self) -> None:
        for worker in self._workers:
            worker.forget()
            self._let_go(worker)
        while self._leaving:
            time.sleep(0.05)
            self._reap()


def _readable(descriptor: int, seconds: float) -> bool:
    """Whether there is something to read within `seconds`. `select` knows no descriptors above 1023; `poll` does."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
