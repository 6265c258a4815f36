"""The embedded store: the newest events in one SQLite file, for `garrison report` and `garrison events`.

Threat: other users of the machine read it (folder 0700, file 0600), or plant a link. A crash of the process loses
nothing that was written; a power cut neither (WAL with synchronous=FULL, one transaction a batch).
Assumption: a local file system. Lets pass: whoever acts as this user can change it; the audit log is for that.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from ..core.errors import OperatorError
from ..policy.sqlite import create, set_up
from .event import Event

FILE_NAME: Final = "events.db"
VERSION: Final = 1
_BUSY_SECONDS: Final = 1.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, time REAL NOT NULL, name TEXT NOT NULL, severity TEXT NOT NULL, layer TEXT NOT NULL,
  route TEXT NOT NULL, reason TEXT NOT NULL, mode TEXT NOT NULL, client TEXT NOT NULL, request_id TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_time ON events (time);
CREATE INDEX IF NOT EXISTS events_request ON events (request_id) WHERE request_id != '';
"""
_INSERT: Final = (
    "INSERT INTO events (time, name, severity, layer, route, reason, mode, client, request_id, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_EXPIRE: Final = "DELETE FROM events WHERE time < (SELECT time FROM events ORDER BY id DESC LIMIT 1) - ?"
_FORGET: Final = (
    "DELETE FROM events WHERE (:principal = '' OR json_extract(body, '$.principal') = :principal)"
    " AND (:client = '' OR json_extract(body, '$.client') = :client OR client = :client)"
    " AND (:before = 0 OR time < :before)"
)
_TRIM: Final = "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?"


class StoreUnusable(OperatorError):
    """The state folder or the event store in it can't be used safely. `path` says which."""

    def __init__(self, path: Path, message: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.path = path


class SqliteWriter:
    """Writes batches into `path` and keeps the newest `keep` events (a little more between two trims)."""

    name = "sqlite"

    def __init__(self, path: Path, keep: int, age: float = 0.0) -> None:
        """`age`: seconds after which events go as well, measured from the newest; 0 for never."""
        self._path = path
        self._keep = keep
        self._age = age
        self._trim_every = max(1, min(1000, keep // 10))
        self._since_trim = self._trim_every
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None

    def open(self) -> None:
        if self._connection is not None and self._inode != _inode(self._path):
            self.close()  # somebody removed or replaced the file: go on in what stands there now
        if self._connection is None:
            prepare_private(self._path)
            connection = _connect(self._path)
            self._connection, self._inode = connection, _inode(self._path)

    def write(self, events: Sequence[Event]) -> int:
        self.open()
        if self._connection is None:
            raise sqlite3.OperationalError("the store is closed")
        with self._connection as transaction:
            transaction.executemany(_INSERT, map(_row, events))
            self._since_trim += len(events)
            if self._since_trim >= self._trim_every:
                transaction.execute(_TRIM, (self._keep,))
                if self._age:
                    transaction.execute(_EXPIRE, (self._age,))
                self._since_trim = 0
        return len(events)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # nothing is pending: every write ended its transaction
                self._connection.close()
            self._connection = None


def forget(path: Path, *, principal: str = "", client: str = "", before: float = 0.0) -> int:
    """Delete the events that fit all that is given; how many. Raises sqlite3.Error, ValueError when nothing is given.

    What is deleted is overwritten, and the WAL emptied.
    """
    if not (principal or client or before):
        raise ValueError("nothing would forget everything")
    with closing(_connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        with connection:
            wanted = {"principal": principal, "client": client, "before": before}
            count = connection.execute(_FORGET, wanted).rowcount
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def _row(event: Event) -> tuple[object, ...]:
    return (
        event.when,
        event.name.value,
        event.severity.value,
        event.layer,
        event.route,
        event.reason,
        event.mode,
        event.client_key or event.client,
        event.request_id,
        event.to_json(),
    )


def _connect(path: Path) -> sqlite3.Connection:
    # Another thread may write next (a flush), never two at once: the bus holds a lock around every call.
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, VERSION):
            raise StoreUnusable(path, f"{path} is of another version ({found}).", "Move the file away.")
        set_up(connection, _BUSY_SECONDS)
        if not found:
            create(connection, _SCHEMA, VERSION)
    except (sqlite3.Error, OperatorError):
        connection.close()
        raise
    return connection


def prepare_private(path: Path) -> None:
    """Make folder and file with narrow modes before SQLite opens them (its own files take the mode of the first)."""
    prepare_folder(path.parent)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    _check(path, path.lstat(), stat.S_ISREG, "chmod 600")


def prepare_folder(folder: Path) -> None:
    """Make `folder` and those above it, all 0700. Raises OSError, `StoreUnusable`."""
    for one in reversed((folder, *folder.parents)):
        one.mkdir(mode=0o700, exist_ok=True)  # mkdir(parents=True) would give the mode to the last folder only
    _check(folder, folder.lstat(), stat.S_ISDIR, "chmod 700")


def _check(path: Path, found: os.stat_result, is_right: object, command: str) -> None:
    if not callable(is_right) or not is_right(found.st_mode):
        raise StoreUnusable(path, f"{path} is a link or of the wrong kind.", "Put the real one there or remove it.")
    if found.st_uid != os.geteuid():
        raise StoreUnusable(path, f"{path} belongs to another user.", "Use a state folder of your own.")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise StoreUnusable(path, f"{path} is open to other users.", f"Run {command} {path}")


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
