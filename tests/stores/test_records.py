"""Records in memory: bounds that the contract can't see."""

from __future__ import annotations

import pytest

from garrison.stores import MemoryRecords
from tests.contracts.hands import Hands

pytestmark = pytest.mark.anyio


async def test_touching_a_record_for_ever_takes_no_room() -> None:
    hands = Hands()
    records = MemoryRecords(hands.clock, max_records=10)
    for number in range(5000):
        hands.now += 1
        await records.put("session", "1", {"seen": number}, expires=hands.now + 1800)
    assert len(records) == 1
    assert len(records._expiries) <= 66


async def test_values_that_no_record_has_any_more_leave_the_index() -> None:
    records = MemoryRecords(Hands().clock, max_records=10)
    await records.find("session", "of", "ann")
    for number in range(100):
        await records.put("session", "1", {"of": f"user-{number}"})
    assert len(records._indexes["session", "of"]) == 1


async def test_expired_records_leave_when_the_next_is_written() -> None:
    hands = Hands()
    records = MemoryRecords(hands.clock, max_records=100)
    for number in range(50):
        await records.put("session", str(number), {}, expires=hands.now + 10)
    hands.now += 10
    await records.put("session", "new", {})
    assert len(records) == 1
