"""Counters and records over one link to a shared store. Imported only when a policy names one: it needs the library."""

from __future__ import annotations

from ..core.clock import Clock
from ..core.ports import Counters, Records
from ..policy.store_address import StoreAddress
from .fallback import FallbackCounters
from .link import Changed, Link
from .memory import MemoryCounters
from .redis import RedisCounters
from .redis_records import RedisRecords


def build_shared(
    address: StoreAddress, near: MemoryCounters, clock: Clock, changed: Changed, *, max_records: int
) -> tuple[Counters, Records, Link]:
    """Counters that fall back to `near`, records that do not fall back, and the link both use."""
    link = Link(address, clock, changed)
    far = RedisCounters(link, clock, namespace=address.namespace, cluster=address.kind == "cluster")
    records = RedisRecords(link, namespace=address.namespace, max_records=max_records)
    return FallbackCounters(far, near), records, link
