"""Bans as records, and back."""

from __future__ import annotations

from typing import Final

from ..core.bans import Ban, parse_target
from ..core.errors import OperatorError
from ..core.ports import Detail, Record, Records

KIND: Final = "ban"
SHARDS: Final = 16
"""Parts the list is read in, so that no single call has to carry all of it."""
_EXACT: Final = 128


class Reader:
    """Reads the list. What did not change since the last time is not parsed again."""

    def __init__(self, records: Records, most: int, kind: str = KIND) -> None:
        self._records = records
        self._kind = kind
        self._most = most
        self._known: dict[str, tuple[int, Ban | None]] = {}

    async def read(self) -> tuple[list[Ban], bool]:
        """All bans, and whether any of them is not what was read the last time. Raises `DependencyError`."""
        found: dict[str, tuple[int, Ban | None]] = {}
        same = True
        for shard in range(SHARDS):
            for record in await self._records.find(self._kind, "shard", shard, limit=self._most):
                known = self._known.get(record.id)
                if known is None or known[0] != record.version:
                    known, same = (record.version, ban_of(record)), False
                found[record.id] = known
        different = not same or len(found) != len(self._known)
        self._known = found
        return [ban for _, ban in found.values() if ban is not None], different

    async def one(self, id: str) -> tuple[Ban | None, int]:
        """The ban called `id` if it stands, and its record's version (0: there is none). Raises `DependencyError`."""
        record = await self._records.get(self._kind, id)
        return (ban_of(record), record.version) if record is not None else (None, 0)


def data_of(ban: Ban) -> dict[str, Detail]:
    """What is stored; the end of the ban is the record's own."""
    return {
        "shard": int(ban.id[1:3], 16) % SHARDS, "target": str(ban.target), "since": ban.since, "reason": ban.reason,
        "by": ban.by, "batch": ban.batch,
    }  # fmt: skip


def ban_of(record: Record) -> Ban | None:
    """The ban a record holds; None for one that this version can't read, which must not end the others."""
    data = record.data
    try:
        target = parse_target(str(data["target"]), _EXACT)  # what an address stands for was settled when it was banned
        since = float(data["since"] or 0)
        return Ban(target, since, record.expires, str(data["reason"]), str(data["by"]), str(data["batch"]))
    except (OperatorError, KeyError, ValueError):
        return None
