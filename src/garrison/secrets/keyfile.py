"""Key files: read only when nobody else can read or swap them, and made once.

Threat: another user of the machine reads the key, or plants one through a link or a race; where one is made, also
through a loose folder. Every folder on the way belongs to us or the superuser, and nobody else may write it (as with
sshd's StrictModes). Assumption: a local POSIX file system. Lets pass: the superuser, whoever already acts as this user,
and access lists beyond the mode bits.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from .errors import KeyFileRefused, KeyMissing
from .private_files import read_open

MAX_BYTES: Final = 16 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_key_file(path: Path) -> str:
    """The text of a key file. Raises `KeyMissing` and `KeyFileRefused`."""
    _check_way(path)

    def check(found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise _refused(path, "it is not a plain file", "Name a plain file.")
        _check_private(path, found, "chmod 600")

    try:
        content = read_open(os.open(path, _OPEN), MAX_BYTES + 1, check)
    except FileNotFoundError:
        raise KeyMissing(f"the file {path}") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(path, "it is a symbolic link", "Name the file itself.") from None
        raise _refused(path, error.strerror or "it can't be opened", "Check its owner and mode.") from error
    if len(content) > MAX_BYTES:
        raise _refused(path, f"it has more than {MAX_BYTES} bytes", "Keep nothing but keys in it.")
    return content.decode("utf-8", "surrogateescape")


def read_or_make(path: Path) -> str:
    """The key file's text; a file that is not there is made, with a new random key, in a private folder.

    Several processes may start at once: the first to finish makes the file, and all of them read it.
    Raises `KeyFileRefused`.
    """
    _private_folder(path.parent)
    if not os.path.lexists(path):
        try:
            _make(path)
        except OSError as error:
            raise _refused(path, error.strerror or "it can't be written", "Check the folder's owner.") from error
    return read_key_file(path)


def _make(path: Path) -> None:
    """Write beside, then link: the name appears with its whole content or not at all, and never replaces a file."""
    beside = path.with_name(f".new-{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(beside, _MAKE, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # a umask may have taken away more than it should
            file.write(secrets.token_urlsafe(32).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(beside, path, follow_symlinks=False)
    finally:
        beside.unlink(missing_ok=True)


def _private_folder(folder: Path) -> None:
    for one in reversed((folder, *folder.parents)):
        if not os.path.lexists(one):
            with suppress(FileExistsError):
                one.mkdir(mode=0o700)  # mkdir(parents=True) would give the mode to the last folder only
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise _refused(folder, "it is not a folder", "Name a real folder as `state`.")
    _check_private(folder, found, "chmod 700")


def _check_way(path: Path) -> None:
    """Refuse a folder on the way to `path` that others can put something into, as it is written and as it resolves."""
    try:
        ways = {*path.absolute().parents, *path.parent.resolve().parents, path.parent.resolve()}
        found = {folder: folder.lstat() for folder in sorted(ways)}
    except FileNotFoundError:
        return  # then the file is not there either
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before Python 3.13
        raise _refused(
            path, "a folder on its way can't be looked at", "Check the folders' owners and modes."
        ) from error
    for folder, status in found.items():
        if status.st_uid not in {os.geteuid(), 0}:
            why = f"its folder {folder} belongs to another user (uid {status.st_uid})"
            raise _refused(path, why, "Keep it in a folder of your own.")
        others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        # Links have no mode of their own. In a sticky folder (/tmp) nobody can replace what is another's.
        if others and not stat.S_ISLNK(status.st_mode) and not status.st_mode & stat.S_ISVTX:
            why = f"other users may write its folder {folder} (mode {stat.S_IMODE(status.st_mode):04o})"
            raise _refused(
                path, why, f"Run `chmod go-w {folder}`, and make a new key if others may have written there."
            )


def _check_private(path: Path, found: os.stat_result, command: str) -> None:
    if found.st_uid not in {os.geteuid(), 0}:
        raise _refused(path, f"it belongs to another user (uid {found.st_uid})", "Make it your own.")
    if found.st_mode & _OTHERS:
        why = f"it is open to other users (mode {stat.S_IMODE(found.st_mode):04o})"
        raise _refused(path, why, f"Run `{command} {path}`, and make a new key if others may have read this one.")


def _refused(path: Path, why: str, remedy: str) -> KeyFileRefused:
    return KeyFileRefused(str(path), why, remedy)
