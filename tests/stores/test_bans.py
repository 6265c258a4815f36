"""The ban list when its store is away, and what it tells."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.core.ban_rules import AllowList, BanRules
from garrison.core.bans import Ban, parse_target
from garrison.core.errors import DependencyError
from garrison.core.ports import Record
from garrison.events.vocabulary import TERMS
from garrison.stores import MemoryRecords
from garrison.stores.bans import FRESH, OLD, REREAD, Bans
from garrison.stores.errors import StoreAway
from tests.contracts.hands import Hands
from tests.support.facts import client_of

pytestmark = pytest.mark.anyio
AT = parse_target("203.0.113.7")


class Shaky(MemoryRecords):
    """Records that can be away, and count how often they are asked."""

    away = False
    calls = 0

    async def get(self, kind: str, id: str) -> Record | None:
        self._ask()
        return await super().get(kind, id)

    async def put(self, *given: Any, **more: Any) -> Record | None:
        self._ask()
        return await super().put(*given, **more)

    async def find(self, *given: Any, **more: Any) -> Any:
        self._ask()
        return await super().find(*given, **more)

    def _ask(self) -> None:
        self.calls += 1
        if self.away:
            raise StoreAway("store", "it is a test")


class Stand:
    """Two processes over one store, and what they recorded."""

    def __init__(self) -> None:
        self.hands = Hands()
        self.records = Shaky(self.hands.clock, max_records=100)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.here, self.there = self.process(), self.process()

    def process(self, *, shared: bool = True) -> Bans:
        def emit(name: str, facts: object = None, /, **details: Any) -> None:
            self.events.append((name, details))

        rules = BanRules([], AllowList([]))
        return Bans(self.records, self.hands.clock, emit, rules, most=50, ipv6_prefix=64, shared=shared)

    def held(self, bans: Bans) -> bool:
        return bans.table.client(client_of("203.0.113.7")) is not None

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]


async def settle(bans: Bans) -> None:
    """What a request does whose table is due, and a moment for what goes on aside."""
    pending = bans.renew()
    if pending is not None:
        await pending
    for _ in range(100):
        await asyncio.sleep(0)


async def test_known_bans_hold_while_the_store_is_away_and_it_is_told_once() -> None:
    stand = Stand()
    await stand.here.add(AT, reason="", by="test")
    await stand.there.refresh()
    stand.records.away = True
    for _ in range(5):
        stand.hands.now += OLD + 1
        await settle(stand.there)
        assert stand.held(stand.there)
    assert stand.names == ["ban_set", "service_degraded"]
    stand.records.away = False
    stand.hands.now += OLD + 1
    await settle(stand.there)
    assert stand.names == ["ban_set", "service_degraded", "service_recovered"]


async def test_a_process_that_nobody_asks_anything_tells_that_the_store_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("garrison.stores.bans.FRESH", 0.01)
    stand = Stand()
    stand.records.away = True
    await settle(stand.here)
    before = stand.records.calls
    async with asyncio.timeout(60):
        while stand.records.calls < before + 3:  # noqa: ASYNC110  # it goes on asking
            await asyncio.sleep(0.01)
        assert stand.names == ["service_degraded"], "told once"
        stand.records.away = False
        while "service_recovered" not in stand.names:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert stand.names == ["service_degraded", "service_recovered"]


async def test_while_the_store_is_away_nobody_waits_for_it_twice() -> None:
    stand = Stand()
    stand.records.away = True
    await settle(stand.here)
    stand.hands.now += OLD + 1
    assert stand.here.renew() is None
    assert stand.here.due == stand.hands.now + FRESH


async def test_a_change_that_was_not_stored_is_not_in_force_and_not_recorded() -> None:
    stand = Stand()
    stand.records.away = True
    with pytest.raises(DependencyError):
        await stand.here.add(AT, reason="", by="test")
    assert not stand.held(stand.here)
    assert stand.names == []


async def test_an_idle_table_costs_one_look_at_a_number() -> None:
    stand = Stand()
    await stand.here.add(AT, reason="", by="test")
    await stand.here.refresh()
    before = stand.records.calls
    stand.hands.now += FRESH
    await stand.here.refresh()
    assert stand.records.calls == before + 1


async def test_a_change_whose_number_was_lost_is_found_all_the_same() -> None:
    """A fail-over, or a writer that died between its two writes."""
    stand = Stand()
    await stand.here.add(AT, reason="", by="test")
    await stand.there.refresh()
    (ban,) = stand.there.table.bans.values()
    await stand.records.delete("ban", ban.id)
    stand.hands.now += REREAD - 1
    await stand.there.refresh()
    assert stand.held(stand.there), "control: nothing told of it"
    stand.hands.now += 1
    await stand.there.refresh()
    assert not stand.held(stand.there)


async def test_a_record_that_can_t_be_read_does_not_end_the_other_bans() -> None:
    stand = Stand()
    await stand.here.add(AT, reason="", by="test")
    await stand.records.put("ban", "b00", {"shard": 0, "target": "???"})
    await stand.there.refresh()
    assert stand.held(stand.there)
    assert len(stand.there.table) == 1


async def test_every_change_leaves_an_event_that_names_who_and_what() -> None:
    stand = Stand()
    ban = await stand.here.add(AT, reason="probing", by="cli:ann", seconds=60)
    await stand.here.add(AT, reason="again", by="cli:bob", seconds=10)
    await stand.here.add_all([Ban(parse_target("principal:x"), 1000.0, batch="i1")], batch="i1", by="cli:ann")
    await stand.here.lift(ban.id, by="cli:bob")
    assert stand.names == ["ban_set", "ban_set", "ban_lifted"], "what changed nothing is no event"
    told = [details for _, details in stand.events]
    assert (told[0]["ban"], told[0]["target"], told[0]["by"], told[0]["until"]) == (ban.id, str(AT), "cli:ann", 1060.0)
    assert (told[1]["batch"], told[1]["count"]) == ("i1", 1)
    assert told[2]["by"] == "cli:bob"
    assert set(stand.names) <= set(TERMS)


async def test_a_store_of_one_process_is_not_asked_at_all() -> None:
    stand = Stand()
    alone = stand.process(shared=False)
    assert alone.due == float("inf")
    await alone.add(AT, reason="", by="test")
    assert stand.held(alone)


def test_outside_an_event_loop_the_table_stays() -> None:
    assert Stand().here.renew() is None


async def test_one_table_is_renewed_once_however_many_ask() -> None:
    stand = Stand()
    stand.hands.now += OLD + 1
    waiting = [stand.here.renew() for _ in range(20)]
    await asyncio.gather(*(one for one in waiting if one is not None))
    assert stand.records.calls == 1 + 16
