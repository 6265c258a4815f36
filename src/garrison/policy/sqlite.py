"""The embedded files' write-ahead log, turned on by several processes at once.

SQLite does not wait for another process that turns it on at the same moment, as workers that start together on a new
state folder do: the one that loses is told "database is locked" at once, and would not start. So we wait.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

_BETWEEN_SECONDS: Final = 0.005


def write_ahead(connection: sqlite3.Connection, seconds: float) -> None:
    """Turn on the write-ahead log, waiting at most `seconds` for others that do. Raises sqlite3.Error."""
    until = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(_BETWEEN_SECONDS)
