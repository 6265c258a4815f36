"""A private folder in memory, for what is in clear while somebody edits it, and what killed edits left of such folders.

Threat: a process that is killed removes nothing. So a folder is locked while the process that made it, or the editor
that it started, is alive: the kernel lets go of the lock with the last of them, and what is not locked is a leftover.
Assumption: the editor keeps the files it was started with open, as programs do that don't look at them. Lets pass:
a leftover until the next edit, or until the machine is switched off; swap (encrypt it).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..core.errors import OperatorError

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_PREFIX: Final = "garrison-edit-"
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def folder_in_memory() -> Iterator[tuple[Path, int]]:
    """A new private folder, and what keeps it locked: hand that on to programs that work in it. Removed at the end.

    Raises `OperatorError` where no file system is in memory.
    """
    folder, lock = _made(memory_folder(Path("/proc/self/mounts").read_text("utf-8")))
    try:
        yield folder, lock
    finally:
        with suppress(FileNotFoundError):  # the editor may have taken it away
            shutil.rmtree(folder)
        os.close(lock)


def _made(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with suppress(FileNotFoundError):  # somebody took it for a leftover before it was locked
            lock = os.open(folder, _OPEN)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                return folder, lock
            os.close(lock)


@contextmanager
def _leftovers() -> Iterator[list[Path]]:
    """The folders of this user that nobody works in, locked meanwhile."""
    locks: list[int] = []
    found: list[Path] = []
    try:
        for folder in (one for parent in _parents() for one in sorted(parent.glob(f"{_PREFIX}*"))):
            with suppress(OSError):  # a link, no folder, another's, gone by now; or locked: somebody is at work
                locks.append(os.open(folder, _OPEN))
                if os.fstat(locks[-1]).st_uid == os.geteuid():
                    fcntl.flock(locks[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
                    found.append(folder)
        yield found
    finally:
        for lock in locks:
            os.close(lock)


def leftovers() -> list[Path]:
    """What edits that were killed left: folders of this user, in which nobody works."""
    with _leftovers() as found:
        return found


def remove_leftovers() -> list[Path]:
    """Remove them, and say which. Raises `OperatorError` for one that stays."""
    with _leftovers() as found:
        for folder in found:
            try:
                shutil.rmtree(folder)
            except OSError as error:
                raise OperatorError(
                    f"{folder} holds secrets in clear, left by an edit that was killed, and can't be removed "
                    f"({error.strerror or type(error).__name__}).",
                    remedy=f"Remove it: rm -r {folder}",
                ) from None
        return found


def _parents() -> Iterator[Path]:
    """Where an edit may have made its folder."""
    for name in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108 - a private folder is made in it
        if name and stat.S_ISDIR(_mode(Path(name))):
            yield Path(name)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def memory_folder(mounts: str) -> Path:
    """A writable folder on a file system in memory, by the text of /proc/self/mounts. Raises OperatorError."""
    kinds = {Path(parts[1]): parts[2] for parts in map(str.split, mounts.splitlines()) if len(parts) > 2}
    for folder in _parents():
        if not os.access(folder, os.W_OK):
            continue
        mount = next(one for one in (folder.resolve(), *folder.resolve().parents) if one in kinds or one == Path("/"))
        if kinds.get(mount) in _IN_MEMORY:
            return folder
    raise OperatorError(
        "There is no file system in memory (tmpfs) to edit secrets on.",
        remedy="Mount a tmpfs at /dev/shm, or use `garrison secrets set NAME`, which writes no file in clear.",
    )
