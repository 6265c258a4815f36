"""Records in one SQLite file of the state folder: the embedded store. Sessions survive a restart on it.

Threat: what `private_file` keeps out; a crash or a power cut in the middle of a write (WAL with synchronous=FULL, one
transaction a write: what was answered is on the disk); two workers of one machine that write the same record.
Assumption: a local file system. Lets pass: whoever acts as this user can read and change the file; other machines do
not see it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from ..core.clock import Clock
from ..core.ports import Detail, Record
from .errors import StoreAway
from .plain import from_text, to_text, token, tokens
from .private_file import identity, prepare_file
from .sqlite_seen import Seen
from .sqlite_table import Table

FILE_NAME: Final = "records.db"

T = TypeVar("T")


class SqliteRecords:
    """`core.ports.Records` on a file. Every call runs in one small thread, never on the event loop, except reads of
    what was read before and has not changed since (`sqlite_seen`).

    path         the file; made with its folder, readable by this user alone
    clock        its wall side judges what has expired
    max_records  bound over all kinds; a new record beyond it raises `StoreFull`

    Opened on first use in each process, so that workers forked from one parent share nothing but the file. Raises
    `StoreAway` when SQLite fails, such as on a full disk or when another process holds the lock for over a second.
    """

    def __init__(self, path: Path, clock: Clock, *, max_records: int) -> None:
        if max_records < 1:
            raise ValueError("max_records must be at least 1")
        self._path = path
        self._now = clock.wall
        self._monotonic = clock.monotonic
        self._seen: tuple[int, Seen] | None = None
        self._max = max_records
        self._table: Table | None = None
        self._identity: tuple[int, int] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._mutex = threading.Lock()
        self._pid = 0

    def prepare(self) -> None:
        """Make the file, or see that it can be used. Raises `StoreFileRefused`, so that the start is refused."""
        prepare_file(self._path)
        Table.open(self._path).close()

    async def get(self, kind: str, id: str) -> Record | None:
        """The record, unless there is none or it has expired."""
        seen = self._seen_here()
        version = seen.version()
        if seen.holds(kind, id):
            record = seen.get(kind, id)
        else:
            row = await self._do(lambda table: table.get(kind, _key(id), self._now()))
            record = _record(kind, id, row) if row else None
            seen.keep(kind, id, record, version)
        return None if record is None or (record.expires is not None and record.expires <= self._now()) else record

    async def put(
        self,
        kind: str,
        id: str,
        data: Mapping[str, Detail],
        *,
        expires: float | None = None,
        expect: int | None = None,
    ) -> Record | None:
        """See `core.ports.Records`. Raises `StoreFull`, `StoreAway`, and TypeError for a value that is not plain."""
        text, found_by = to_text(data), " ".join(tokens(data))
        version = await self._do(
            lambda table: table.put(kind, _key(id), text, found_by, expires, expect, self._now(), self._max)
        )
        return Record(kind, id, from_text(text), version, expires) if version else None

    async def delete(self, kind: str, id: str) -> bool:
        """Remove the record; whether there was one."""
        return await self._do(lambda table: table.delete(kind, _key(id), self._now()))

    async def find(self, kind: str, field: str, value: Detail, *, limit: int = 100) -> Sequence[Record]:
        """At most `limit` live records of `kind` whose data has `field` equal to `value` (a float finds nothing)."""
        rows = await self._do(lambda table: table.find(kind, token(field, value), self._now(), limit))
        return [_record(kind, _id(key), rest) for key, *rest in rows]

    async def close(self) -> None:
        """Close the file and end the thread; the next call opens both again."""
        self._seen_here().close()
        if self._thread is not None and self._pid == os.getpid():
            thread, self._thread = self._thread, None
            await asyncio.get_running_loop().run_in_executor(thread, self._end)
            thread.shutdown(wait=False)

    def _seen_here(self) -> Seen:
        """The copies of this process: a connection of the parent's must not be used in a child."""
        if self._seen is None or self._seen[0] != os.getpid():
            self._seen = (os.getpid(), Seen(self._path, self._monotonic))
        return self._seen[1]

    async def _do(self, work: Callable[[Table], T]) -> T:
        if self._pid != os.getpid():  # a thread and a connection of the parent's are of no use in a child
            self._thread, self._table, self._pid = None, None, os.getpid()
            self._mutex = threading.Lock()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="garrison-records")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[Table], T]) -> T:
        with self._mutex:  # who comes during `close` has a thread of its own, and the file is still the old one's
            try:
                return work(self._opened())
            except sqlite3.Error as error:
                self._shut()
                raise StoreAway(str(self._path), f"{type(error).__name__}: {error}") from error

    def _end(self) -> None:
        with self._mutex:
            self._shut()

    def _opened(self) -> Table:
        if self._table is not None and self._identity != identity(self._path):
            self._shut()  # somebody removed or replaced the file: go on in what stands there now
        if self._table is None:
            prepare_file(self._path)
            self._table, self._identity = Table.open(self._path), identity(self._path)
        return self._table

    def _shut(self) -> None:
        table, self._table = self._table, None
        if table is not None:
            with suppress(sqlite3.Error):  # nothing is pending: every write ended its transaction
                table.close()


def _key(id: str) -> bytes:
    return id.encode("utf-8", "surrogatepass")


def _id(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _record(kind: str, id: str, row: Sequence[object]) -> Record:
    data, version, expires = row
    return Record(kind, id, from_text(data), version, expires)  # type: ignore[arg-type]  # as the schema has them
