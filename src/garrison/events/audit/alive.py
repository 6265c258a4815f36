"""Who writes now, and who died: one locked file for each writing process.

The system gives a lock back when its process dies, however it dies. A file that is there and not locked is that of a
process which never closed the log. Assumption: a file system with flock. Lets pass: who removes the file removes the
notice; a missing tail of events is then told by nothing but the numbers (`run`, `seq`) and checkpoints.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SUFFIX: Final = ".run"
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Died:
    """A process that did not close the log: its id, and since when it wrote (wall seconds)."""

    pid: int
    since: float


class Presence:
    """This process is writing; `end` says that it stopped in order. So does losing it: all it was told is written."""

    __slots__ = ("_descriptor", "_path", "_pid")

    def __init__(self, folder: Path, now: float) -> None:
        """Raises OSError."""
        self._descriptor = -1
        self._pid = os.getpid()
        self._path = folder / f"{self._pid}-{secrets.token_hex(4)}{_SUFFIX}"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(self._descriptor, json.dumps({"pid": self._pid, "since": now}).encode())

    def end(self) -> None:
        if self._descriptor < 0:
            return
        if os.getpid() == self._pid:  # a forked child must not say that its parent stopped
            with suppress(OSError):  # gone already: what matters is that it is not there
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = -1

    def __del__(self) -> None:
        self.end()


def bury(folder: Path) -> list[Died]:
    """The processes that died since this was last asked; each is told once."""
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        with suppress(OSError):  # locked: it lives; or another process buries it at this moment
            found += _bury(path)
    return found


def _bury(path: Path) -> list[Died]:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        content = os.read(descriptor, _LONGEST)
        path.unlink()
    finally:
        os.close(descriptor)
    try:
        data = json.loads(content)
        return [Died(int(data["pid"]), float(data["since"]))]
    except (ValueError, KeyError, TypeError):
        return [Died(0, 0.0)]  # killed between making and writing it
