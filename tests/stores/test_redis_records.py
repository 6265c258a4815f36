"""Records in a shared store: what the contract can't see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from garrison.core.clock import SYSTEM
from garrison.policy.store_address import parse_store
from garrison.stores.link import Link
from garrison.stores.redis_records import RedisRecords
from tests.contracts.hands import Hands
from tests.support.valkey import Server

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]
_NAMES = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("valkey")) as started:
        yield started


@pytest.fixture
async def link(server: Server) -> AsyncIterator[Link]:
    server.ask("FLUSHALL")
    opened = Link(parse_store(server.url), SYSTEM, lambda away, why: None, seconds=5.0)
    await opened.open()
    yield opened
    await opened.close()


def keys(server: Server) -> int:
    return int(server.ask("DBSIZE").strip(":\r\n"))


async def test_many_writers_of_one_record_lose_no_update(link: Link) -> None:
    records = RedisRecords(link, max_records=10)

    async def add_one() -> None:
        while True:
            found = await records.get("count", "1")
            number = found.data["n"] if found is not None else 0
            assert isinstance(number, int)
            if await records.put("count", "1", {"n": number + 1}, expect=found.version if found else 0):
                return

    await asyncio.gather(*(add_one() for _ in range(20)))
    found = await records.get("count", "1")
    assert found is not None
    assert (found.data["n"], found.version) == (20, 20)


async def test_values_that_no_record_has_any_more_leave_nothing_behind(server: Server, link: Link) -> None:
    records = RedisRecords(link, max_records=10)
    for number in range(50):
        await records.put("session", "1", {"of": f"user-{number}", "seen": number + 0.5})
    assert keys(server) == 3, "the record, the ids of its kind, and one set it is found by"
    await records.delete("session", "1")
    assert keys(server) == 0


async def test_what_has_expired_leaves_by_itself_with_all_it_was_found_by(server: Server, link: Link) -> None:
    hands = Hands()
    records = RedisRecords(link, max_records=10, now=hands.clock.wall)
    for number in range(5):
        await records.put("session", str(number), {"of": f"user-{number}"}, expires=hands.now + 0.05 * (number + 1))
    assert keys(server) == 11
    for _ in range(500):
        if not keys(server):
            break
        await asyncio.sleep(0.01)
    assert keys(server) == 0


async def test_a_set_lives_as_long_as_its_longest_member(link: Link) -> None:
    hands = Hands()
    records = RedisRecords(link, max_records=10, now=hands.clock.wall)
    await records.put("key", "for ever", {"of": "ann"})
    await records.put("key", "short", {"of": "ann"}, expires=hands.now + 0.02)
    await records.put("key", "long", {"of": "bob"}, expires=hands.now + 100)
    await records.put("key", "brief", {"of": "bob"}, expires=hands.now + 0.02)
    await asyncio.sleep(0.05)  # the store's own expiry, which no test can move
    assert [one.id for one in await records.find("key", "of", "ann", limit=1)] == ["for ever"]
    assert "long" in {one.id for one in await records.find("key", "of", "bob")}


async def test_any_id_can_be_stored_and_kinds_and_namespaces_are_apart(link: Link) -> None:
    one, two = RedisRecords(link, namespace="one", max_records=10), RedisRecords(link, namespace="two", max_records=10)
    for name in ("", "\0", "é", "\udcff", "a b", "ids", "i:"):
        assert await one.put("session", name, {"of": "\udcff\0é"}) is not None
        assert await two.get("session", name) is None
        assert await one.get("key", name) is None
    assert len(await one.find("session", "of", "\udcff\0é")) == 7
    with pytest.raises(ValueError, match="short name"):
        await one.get("a}b", "1")
