"""Attachments on disk.

Threat: a file name that leaves the folder or runs where it lies, a file that fills the disk, content that the browser
takes for a page (CWE-22, CWE-434; OWASP File Upload Cheat Sheet). So: our own random names, a folder outside any web
root, mode 0600, a cap counted as the bytes arrive; and on the way out always a download of an unspecific type.
Lets pass: harmful content in a file that somebody downloads and opens.
"""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from anyio import to_thread

_CHUNK: Final = 64 * 1024
_KEY = re.compile(r"[0-9a-f]{48}")
_UNFIT = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u2028-\u202e\u2066-\u2069]')


class TooLarge(Exception):
    """The file has more bytes than there is room for."""


class Readable(Protocol):
    """Something that is read piece by piece, such as an upload."""

    async def read(self, size: int, /) -> bytes: ...


class Files:
    """The folder of attachments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        """Make the folder, for our user alone."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def save(self, source: Readable, limit: int) -> tuple[str, int]:
        """Store at most `limit` bytes. Returns key and size. Raises `TooLarge`; nothing is left then."""
        key = secrets.token_hex(24)
        path = self._folder / key
        target = await to_thread.run_sync(_create, path)
        try:
            with target:
                size = await _copy(source, target, limit)
        except BaseException:  # also on cancellation: a half-written file must not stay
            path.unlink(missing_ok=True)
            raise
        return key, size

    def path(self, key: str) -> Path:
        """Where the file is. Raises ValueError for a key that is not one of ours."""
        if not _KEY.fullmatch(key):
            raise ValueError("not a file key")
        return self._folder / key

    async def delete(self, keys: list[str]) -> None:
        for key in keys:
            await to_thread.run_sync(self.path(key).unlink, True)


async def _copy(source: Readable, target: BinaryIO, limit: int) -> int:
    size = 0
    while chunk := await source.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise TooLarge
        await to_thread.run_sync(target.write, chunk)
    return size


def _create(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")


def shown_name(sent: str | None) -> str:
    """The sender's name for the file, fit for display and for a `Content-Disposition`: one line, no path, no tricks."""
    name = unicodedata.normalize("NFC", sent or "").replace("\\", "/").rpartition("/")[2]
    name = _UNFIT.sub("_", name.encode("utf-8", "replace").decode()).strip(" .")
    return name[-120:] or "file"
