"""From the policy to its stores. A store that is asked for and not there stops the start; there is no fall-back."""

from __future__ import annotations

from ..core.clock import Clock
from ..core.ports import Counters, Records
from ..policy.model import Policy
from .errors import StoreNotAvailable
from .memory import MemoryCounters
from .records import MemoryRecords

MAX_RECORDS = 100_000
"""Records kept in memory: about 100 MB at the size of a session."""


def build_counters(policy: Policy, clock: Clock) -> Counters:
    """The counters that `policy.store` names. Raises `StoreNotAvailable` for a store this version does not have."""
    _require_memory(policy)
    return MemoryCounters(clock, max_keys=policy.rate.max_keys, processes=policy.processes)


def build_records(policy: Policy, clock: Clock) -> Records:
    """The records that `policy.store` names. Raises `StoreNotAvailable` for a store this version does not have."""
    _require_memory(policy)
    return MemoryRecords(clock, max_records=MAX_RECORDS)


def _require_memory(policy: Policy) -> None:
    if policy.store != "memory":
        raise StoreNotAvailable.from_address(policy.store)
