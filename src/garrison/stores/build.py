"""From the policy to its stores. A store that is asked for and can't be had stops the start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.clock import Clock
from ..core.ports import Counters, Records, Reveal
from ..policy.model import Policy
from ..policy.store_address import resolve_store
from .errors import StoreLibraryMissing
from .memory import MemoryCounters
from .records import MemoryRecords
from .sqlite import FILE_NAME, SqliteRecords

if TYPE_CHECKING:
    from .link import Changed

MAX_IN_MEMORY = 100_000
"""Records kept in memory: about 100 MB at the size of a session."""
MAX_EMBEDDED = 1_000_000
"""Records kept in the SQLite file, and of one kind in a shared store: about 1 GB."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of a policy. `degraded` names what does not work now; `open` and `close` go with the application."""

    counters: Counters
    records: Records
    degraded: Callable[[], Sequence[str]]
    open: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    renew: Callable[[], Awaitable[None]]
    """Goes over to the address or password that `reveal` tells now. Raises `StoreAway` and `OperatorError`; then it
    stays with the old one."""


async def _nothing() -> None:
    """What memory needs to be opened and closed."""


def build_stores(policy: Policy, reveal: Reveal, clock: Clock, changed: Changed) -> Stores:
    """The stores that `policy.store` names.

    `reveal` is asked for the password of a shared one. Raises `StoreLibraryMissing`, `StoreFileRefused` and
    `StoreMalformed`, all of them `OperatorError`, and what `reveal` raises. A shared store that does not answer yet is
    no reason to refuse the start: `changed` tells of it.
    """
    address = resolve_store(policy.store, reveal)
    near = MemoryCounters(clock, max_keys=policy.rate.max_keys, processes=policy.sharers)
    if not address.local:
        return _shared(policy.store, reveal, near, clock, changed)
    if address.kind == "memory":
        return Stores(near, MemoryRecords(clock, max_records=MAX_IN_MEMORY), tuple, _nothing, _nothing, _nothing)
    records = SqliteRecords(Path(policy.state).absolute() / FILE_NAME, clock, max_records=MAX_EMBEDDED)
    records.prepare()
    return Stores(near, records, tuple, _nothing, records.close, _nothing)


def _shared(store: str, reveal: Reveal, near: MemoryCounters, clock: Clock, changed: Changed) -> Stores:
    try:
        from .shared import build_shared
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "redis":
            raise
        raise StoreLibraryMissing from None
    address = resolve_store(store, reveal)
    counters, records, link = build_shared(address, near, clock, changed, max_records=MAX_EMBEDDED)

    async def renew() -> None:
        await link.use(resolve_store(store, reveal))

    return Stores(counters, records, lambda: ("store",) if link.away else (), link.open, link.close, renew)
