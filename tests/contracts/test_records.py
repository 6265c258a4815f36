"""What every implementation of `core.ports.Records` must do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from garrison.core.errors import DependencyError
from garrison.core.ports import Detail

from .hands import Hands
from .making import RECORDS, Making
from .making import MakeRecords as Make

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]


@pytest.fixture(params=RECORDS)
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    making = Making(request, request.param)
    await making.open()
    yield making.records
    await making.close()


async def test_what_was_written_is_read_back_whole(make: Make) -> None:
    records = make(Hands().clock, 10)
    data: dict[str, Detail] = {"user": "ann", "count": 3, "share": 0.5, "admin": False, "note": None}
    await records.put("session", "1", data, expires=2000.0)
    found = await records.get("session", "1")
    assert found is not None
    assert (found.kind, found.id, dict(found.data), found.version, found.expires) == ("session", "1", data, 1, 2000.0)


async def test_a_record_is_known_by_kind_and_id_together(make: Make) -> None:
    records = make(Hands().clock, 10)
    await records.put("session", "1", {"of": "ann"})
    await records.put("key", "1", {"of": "bob"})
    session, key = await records.get("session", "1"), await records.get("key", "1")
    assert session is not None
    assert key is not None
    assert (session.data["of"], key.data["of"]) == ("ann", "bob")
    assert await records.get("ban", "1") is None


async def test_the_version_rises_by_one_with_each_write(make: Make) -> None:
    records = make(Hands().clock, 10)
    versions = [await records.put("session", "1", {"n": number}) for number in range(3)]
    assert [one.version for one in versions if one is not None] == [1, 2, 3]


async def test_a_write_that_expects_another_version_loses_and_changes_nothing(make: Make) -> None:
    records = make(Hands().clock, 10)
    assert await records.put("session", "1", {"by": "first"}, expect=0) is not None
    assert await records.put("session", "1", {"by": "second"}, expect=0) is None
    assert await records.put("session", "1", {"by": "third"}, expect=7) is None
    assert await records.put("session", "1", {"by": "fourth"}, expect=1) is not None
    found = await records.get("session", "1")
    assert found is not None
    assert (found.data["by"], found.version) == ("fourth", 2)


async def test_an_expired_record_is_as_good_as_none(make: Make) -> None:
    hands = Hands(1000.0)
    records = make(hands.clock, 10)
    await records.put("session", "1", {"of": "ann"}, expires=1010.0)
    hands.now = 1009.9
    assert await records.get("session", "1") is not None
    hands.now = 1010.0
    assert await records.get("session", "1") is None
    assert await records.find("session", "of", "ann") == []
    assert await records.delete("session", "1") is False
    again = await records.put("session", "1", {"of": "ann"}, expect=0)
    assert again is not None
    assert again.version == 1


async def test_a_write_without_a_term_takes_the_term_away(make: Make) -> None:
    hands = Hands(1000.0)
    records = make(hands.clock, 10)
    await records.put("ban", "1", {}, expires=1010.0)
    await records.put("ban", "1", {})
    hands.now = 9e9
    assert await records.get("ban", "1") is not None


async def test_a_longer_term_holds_although_the_shorter_one_is_over(make: Make) -> None:
    hands = Hands(1000.0)
    records = make(hands.clock, 10)
    await records.put("session", "1", {"of": "ann"}, expires=1010.0)
    await records.put("session", "1", {"of": "ann"}, expires=1100.0)
    hands.now = 1050.0
    await records.put("session", "2", {"of": "bob"})
    assert await records.get("session", "1") is not None
    assert len(await records.find("session", "of", "ann")) == 1


async def test_a_deleted_record_is_gone_and_deleting_says_whether_there_was_one(make: Make) -> None:
    records = make(Hands().clock, 10)
    await records.put("session", "1", {"of": "ann"})
    assert await records.delete("session", "1") is True
    assert await records.delete("session", "1") is False
    assert await records.get("session", "1") is None
    assert await records.find("session", "of", "ann") == []


async def test_find_returns_the_records_of_the_kind_whose_field_has_the_value(make: Make) -> None:
    records = make(Hands().clock, 10)
    assert await records.find("session", "of", "ann") == []  # asked before anything is there, and again after
    await records.put("session", "1", {"of": "ann"})
    await records.put("session", "2", {"of": "bob"})
    await records.put("session", "3", {"of": "ann"})
    await records.put("session", "4", {})
    await records.put("key", "5", {"of": "ann"})
    assert {one.id for one in await records.find("session", "of", "ann")} == {"1", "3"}
    await records.put("session", "3", {"of": "bob"})
    assert {one.id for one in await records.find("session", "of", "ann")} == {"1"}
    assert {one.id for one in await records.find("session", "of", "bob")} == {"2", "3"}
    assert await records.find("session", "colour", "red") == []


async def test_find_stops_at_its_limit(make: Make) -> None:
    records = make(Hands().clock, 10)
    for number in range(5):
        await records.put("session", str(number), {"of": "ann"})
    assert len(await records.find("session", "of", "ann", limit=3)) == 3


async def test_a_full_store_says_so_but_lets_what_it_holds_change(make: Make) -> None:
    records = make(Hands().clock, 2)
    await records.put("session", "1", {})
    await records.put("session", "2", {})
    with pytest.raises(DependencyError, match="2 records"):
        await records.put("session", "3", {})
    assert await records.put("session", "1", {"n": 1}) is not None
    await records.delete("session", "2")
    assert await records.put("session", "3", {}) is not None


async def test_what_has_expired_makes_room(make: Make) -> None:
    hands = Hands(1000.0)
    records = make(hands.clock, 2)
    await records.put("session", "1", {}, expires=1010.0)
    await records.put("session", "2", {}, expires=1010.0)
    hands.now = 1011.0
    assert await records.put("session", "3", {}) is not None


async def test_a_record_does_not_change_with_the_mapping_it_came_from(make: Make) -> None:
    records = make(Hands().clock, 10)
    data = {"of": "ann"}
    await records.put("session", "1", data)
    data["of"] = "mallory"
    found = await records.get("session", "1")
    assert found is not None
    assert found.data["of"] == "ann"
    with pytest.raises(TypeError):
        found.data["of"] = "mallory"  # type: ignore[index]


async def test_values_that_are_not_plain_are_refused(make: Make) -> None:
    records = make(Hands().clock, 10)
    nested: dict[str, Any] = {"roles": ["admin"]}
    with pytest.raises(TypeError, match="plain"):
        await records.put("session", "1", nested)
    assert await records.get("session", "1") is None
