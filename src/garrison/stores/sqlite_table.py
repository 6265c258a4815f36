"""The tables of the embedded store, and what one transaction does to them. Used from one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ..policy.sqlite import create, set_up
from .errors import StoreFileRefused, StoreFull

VERSION: Final = 1
_BUSY_SECONDS: Final = 1.0
_SWEEP: Final = 100
"""Expired records removed by one write: more than one write can add, so they never pile up."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
  kind TEXT NOT NULL, id BLOB NOT NULL, data TEXT NOT NULL, version INTEGER NOT NULL, expires REAL,
  found_by TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_expires ON records (expires) WHERE expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS tokens (
  kind TEXT NOT NULL, id BLOB NOT NULL, token TEXT NOT NULL, PRIMARY KEY (kind, id, token)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tokens_token ON tokens (kind, token, id);
CREATE TABLE IF NOT EXISTS totals (one INTEGER PRIMARY KEY CHECK (one = 1), records INTEGER NOT NULL);
INSERT OR IGNORE INTO totals VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS record_added AFTER INSERT ON records BEGIN
  UPDATE totals SET records = records + 1;
END;
CREATE TRIGGER IF NOT EXISTS record_removed AFTER DELETE ON records BEGIN
  UPDATE totals SET records = records - 1;
  DELETE FROM tokens WHERE kind = old.kind AND id = old.id;
END;
"""
_LIVE: Final = "(expires IS NULL OR expires > ?)"


class Table:
    """One connection. Every method is one transaction; sqlite3.Error passes through."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, path: Path) -> Table:
        """Open the prepared file `path`. Raises `StoreFileRefused` for one that is no store of this version."""
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            found = _set_up(connection)
        except sqlite3.DatabaseError as error:
            connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise  # a lock or a disk, which may pass
            raise StoreFileRefused(path, f"is damaged or no database ({error})", "Move the file away.") from error
        if found != VERSION:
            connection.close()
            raise StoreFileRefused(path, f"is of another version ({found})", "Move the file away.")
        return cls(connection)

    def close(self) -> None:
        self._db.close()

    def get(self, kind: str, id: bytes, now: float) -> Sequence[Any] | None:
        """(data, version, expires) of a live record."""
        query = f"SELECT data, version, expires FROM records WHERE kind = ? AND id = ? AND {_LIVE}"  # noqa: S608
        row: Sequence[Any] | None = self._db.execute(query, (kind, id, now)).fetchone()
        return row

    def find(self, kind: str, token: str, now: float, limit: int) -> list[Sequence[Any]]:
        """(id, data, version, expires) of live records that have `token`."""
        query = (
            "SELECT id, data, version, expires FROM tokens JOIN records USING (kind, id)"  # noqa: S608  # a constant
            f" WHERE kind = ? AND token = ? AND {_LIVE} LIMIT ?"
        )
        return self._db.execute(query, (kind, token, now, limit)).fetchall()

    def delete(self, kind: str, id: bytes, now: float) -> bool:
        """Remove a record; whether it was live."""
        query = "DELETE FROM records WHERE kind = ? AND id = ? RETURNING expires"
        row = self._db.execute(query, (kind, id)).fetchone()
        return row is not None and (row[0] is None or row[0] > now)

    def put(
        self,
        kind: str,
        id: bytes,
        data: str,
        found_by: str,
        expires: float | None,
        expect: int | None,
        now: float,
        most: int,
    ) -> int:
        """Write and return the new version; 0 when `expect` is not the stored one. Raises `StoreFull`."""
        self._db.execute("BEGIN IMMEDIATE")  # a reader that turns writer half-way could lose a race and fail
        try:
            version = self._put(kind, id, data, found_by, expires, expect, now, most)
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return version

    def _put(
        self,
        kind: str,
        id: bytes,
        data: str,
        found_by: str,
        expires: float | None,
        expect: int | None,
        now: float,
        most: int,
    ) -> int:
        swept = self._sweep(now)
        self._db.execute("DELETE FROM records WHERE kind = ? AND id = ? AND expires <= ?", (kind, id, now))
        query = "SELECT version, found_by FROM records WHERE kind = ? AND id = ?"
        present = self._db.execute(query, (kind, id)).fetchone()
        version, before = present if present else (0, "")
        if expect is not None and expect != version:
            return 0
        if present is None:
            self._make_room(now, most, swept)
            self._db.execute("INSERT INTO records VALUES (?, ?, ?, 1, ?, ?)", (kind, id, data, expires, found_by))
        else:
            change = "UPDATE records SET data = ?, version = version + 1, expires = ?, found_by = ?"
            self._db.execute(f"{change} WHERE kind = ? AND id = ?", (data, expires, found_by, kind, id))
        if found_by != before:
            self._db.execute("DELETE FROM tokens WHERE kind = ? AND id = ?", (kind, id))
            rows = [(kind, id, one) for one in found_by.split()]
            self._db.executemany("INSERT INTO tokens VALUES (?, ?, ?)", rows)
        return int(version) + 1

    def _make_room(self, now: float, most: int, swept: int) -> None:
        while self._db.execute("SELECT records FROM totals").fetchone()[0] >= most:
            if swept < _SWEEP:
                raise StoreFull(most)
            swept = self._sweep(now)

    def _sweep(self, now: float) -> int:
        """Remove some expired records, and say how many."""
        query = (
            "DELETE FROM records WHERE (kind, id) IN"
            " (SELECT kind, id FROM records WHERE expires <= ? ORDER BY expires LIMIT ?)"
        )
        return self._db.execute(query, (now, _SWEEP)).rowcount


def _set_up(connection: sqlite3.Connection) -> int:
    """Set the connection's habits, make the tables in an empty file, and return the version of what is there."""
    set_up(connection, _BUSY_SECONDS)
    if not connection.execute("PRAGMA user_version").fetchone()[0]:
        create(connection, _SCHEMA, VERSION)
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
