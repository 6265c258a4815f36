"""A file for state that only this user can read, made before a library opens it.

Threat: other users of the machine read sessions, or plant a link in the place of the file or its folder. SQLite gives
its own side files the mode of the first, so that one is made here. Assumption: a local file system with POSIX modes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .errors import StoreFileRefused


def prepare_file(path: Path) -> None:
    """Make folder (0700) and file (0600), or check those that are there. Raises `StoreFileRefused`."""
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(folder, stat.S_ISDIR, "chmod 700")
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        _check(path, stat.S_ISREG, "chmod 600")
    except OSError as error:
        raise StoreFileRefused(path, f"can't be made or read: {error.strerror}", "Make the folder writable.") from error


def identity(path: Path) -> tuple[int, int] | None:
    """Which file stands at `path`; None when there is none. It changes when somebody replaces the file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check(path: Path, is_right: Callable[[int], bool], command: str) -> None:
    found = path.lstat()
    if not is_right(found.st_mode):
        raise StoreFileRefused(path, "is a link or of the wrong kind", "Put the real one there or remove it.")
    if found.st_uid != os.geteuid():
        raise StoreFileRefused(path, "belongs to another user", "Use a state folder of your own.")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StoreFileRefused(path, "is open to other users", f"Run {command} {path}")
