"""One file of the log: SQLite in WAL mode, named after the first entry it holds.

Threat: other users read or swap it (folder 0700, files 0600, no links); a power cut takes what was written
(synchronous=FULL, one transaction a batch). Assumption: a local file system. Lets pass: who acts as this user can
change the file; `verify` finds that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ...policy.sqlite import create, set_up
from ..sqlite import prepare_private
from .entry import Row
from .tree import HASH, Frontier

VERSION: Final = 1
BUSY_SECONDS: Final = 1.0
_PATTERN: Final = "[0-9]" * 16 + ".db"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, public TEXT NOT NULL, commitment BLOB NOT NULL,
  personal TEXT, salt BLOB, leaf BLOB NOT NULL, chain BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS personal ON entries (id) WHERE personal IS NOT NULL;
CREATE TABLE IF NOT EXISTS checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS state (
  one INTEGER PRIMARY KEY CHECK (one = 1), origin TEXT NOT NULL, start INTEGER NOT NULL, start_chain BLOB NOT NULL,
  start_nodes BLOB NOT NULL, size INTEGER NOT NULL, chain BLOB NOT NULL, nodes BLOB NOT NULL, at INTEGER NOT NULL,
  signed INTEGER NOT NULL, full INTEGER NOT NULL
) STRICT;
"""
_COLUMNS: Final = "id, at, public, commitment, personal, salt, leaf, chain"
_INSERT: Final = f"INSERT INTO entries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants


@dataclass(slots=True)
class State:
    """Where a segment began and stands. `signed` is the size of the last checkpoint; `full`: go on in the next file."""

    origin: str
    start: int = 0
    start_chain: bytes = bytes(HASH)
    start_nodes: bytes = b""
    size: int = 0
    chain: bytes = bytes(HASH)
    nodes: bytes = b""
    at: int = 0
    signed: int = 0
    full: int = 0

    def next(self) -> State:
        """The state a segment behind this one begins with."""
        return State(
            self.origin, self.size, self.chain, self.nodes, self.size, self.chain, self.nodes, self.at, self.signed
        )

    def frontier(self) -> Frontier:
        return Frontier(self.size, self.nodes)


def segments(folder: Path) -> list[Path]:
    """The log's files in order."""
    return sorted(folder.glob(_PATTERN))


def path_of(folder: Path, start: int) -> Path:
    return folder / f"{start:016d}.db"


class Segment:
    """An open file for one writer at a time (the caller holds the log's lock)."""

    __slots__ = ("connection", "path")

    def __init__(self, path: Path, origin: str, first: State | None = None) -> None:
        """Open `path`; a new one begins with `first`. Raises OSError, sqlite3.Error and `StoreUnusable`."""
        prepare_private(path)
        self.path = path
        # Another thread may write next (a flush), never two at once.
        self.connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            self._prepare(first or State(origin))
        except sqlite3.Error:
            self.connection.close()
            raise

    def _prepare(self, first: State) -> None:
        run = self.connection.execute
        found = run("PRAGMA user_version").fetchone()[0]
        if found not in (0, VERSION):
            raise sqlite3.DatabaseError(f"{self.path} is of another version ({found})")
        set_up(self.connection, BUSY_SECONDS)
        run("PRAGMA secure_delete = ON")
        run("PRAGMA wal_autocheckpoint = 4000")
        if found == 0:
            create(self.connection, _SCHEMA, VERSION)
            self._save(first, verb="INSERT OR IGNORE")

    def state(self) -> State:
        """Raises sqlite3.DatabaseError when it is gone or malformed."""
        return read_state(self.connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        try:
            yield
            run("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                run("ROLLBACK")
            raise

    def add(self, rows: Sequence[Row], state: State) -> None:
        self.connection.executemany(_INSERT, rows)
        self._save(state)

    def add_checkpoint(self, size: int, note: str, state: State) -> None:
        self.connection.execute("INSERT OR REPLACE INTO checkpoints (size, note) VALUES (?, ?)", (size, note))
        state.signed = size
        self._save(state)

    def _save(self, state: State, verb: str = "INSERT OR REPLACE") -> None:
        values = (1, *(getattr(state, name) for name in State.__dataclass_fields__))
        columns = ", ".join(State.__dataclass_fields__)
        marks = ", ".join("?" * len(values))
        self.connection.execute(f"{verb} INTO state (one, {columns}) VALUES ({marks})", values)

    def agrees(self, state: State) -> bool:
        """Whether the newest entry is the one `state` speaks of."""
        row = self.connection.execute("SELECT id, chain FROM entries ORDER BY id DESC LIMIT 1").fetchone()
        return row == (state.size - 1, state.chain) if row else state.size == state.start

    def close(self) -> None:
        self.connection.close()


def read_state(connection: sqlite3.Connection) -> State:
    """Raises sqlite3.DatabaseError."""
    columns = ", ".join(State.__dataclass_fields__)
    row = connection.execute(f"SELECT {columns} FROM state").fetchone()  # noqa: S608 - constants
    if row is None:
        raise sqlite3.DatabaseError("the state of the segment is missing")
    return State(*row)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """`path` opened so that nothing in it can change. Raises sqlite3.Error."""
    # A copy on a read-only medium has no WAL beside it and can't get one: `immutable` reads it as it is.
    beside = path.with_name(f"{path.name}-wal")
    mode = "mode=ro" if beside.exists() else "mode=ro&immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?{mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield connection


def rows(connection: sqlite3.Connection, *, low: int = -(2**63), high: int = 2**63) -> Iterator[Row]:
    """Entries with `low` <= id < `high`, in order; all that a file can hold, since far from all others one is inserted
    as well."""
    query = f"SELECT {_COLUMNS} FROM entries WHERE id BETWEEN ? AND ? ORDER BY id"  # noqa: S608 - constants
    return map(Row._make, connection.execute(query, (low, high - 1)))


def notes(connection: sqlite3.Connection) -> list[str]:
    """The texts of all checkpoints in the file, the smallest first."""
    return [note for (note,) in connection.execute("SELECT note FROM checkpoints ORDER BY size")]
