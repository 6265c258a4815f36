"""Records in a shared store (Redis or Valkey): sessions, keys, bans and incidents that every machine sees.

Every call is one script, so it is one step. What has expired is judged on the store's clock, and leaves by the store's
own expiry. A record is found by its fields through one sorted set per value, changed in the same step as the record;
the sets expire with the last of their members. Hence all records of one kind have one hash tag: in a cluster they live
on one node.

Assumption: the store keeps what it has acknowledged as durably as it is set up to (`appendonly yes`), and evicts no
keys but those that expire (`maxmemory-policy volatile-ttl`). Lets pass: after a fail-over, a record as it was before
the last write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ..core.ports import Detail, Record
from .errors import StoreFull
from .link import Link
from .plain import from_text, to_text, token, tokens
from .record_scripts import DELETE, FIND, GET, PUT

_KIND: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}").fullmatch
_FULL: Final = -1


class RedisRecords:
    """`core.ports.Records` over `link`.

    namespace    what all keys begin with
    max_records  bound for each kind; a new record beyond it raises `StoreFull`
    now          for tests: a time to use instead of the store's
    """

    def __init__(
        self,
        link: Link,
        *,
        namespace: str = "garrison",
        max_records: int,
        now: Callable[[], float] | None = None,
    ) -> None:
        if max_records < 1:
            raise ValueError("max_records must be at least 1")
        self._link = link
        self._prefix = namespace
        self._max = max_records
        self._time = now

    async def get(self, kind: str, id: str) -> Record | None:
        """The record, unless there is none or it has expired."""
        row = await self._link.call(GET, [self._base(kind) + b"r:" + _bytes(id)], [self._now()])
        return _record(kind, id, row) if row else None

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
        text, base, name = to_text(data), self._base(kind), _bytes(id)
        term = b"" if expires is None else b"%.17g" % expires
        expected = b"" if expect is None else b"%d" % expect
        args = [self._now(), name, text.encode("ascii"), term, expected, b"%d" % self._max, base + b"i:"]
        version = await self._link.call(PUT, [base + b"r:" + name, base + b"ids"], [*args, *map(_bytes, tokens(data))])
        if version == _FULL:
            raise StoreFull(self._max)
        return Record(kind, id, from_text(text), version, expires) if version else None

    async def delete(self, kind: str, id: str) -> bool:
        """Remove the record; whether there was one."""
        base, name = self._base(kind), _bytes(id)
        args = [self._now(), name, base + b"i:"]
        return bool(await self._link.call(DELETE, [base + b"r:" + name, base + b"ids"], args))

    async def find(self, kind: str, field: str, value: Detail, *, limit: int = 100) -> Sequence[Record]:
        """At most `limit` live records of `kind` whose data has `field` equal to `value` (a float finds nothing)."""
        base = self._base(kind)
        keys = [base + b"i:" + _bytes(token(field, value))]
        rows = await self._link.call(FIND, keys, [self._now(), b"%d" % limit, base + b"r:"])
        return [_record(kind, name.decode("utf-8", "surrogatepass"), rest) for name, *rest in rows]

    def _base(self, kind: str) -> bytes:
        if not _KIND(kind):
            raise ValueError(f"a kind of record is a short name: {kind[:64]!r}")
        return f"{self._prefix}:{{{kind}}}:".encode("ascii")

    def _now(self) -> bytes:
        return b"" if self._time is None else b"%.17g" % self._time()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _record(kind: str, id: str, row: Sequence[Any]) -> Record:
    version, expires, data = row
    return Record(kind, id, from_text(data), int(version), float(expires) if expires else None)
