"""The embedded files' habits: what is committed is on the disk, and several processes may open one file at once.

SQLite does not wait for another process that turns the write-ahead log on at the same moment, as workers that start
together on a new state folder do: the one that loses is told "database is locked" at once, and would not start. So we
wait.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

_BETWEEN_SECONDS: Final = 0.005
_HABITS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA journal_size_limit = 16777216",
)


def set_up(connection: sqlite3.Connection, seconds: float) -> None:
    """Give `connection` its habits, waiting at most `seconds` for others that do. Raises sqlite3.Error."""
    _write_ahead(connection, seconds)
    for habit in _HABITS:
        connection.execute(habit)


def create(connection: sqlite3.Connection, schema: str, version: int) -> None:
    """Make the tables of `schema`, which makes only what is missing, and note its `version`: all or nothing."""
    connection.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {int(version)}; COMMIT;")


def _write_ahead(connection: sqlite3.Connection, seconds: float) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(_BETWEEN_SECONDS)
