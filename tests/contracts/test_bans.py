"""The ban list over every store: what one process changes, another one knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from garrison.core.ban_rules import AllowList, BanRefused, BanRules
from garrison.core.bans import Ban, parse_target
from garrison.core.ports import Records
from garrison.stores.bans import FRESH, OLD, BanListFull, Bans
from tests.support.facts import client_of

from .hands import Hands
from .making import RECORDS, Making

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]
Process = Callable[[], Bans]
AT, NET = parse_target("203.0.113.7"), parse_target("198.51.100.0/24")


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture(params=RECORDS)
async def process(request: pytest.FixtureRequest, hands: Hands) -> AsyncIterator[Process]:
    """Makes another process that shares the same store."""
    making = Making(request, request.param)
    await making.open()
    records: Records = making.records(hands.clock, 1000)

    def make() -> Bans:
        rules = BanRules(["10.0.0.0/8"], AllowList(["192.0.2.1"]))
        return Bans(records, hands.clock, lambda *_, **__: None, rules, most=8, ipv6_prefix=64, shared=True)

    yield make
    await making.close()


def held(bans: Bans, address: str = "203.0.113.7") -> bool:
    return bans.table.client(client_of(address)) is not None


async def test_a_ban_is_known_everywhere_within_five_seconds(process: Process, hands: Hands) -> None:
    here, there = process(), process()
    await there.refresh()
    await here.add(AT, reason="probing", by="test")
    assert held(here)
    assert not held(there), "control: it is not known there yet"
    hands.now += OLD + 0.5
    waiting = there.renew()
    assert waiting is not None
    await waiting
    assert held(there)


async def test_a_lifted_ban_is_lifted_everywhere(process: Process, hands: Hands) -> None:
    here, there = process(), process()
    ban = await here.add(AT, reason="", by="test")
    await there.refresh()
    assert held(there)
    assert [one.id for one in await there.lift(ban.id, by="test")] == [ban.id]
    hands.now += FRESH
    await here.refresh()
    assert not held(there)
    assert not held(here)


async def test_a_process_that_starts_knows_the_bans_before_its_first_request(process: Process) -> None:
    await process().add(AT, reason="probing", by="test", seconds=60)
    there = process()
    await there.open()
    (ban,) = there.table.bans.values()
    assert (ban.target, ban.reason, ban.by, ban.until) == (AT, "probing", "test", 1060.0)


async def test_a_ban_ends_by_itself_everywhere(process: Process, hands: Hands) -> None:
    here, there = process(), process()
    await here.add(AT, reason="", by="test", seconds=60)
    await there.refresh()
    hands.now += 59.9
    assert held(there)
    assert held(here)
    hands.now += 0.2
    assert not held(here)
    assert not held(there)
    await there.refresh()
    assert len(there.table) == 0


async def test_a_shorter_ban_does_not_shorten_one_that_stands(process: Process) -> None:
    """An automatic ban of a minute must not be a way out of the operator's."""
    here, there = process(), process()
    await here.add(AT, reason="the operator's", by="operator")
    kept = await there.add(AT, reason="automatic", by="detection", seconds=60)
    assert (kept.reason, kept.until) == ("the operator's", None)
    longer = await there.add(NET, reason="", by="test", seconds=10)
    assert (await here.add(NET, reason="", by="test", seconds=20)).until == (longer.until or 0) + 10


async def test_a_list_is_taken_over_as_one_and_can_be_undone_as_one(process: Process) -> None:
    here, there = process(), process()
    await here.add(AT, reason="", by="test")
    listed = [Ban(target, 1000.0, None, "listed", "test", "i1") for target in (AT, NET, parse_target("principal:x"))]
    assert await here.add_all(listed, batch="i1", by="test") == 2
    await there.refresh()
    assert len(there.table) == 3
    assert len(await there.lift("i1", by="test")) == 2
    await here.refresh()
    assert [ban.target for ban in here.table.bans.values()] == [AT]


async def test_the_list_is_bounded_and_a_list_too_long_changes_nothing(process: Process) -> None:
    here = process()
    listed = [Ban(parse_target(f"203.0.113.{n}"), 1000.0) for n in range(9)]
    with pytest.raises(BanListFull):
        await here.add_all(listed, batch="i1", by="test")
    assert len(here.table) == 0
    assert await here.add_all(listed[:8], batch="i1", by="test") == 8
    with pytest.raises(BanListFull):
        await here.add(NET, reason="", by="test")
    await here.add(parse_target("203.0.113.0"), reason="", by="test")  # one that is there already is no further one


@pytest.mark.parametrize("target", ["10.1.2.3", "192.0.2.1", "127.0.0.1"])
async def test_what_must_not_be_banned_is_refused_before_it_is_written(process: Process, target: str) -> None:
    here = process()
    with pytest.raises(BanRefused):
        await here.add(parse_target(target), reason="", by="test")
    await here.refresh()
    assert len(here.table) == 0


async def test_what_nobody_is_banned_by_lifts_nothing(process: Process) -> None:
    here = process()
    await here.add(AT, reason="", by="test")
    assert await here.lift("203.0.113.8", by="test") == []
    assert await here.lift(str(AT), by="test") != []
