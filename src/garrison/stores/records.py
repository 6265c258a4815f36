"""Records in this process's memory.

Threat: a client makes records without end (sessions, codes) until the memory is full; a reader gets a record that has
expired; two writers overwrite each other.

Assumption: called from one event loop. Lets pass: everything is gone after a restart, and no other process sees it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import TypeAlias

from ..core.clock import Clock
from ..core.ports import Detail, Record
from .errors import StoreFull
from .plain import check_plain

_Name: TypeAlias = tuple[str, str]


class MemoryRecords:
    """`core.ports.Records` on dictionaries. Expired records leave as others are written; `max_records` is never passed.

    `find` builds an index of a field the first time it is asked for, and keeps it: kinds and fields come from code.
    """

    def __init__(self, clock: Clock, *, max_records: int) -> None:
        if max_records < 1:
            raise ValueError("max_records must be at least 1")
        self._now = clock.wall
        self._max = max_records
        self._records: dict[_Name, Record] = {}
        self.held = self._records.get
        """`core.ports.LocalRecords.held`: bound once, as it is asked for every request with a session."""
        self._expiries: list[tuple[float, _Name]] = []
        self._indexes: dict[tuple[str, str], dict[Detail, dict[str, None]]] = {}

    def __len__(self) -> int:
        """Records held, expired ones that nothing has swept yet included."""
        return len(self._records)

    async def get(self, kind: str, id: str) -> Record | None:
        """The record, unless there is none or it has expired."""
        return self._live((kind, id))

    async def put(
        self,
        kind: str,
        id: str,
        data: Mapping[str, Detail],
        *,
        expires: float | None = None,
        expect: int | None = None,
    ) -> Record | None:
        """Write, and return what was written; None when `expect` is not the stored version (0: there is no record).

        `expires` holds for this write: left out, the record never expires. Raises `StoreFull` for a new record at
        the bound, and TypeError for a value that is not plain.
        """
        check_plain(data)
        self._drop_expired()
        present = self._live((kind, id))
        version = present.version if present is not None else 0
        if expect is not None and expect != version:
            return None
        if present is None and len(self._records) >= self._max:
            raise StoreFull(self._max)
        return self._write(Record(kind, id, MappingProxyType(dict(data)), version + 1, expires))

    async def delete(self, kind: str, id: str) -> bool:
        """Remove the record; whether there was one."""
        live = self._live((kind, id)) is not None
        self._remove((kind, id))
        return live

    async def find(self, kind: str, field: str, value: Detail, *, limit: int = 100) -> Sequence[Record]:
        """At most `limit` live records of `kind` whose data has `field` equal to `value`."""
        index = self._indexes.get((kind, field))
        if index is None:
            index = self._indexes[kind, field] = {}
            for record in self._records.values():
                if record.kind == kind and field in record.data:
                    index.setdefault(record.data[field], {})[record.id] = None
        found = (self._live((kind, one)) for one in index.get(value, ()))
        return list(islice((record for record in found if record is not None), limit))

    def _live(self, name: _Name) -> Record | None:
        record = self._records.get(name)
        if record is None or (record.expires is not None and record.expires <= self._now()):
            return None
        return record

    def _write(self, record: Record) -> Record:
        name = (record.kind, record.id)
        self._remove(name)
        self._records[name] = record
        for field, value in record.data.items():
            index = self._indexes.get((record.kind, field))
            if index is not None:
                index.setdefault(value, {})[record.id] = None
        if record.expires is not None:
            heapq.heappush(self._expiries, (record.expires, name))
            self._tidy()
        return record

    def _remove(self, name: _Name) -> None:
        record = self._records.pop(name, None)
        if record is None:
            return
        for field, value in record.data.items():
            index = self._indexes.get((record.kind, field))
            if index is not None and (ids := index.get(value)) is not None:
                ids.pop(record.id, None)
                if not ids:
                    del index[value]

    def _drop_expired(self) -> None:
        now = self._now()
        while self._expiries and self._expiries[0][0] <= now:
            _, name = heapq.heappop(self._expiries)
            if self._live(name) is None:
                self._remove(name)

    def _tidy(self) -> None:
        """Rebuild the heap once most of it is of overtaken writes, so it stays within twice the records."""
        if len(self._expiries) > 2 * len(self._records) + 64:
            self._expiries = [(one.expires, name) for name, one in self._records.items() if one.expires is not None]
            heapq.heapify(self._expiries)
