"""Private files: read only when private, written whole or not at all, one writer at a time.

Threat: another user of the machine reads a private key, or plants one through a link or a loose folder; a
crash leaves half a file. Assumption: the file system honours rename, fsync and flock (local POSIX file
systems do; some network file systems do not). Lets pass: the superuser, and whoever already acts as this
user.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import FileRefusedError, LockHeld

MAX_BYTES = 65_536
LOCK_SECONDS = 10.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_TEMPORARY = ".half-written-"


def private_folder(folder: Path) -> Path:
    """Make `folder` (0700, and so every missing parent) or check that it is private.

    Raises `FileRefusedError` when it is a link, not a folder, not the user's own, or open to others.
    """
    folder = folder.absolute()
    try:
        _make(folder)
        found = folder.lstat()
    except OSError as error:
        raise _unusable(folder, error) from error
    if stat.S_ISLNK(found.st_mode):
        raise FileRefusedError(folder, f"The folder {folder} is a symbolic link.", remedy="Name the real folder.")
    if not stat.S_ISDIR(found.st_mode):
        raise FileRefusedError(folder, f"{folder} is not a folder.", remedy="Name a folder.")
    _check_private(folder, found, "chmod 700")
    return folder


def read_private(path: Path) -> bytes | None:
    """The file's bytes, or `None` when there is no such file.

    Raises `FileRefusedError` when it is a link, not a plain file, not the user's own, open to others, or over
    64 KiB.
    """
    try:
        # The check is made on the open file, so nobody can swap it between the check and the reading.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            message = f"The file {path} is a symbolic link."
            raise FileRefusedError(path, message, remedy=f"Put the file itself there, or remove {path}.") from error
        raise _unusable(path, error) from error

    def check(found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise FileRefusedError(path, f"{path} is not a plain file.", remedy=f"Remove {path}.")
        _check_private(path, found, "chmod 600")

    try:
        content = read_open(descriptor, MAX_BYTES + 1, check)
    except OSError as error:
        raise _unusable(path, error) from error
    if len(content) > MAX_BYTES:
        raise FileRefusedError(path, f"{path} is over {MAX_BYTES} bytes.", remedy=f"Remove {path}.")
    return content


def read_open(descriptor: int, most: int, check: Callable[[os.stat_result], None]) -> bytes:
    """Up to `most` bytes of an open file, which is closed. `check` looks at it first: at the file that is open, so
    that nothing can be swapped in between; it may be a folder. Raises OSError, and what `check` raises."""
    try:
        check(os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `content` so that every reader, and every crash, sees the old file or the new one.

    Raises `FileRefusedError` when the disk or the folder does not allow it.
    """
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    try:
        _write_new(temporary, content, mode)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unusable(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def locked(folder: Path, *, patience: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the folder's lock; sweep what crashed writers left. Not re-entrant.

    Raises `LockHeld` when another process keeps the lock for more than `patience` seconds, and `FileRefusedError`.
    """
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _take(descriptor, path, time.monotonic() + patience)
        for left in folder.glob(f"{_TEMPORARY}*"):
            left.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)  # closing gives the lock back, as does the death of the process


def _make(folder: Path) -> None:
    """`mkdir(parents=True, mode=...)` gives the mode to the last folder only, so each is made by itself."""
    missing = [folder, *folder.parents]
    for one in reversed(missing):
        if not os.path.lexists(one):
            with suppress(FileExistsError):  # another process was first: its folder is checked like any other
                one.mkdir(mode=0o700)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)  # the umask has a say in open(), not here
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                message = f"Another process holds the lock {path}."
                raise LockHeld(path, message, remedy="End that process, then try again.") from None
            time.sleep(0.02)
        else:
            return


def _check_private(path: Path, found: os.stat_result, command: str) -> None:
    if found.st_uid != os.geteuid():
        message = f"{path} belongs to another user (uid {found.st_uid})."
        remedy = f"Run this as that user. Or, if nobody else uses it: chown -R {os.geteuid()} {path}"
        raise FileRefusedError(path, message, remedy=remedy)
    if found.st_mode & _OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        message = f"{path} is open to other users (mode {mode:04o})."
        raise FileRefusedError(path, message, remedy=f"If nobody else used it: {command} {path}")


def _unusable(path: Path, error: OSError) -> FileRefusedError:
    why = error.strerror or type(error).__name__
    return FileRefusedError(path, f"{path} can't be used: {why}.", remedy="Check its folder's owner, mode and space.")
