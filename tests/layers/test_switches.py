"""Switches thrown at run time: every process heeds them within seconds, and a store that fails opens nothing."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, cast

import pytest

from garrison.core.errors import DependencyError
from garrison.core.exchange import Exchange
from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse, Verdict
from garrison.layers.switches import switch_layer
from garrison.stores.records import MemoryRecords
from garrison.stores.switches import FRESH, OLD, READ_ONLY, Switches, release, throw
from garrison.testing import FrozenClock, testing_policy
from tests.support.facts import make_facts

pytestmark = pytest.mark.anyio


class Failing(MemoryRecords):
    """A store that can be away."""

    away = False

    async def find(self, *args: Any, **more: Any) -> Any:
        if self.away:
            raise DependencyError("away")
        return await super().find(*args, **more)


class World:
    """Two processes over one store."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.records = Failing(self.clock.clock, max_records=100)
        self.both = [Switches(self.records, self.clock.clock.monotonic) for _ in range(2)]

    async def ask(self, process: int = 0, method: str = "POST", route: int = 1, **more: Any) -> Reason | None:
        services = Services(clock=self.clock.clock, route_names=("default", "export"))
        layer = switch_layer(testing_policy(), services, self.both[process])
        facts = make_facts(method, **more)
        facts.route = route
        assert layer.toll is not None
        found = layer.toll(facts, cast(Exchange, None))
        verdict = cast(Verdict, await found if isinstance(found, Awaitable) else found)
        return verdict.reason if isinstance(verdict, Refuse) else None

    async def throw(self, name: str, seconds: float = 3600.0) -> None:
        await throw(self.records, name, "r1", until=self.clock.clock.wall() + seconds)


async def test_a_closed_route_class_is_closed_in_every_process_within_seconds_and_no_other_is() -> None:
    world = World()
    assert [await world.ask(one) for one in (0, 1)] == [None, None]  # the control
    await world.throw("route:export")
    world.clock.advance(OLD + FRESH)
    assert [await world.ask(one) for one in (0, 1)] == [Reason.ROUTE_DISABLED] * 2
    assert await world.ask(method="GET") is Reason.ROUTE_DISABLED
    assert await world.ask(route=0) is None
    assert await release(world.records, "route:export", "r2") is False  # somebody else's
    assert await release(world.records, "route:export", "r1")
    world.clock.advance(OLD + FRESH)
    assert [await world.ask(one) for one in (0, 1)] == [None, None]


async def test_read_only_refuses_what_has_side_effects_and_handshakes_everywhere() -> None:
    world = World()
    await world.throw(READ_ONLY)
    assert await world.ask(route=0) is Reason.READ_ONLY
    assert await world.ask(method="DELETE") is Reason.READ_ONLY
    assert await world.ask(method="GET", kind="websocket") is Reason.READ_ONLY
    assert [await world.ask(method=method) for method in ("GET", "HEAD", "OPTIONS")] == [None] * 3


async def test_a_switch_ends_by_itself_and_is_thrown_once() -> None:
    world = World()
    await world.throw("route:export", 60)
    assert await throw(world.records, "route:export", "r2", until=world.clock.clock.wall() + 9e5) is None
    assert await world.ask() is Reason.ROUTE_DISABLED
    world.clock.advance(61)
    assert await world.ask() is None


async def test_while_the_store_is_away_what_was_thrown_holds_and_nobody_waits() -> None:
    world = World()
    await world.throw("route:export")
    assert await world.ask() is Reason.ROUTE_DISABLED
    world.records.away = True
    for _ in range(3):
        world.clock.advance(OLD + FRESH)
        assert await world.ask() is Reason.ROUTE_DISABLED
    world.records.away = False
    assert await release(world.records, "route:export", "r1")
    world.clock.advance(OLD + FRESH)
    await world.ask()  # it was told to look again
    await world.both[0].open()
    assert await world.ask() is None
