"""Files of a folder that an orchestrator mounts: Kubernetes and Compose secrets, systemd credentials.

Such files are links (Kubernetes swaps `..data` to change all of them at once) and often readable by everybody who is in
the container, which `file:` refuses. Here a link is followed as long as it stays inside the folder, and reading is left
to others only where the folder is a mount in memory, or the file a mount of its own: they were made for this container.

Threat: somebody plants a file, or a link to another secret; another user of an ordinary machine reads the file.
Assumption: who may mount is trusted. Lets pass: other processes in the same container.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .errors import SecretMissing, SecretRefused
from .private_files import read_open
from .secret import Secret
from .source import MAX_BYTES, as_secret

_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_READ: Final = stat.S_IRWXG | stat.S_IRWXO
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_HOW_TO_MOUNT: Final = "Mount it as docs/secrets/mounted.md shows."


def names_in(folder: Path) -> list[str]:
    """The files of a mounted folder by name, without what begins with a dot (`..data`). Raises `SecretRefused`."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.name[:1] != "." and not entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SecretRefused(f"the folder {folder}", error.strerror or "it can't be read", _HOW_TO_MOUNT) from None


def read_mounted(folder: Path, name: str) -> Secret[str]:
    """The secret in the file `name` of `folder`, as it is now. Raises `SecretMissing` and `SecretRefused`."""
    place = f"the mounted file {folder / name}"
    try:
        base = folder.resolve(strict=True)
        real = (base / name).resolve(strict=True)
    except PermissionError:
        raise SecretRefused(place, "this user may not look there", _HOW_TO_MOUNT) from None
    except (OSError, RuntimeError):  # a loop of links is a RuntimeError before Python 3.13
        raise SecretMissing(place, _HOW_TO_MOUNT) from None
    if not real.is_relative_to(base):
        raise SecretRefused(place, "it is a link that leaves its folder", "Put the file itself there.")
    for one in (base, *(step for step in real.parents if step.is_relative_to(base))):
        _check(place, one, one.lstat(), may_read=True)
    return as_secret(_content(place, base, real), place, _HOW_TO_MOUNT)


def _content(place: str, base: Path, real: Path) -> str:
    def check(found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):  # Docker makes a folder of what it finds no file for
            raise SecretRefused(place, "it is not a plain file", "Put a plain file there.")
        _check(place, real, found, may_read=_made_for_us(base, real))

    try:
        return read_open(os.open(real, _OPEN), MAX_BYTES + 3, check).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise SecretRefused(place, error.strerror or "it can't be read", _HOW_TO_MOUNT) from None


def _made_for_us(folder: Path, file: Path) -> bool:
    """Whether `folder` is a mount in memory (Kubernetes, Swarm, systemd), or `file` itself is one (Compose)."""
    try:
        mounts = dict(_mounts(Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")))
    except OSError:
        return False  # no Linux, or no /proc: then nothing is known, and files have to be private
    return mounts.get(str(folder)) in _IN_MEMORY or str(file) in mounts


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    """Mount points and their kinds of file system, as proc(5) writes them; the last one at a place is the visible."""
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        fields = head.split(" ")
        if len(fields) > 4:
            yield re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4]), tail.partition(" ")[0]


def _check(place: str, path: Path, found: os.stat_result, *, may_read: bool) -> None:
    mode = f"mode {stat.S_IMODE(found.st_mode):04o}"
    if found.st_uid not in {os.geteuid(), 0}:
        raise SecretRefused(place, f"{path} belongs to another user (uid {found.st_uid})", "Make it your own.")
    # In a sticky folder, as Kubernetes makes it, nobody can replace what is another's.
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & _WRITE and not sticky:
        raise SecretRefused(place, f"others may write {path} ({mode})", f"Run `chmod go-w {path}`.")
    if found.st_mode & _READ and not may_read:
        why = f"{path} is open to other users ({mode}), and no mount of its own"
        raise SecretRefused(place, why, f"Run `chmod 600 {path}`, or mount the folder.")
