"""Whole lines or nothing: how lines get into files, and into pipes whose reader may have stopped reading."""

from __future__ import annotations

import fcntl
import os
import select
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

PATIENCE: Final = 1.0
"""Seconds to wait for a lock or a full pipe."""


def append_lines(descriptor: int, lines: Sequence[bytes]) -> None:
    """Append `lines` to a regular file: all, or none when the disk is full.

    The lock keeps other processes that write the same file from standing in what is cut off again. Raises OSError.
    """
    lock_file(descriptor)
    try:
        before = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, b"".join(lines))
        except OSError:
            with suppress(OSError):  # if even that fails, the error that matters is the first one
                os.ftruncate(descriptor, before)
            raise
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def feed_lines(descriptor: int, lines: Sequence[bytes]) -> int:
    """Write `lines` one by one to whatever `descriptor` is; the number written. Raises OSError when it is none.

    Waits `PATIENCE` for a reader, then gives up: a log nobody reads must not hang this thread, nor the others' events.
    """
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        append_lines(descriptor, lines)
        return len(lines)
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    for done, line in enumerate(lines):
        try:
            if not poll.poll(PATIENCE * 1000):
                raise TimeoutError("the reader of the log does not read")
            _write_all(descriptor, line)
        except OSError:
            if done:
                return done
            raise
    return len(lines)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    deadline = time.monotonic() + PATIENCE
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            poll.poll(50)


def lock_file(descriptor: int) -> None:
    """Hold the lock of an open file; waits up to `PATIENCE`. Raises BlockingIOError. Closing gives it back."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
