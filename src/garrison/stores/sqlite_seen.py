"""What was read from the embedded store lately, for as long as nobody has written to the file.

A read that goes through the store's thread costs a hundred microseconds, on every request of a logged-in user. SQLite
tells for three whether any other connection, of this process or another, has committed since: `PRAGMA data_version`
looks into shared memory and never touches the disk, so it may be asked on the event loop.

Threat: a revoked session that lives on in a copy. So a copy is used only when the version is the one from before it
was read, and once a second it is checked that the file is still the one that was opened (somebody who removes it wants
everybody logged out). Lets pass: that one second.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..core.ports import Record
from .private_file import identity

_MOST: Final = 10_000
_LOOK_EVERY: Final = 1.0
"""Seconds between two looks at which file stands at the path."""
UNKNOWN: Final = -1


class Seen:
    """Copies of records by (kind, id); None for one that is not there. Used on the event loop's thread alone."""

    def __init__(self, path: Path, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._monotonic = monotonic
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._looked = 0.0
        self._version = UNKNOWN
        self._records: dict[tuple[str, str], Record | None] = {}

    def version(self) -> int:
        """The version of the file's content, or `UNKNOWN`. Forgets every copy when it has changed."""
        version = self._read_version()
        if version != self._version:
            self._records.clear()
            self._version = version
        return version

    def holds(self, kind: str, id: str) -> bool:
        """Whether a copy is there. Ask `version` first."""
        return (kind, id) in self._records

    def get(self, kind: str, id: str) -> Record | None:
        """The copy."""
        return self._records[kind, id]

    def keep(self, kind: str, id: str, record: Record | None, version: int) -> None:
        """Remember what was read, if nothing was written since `version`, which was asked before the read."""
        if version == UNKNOWN or self.version() != version:
            return
        if len(self._records) >= _MOST:
            self._records.clear()
        self._records[kind, id] = record

    def close(self) -> None:
        """Forget everything and let go of the file."""
        connection, self._connection = self._connection, None
        self._version, self._identity = UNKNOWN, None
        self._records.clear()
        if connection is not None:
            with suppress(sqlite3.Error):  # it only ever read
                connection.close()

    def _read_version(self) -> int:
        now = self._monotonic()
        if self._connection is None or now - self._looked >= _LOOK_EVERY:
            self._looked = now
            self._look()
        if self._connection is None:
            return UNKNOWN
        try:
            row = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            # Whatever is wrong with the file, the store's own thread will meet it and say so: no copy is used.
            self.close()
            return UNKNOWN
        version: int = row[0]
        return version

    def _look(self) -> None:
        """Open the file, or open it anew when another one stands in its place."""
        found = identity(self._path)
        if self._connection is not None and found == self._identity:
            return
        self.close()
        if found is None:
            return
        try:
            connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        except sqlite3.Error:
            return  # as in `_read_version`: reads go through the store, which says what is wrong
        self._connection, self._identity = connection, found
