"""Shared state behind two ports of `core.ports`: `Counters` for limits, `Records` for small durable values."""

from .build import Stores, build_stores
from .errors import StoreAway, StoreFileRefused, StoreFull, StoreLibraryMissing
from .memory import MemoryCounters
from .records import MemoryRecords
from .sqlite import SqliteRecords

__all__ = [
    "MemoryCounters",
    "MemoryRecords",
    "SqliteRecords",
    "StoreAway",
    "StoreFileRefused",
    "StoreFull",
    "StoreLibraryMissing",
    "Stores",
    "build_stores",
]
