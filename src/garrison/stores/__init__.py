"""Shared state behind two ports of `core.ports`: `Counters` for limits, `Records` for small durable values."""

from .build import build_counters, build_records
from .errors import StoreFull, StoreNotAvailable
from .memory import MemoryCounters
from .records import MemoryRecords

__all__ = ["MemoryCounters", "MemoryRecords", "StoreFull", "StoreNotAvailable", "build_counters", "build_records"]
