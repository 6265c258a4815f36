"""How each store under contract is made. To add one, add a line: it is built from its clock and its bound."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TypeAlias

import pytest

from garrison.core.clock import SYSTEM, Clock
from garrison.core.ports import Counters, Records
from garrison.policy.store_address import parse_store, resolve_store
from garrison.stores import MemoryCounters, MemoryRecords, SqliteRecords
from garrison.stores.link import Link
from garrison.stores.redis import RedisCounters
from garrison.stores.redis_records import RedisRecords
from tests.support.revealing import revealing

MakeCounters: TypeAlias = Callable[[Clock, int], Counters]
MakeRecords: TypeAlias = Callable[[Clock, int], Records]

SHARED = {
    "redis": "standalone",
    "redis over tls, as a user with few rights": "restricted",
    "redis sentinel": "with_sentinel",
    "redis cluster": "three_nodes",
}
"""Kinds of shared store, and the fixture that gives the address of each."""
COUNTERS = ("memory", *SHARED)
RECORDS = ("memory", "sqlite", *SHARED)
PASSWORD = {"PW": "s3cret"}
_NUMBERS = count()
_NO_LINK = Link(parse_store("redis://127.0.0.1:1"), SYSTEM, lambda away, why: None)


class Making:
    """Makes stores for one test and closes them afterwards. Every shared store gets a namespace of its own."""

    def __init__(self, request: pytest.FixtureRequest, kind: str) -> None:
        self._request = request
        self._kind = kind
        self._link = _NO_LINK
        self._files: list[SqliteRecords] = []

    async def open(self) -> None:
        """Connect to the shared store, if this is one; what a server does before it takes requests."""
        server = SHARED.get(self._kind)
        if server is not None:
            address = resolve_store(self._request.getfixturevalue(server), revealing(PASSWORD))
            self._link = Link(address, SYSTEM, lambda away, why: None, seconds=5.0)
            await self._link.open()
            assert not self._link.away

    def counters(self, clock: Clock, max_keys: int) -> Counters:
        if self._kind == "memory":
            return MemoryCounters(clock, max_keys=max_keys)
        is_cluster = self._kind == "redis cluster"
        return RedisCounters(self._link, clock, namespace=_namespace(), cluster=is_cluster, now=clock.wall)

    def records(self, clock: Clock, max_records: int) -> Records:
        if self._kind == "memory":
            return MemoryRecords(clock, max_records=max_records)
        if self._kind == "sqlite":
            folder: Path = self._request.getfixturevalue("tmp_path")
            file = SqliteRecords(folder / "state" / f"{next(_NUMBERS)}.db", clock, max_records=max_records)
            self._files.append(file)
            return file
        return RedisRecords(self._link, namespace=_namespace(), max_records=max_records, now=clock.wall)

    async def close(self) -> None:
        await self._link.close()
        for one in self._files:
            await one.close()


def _namespace() -> str:
    return f"contract-{next(_NUMBERS)}"
