"""Where files lie: in quarantine until they have been judged, then in the store; both for our user alone.

Threat: a name that leads out of the folder or is guessed, a file that is served or run before it was judged, a disk
filled by what was left behind (CWE-22, CWE-340, CWE-459). Names are 192 random bits of ours, folders 0700, files 0600,
and moving from quarantine to the store is one `rename`. A process that is killed leaves its files in quarantine;
`prepare` removes those that are old.
Assumption: the folder lies outside everything that a web server serves. Blocks: call all of it in threads.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from .refused import UploadRefused, Why

_KEY: Final = re.compile(r"[0-9a-f]{48}")
_LEFT_BEHIND: Final = 6 * 3600.0


Piece: TypeAlias = bytes | bytearray | memoryview


class Store:
    """The folder. `path(key)` is the only way to a file. `keep` are seconds for what is left in quarantine."""

    def __init__(self, folder: Path, keep: float = _LEFT_BEHIND) -> None:
        self._keep = keep
        self._quarantine = folder / "quarantine"
        self._files = folder / "files"

    def prepare(self) -> None:
        """Make the folders and see that a file can go all the way. Raises `OSError`."""
        for folder in (self._quarantine.parent, self._quarantine, self._files):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        trial = Draft(self)
        trial.write(b"x")
        trial.close()
        self.path(trial.keep()).unlink()
        old = time.time() - self._keep
        for path in self._quarantine.iterdir():
            with suppress(FileNotFoundError):  # another process tidies too
                if path.stat().st_mtime < old:
                    path.unlink()

    def path(self, key: str) -> Path:
        """Where the file is. Raises ValueError for a key that is not one of ours."""
        if not _KEY.fullmatch(key):
            raise ValueError("not a file's key")
        return self._files / key

    def delete(self, key: str) -> None:
        """Remove a file; one that is gone already is no error."""
        self.path(key).unlink(missing_ok=True)

    def _waiting(self, key: str) -> Path:
        return self._quarantine / key


class Draft:
    """A file in quarantine, hashed (SHA-256) as it is written. Raises `UploadRefused` when it can't be stored.

    `watch` is asked about each piece as it is written, until it says True: then `seen` is True. None without `watch`.
    """

    def __init__(self, store: Store, watch: Callable[[Piece], bool] | None = None) -> None:
        self._store = store
        self._watch = watch
        self.seen = None if watch is None else False
        self.key = secrets.token_hex(24)
        self.path = store._waiting(self.key)  # a store and its drafts are one
        self.size = 0
        self._hash = hashlib.sha256()
        try:
            self._file: BinaryIO = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b", 0)
        except OSError as error:
            raise UploadRefused(Why.STORAGE, type(error).__name__) from None

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: Piece) -> None:
        self.write_all([memoryview(data)])

    def write_all(self, pieces: Sequence[memoryview]) -> None:
        """As one: hashing and writing let go of the interpreter lock, and each time it is got back the event loop may
        hold it for milliseconds."""
        data = pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))
        self._hash.update(data)
        self.size += len(data)
        if self.seen is False and self._watch is not None:
            self.seen = self._watch(data)
        try:
            while data:
                data = data[os.write(self._file.fileno(), data) :]
        except OSError as error:
            raise UploadRefused(Why.STORAGE, error.strerror or "") from None

    def reading(self) -> BufferedReader:
        """The file from its start."""
        return self.path.open("rb")

    def take_over(self) -> None:
        """Hash anew what another process wrote here."""
        with self.reading() as file:
            self._hash = hashlib.file_digest(file, "sha256")
            self.size = file.tell()

    @property
    def file(self) -> BinaryIO:
        return self._file

    def close(self) -> None:
        self._file.close()

    def keep(self) -> str:
        """Into the store; its key there."""
        self.close()
        try:
            self.path.rename(self._store.path(self.key))
        except OSError as error:
            raise UploadRefused(Why.STORAGE, type(error).__name__) from None
        return self.key

    def discard(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)
