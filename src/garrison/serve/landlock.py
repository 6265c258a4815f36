"""Landlock: what this process and its children may still do with files. Linux 5.13 on; by system call.

Threat: see `sandbox`. Rules can only allow, so a path is hidden by allowing everything beside it: each folder above it
is walked, and what else stands there now is allowed by itself. Lets pass: what was open before; what stands beside a
hidden path's folders and was made later can't be read (a refusal, never a leak).

Source: landlock(7), linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture
_VERSION: Final = 1
_BENEATH: Final = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
_FOLDER: Final = sum(1 << bit for bit in (4, 5, 7, 8, 9, 10, 12, 13))  # remove, make and move all but device files
_ALL: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
TRUNCATE: Final = 1 << 14
_IOCTL: Final = 1 << 15
_SCOPED: Final = 3  # abstract sockets and signals to processes outside
_ON_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | _IOCTL

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The kernel's Landlock version; 0 when it has none, or keeps it off."""
    if platform.system() != "Linux":
        return 0
    found: int = _libc.syscall(_CREATE, None, 0, _VERSION)
    return max(found, 0)


def restrict(hidden: Iterable[Path], writable: Iterable[Path]) -> int:
    """Allow reading all but `hidden`, writing below `writable` only. The version in force. Raises `OSError`.

    The caller has set no-new-privileges, and runs one thread.
    """
    known = version()
    handled = (1 << _ALL[min(known, max(_ALL))]) - 1
    attributes = struct.pack("=QQQ", handled, 0, _SCOPED if known >= 6 else 0)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    ruleset = _called(_libc.syscall(_CREATE, attributes, size, 0))
    try:
        _allow(ruleset, Path("/"), handled & (READ_DIR | EXECUTE | _IOCTL))
        for path in beside([path.resolve() for path in hidden]):
            _allow(ruleset, path, READ_FILE)
        for path in writable:
            _allow(ruleset, path.resolve(), handled & (WRITE_FILE | TRUNCATE | _FOLDER))
        _called(_libc.syscall(_RESTRICT, ruleset, 0))
    finally:
        os.close(ruleset)
    return known


def beside(hidden: list[Path]) -> Iterator[Path]:
    """Paths that together hold everything but what is below `hidden`, as it stands now."""
    if not hidden:
        yield Path("/")
        return
    above = {parent for path in hidden for parent in path.parents}
    for folder in sorted(above):
        try:
            found = list(folder.iterdir())
        except OSError:  # not there, or not to be listed: nothing in it can be allowed by itself
            continue
        for path in found:
            if path not in above and path not in hidden and not path.is_symlink():
                yield path


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:  # it went away meanwhile: then there is nothing to allow
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _ON_FILES
        if rights:
            _called(_libc.syscall(_ADD, ruleset, _BENEATH, struct.pack("=Qi", rights, opened), 0))
    finally:
        os.close(opened)


def _called(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
