"""Reactions follow once, only from what a client sent by itself, within a budget, never against the allow-list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from garrison.core.ban_rules import AllowList, BanRules
from garrison.core.errors import DependencyError
from garrison.core.ports import Detail, Record, silent
from garrison.detection.alert import Alert
from garrison.detection.rule import Reaction
from garrison.policy.section_reactions import ReactionsSection
from garrison.reactions.budget import Budget, ClientCount
from garrison.reactions.plan import NO_TARGET, NOT_HELD, Want, wanted
from garrison.reactions.reactor import Hands, Reactor
from garrison.reactions.undo import AlreadyUndone, NoSuchReaction, Undoing, reactions, undo
from garrison.stores.bans import Bans
from garrison.stores.records import MemoryRecords
from tests.contracts.hands import Hands as Clocked
from tests.detection.making import START, event, rule

pytestmark = pytest.mark.anyio
CLIENT = "203.0.113.7"


def alert(who: str = CLIENT, *, held: bool = True, at: float = 0.0, **changes: Any) -> Alert:
    return Alert(rule(**{"react": ["ban"], **changes}), who, START + at, 3, held, event(at=at))


class World:
    """Everything real and in memory."""

    def __init__(self, *, allow: tuple[str, ...] = (), proxies: tuple[str, ...] = (), **section: Any) -> None:
        self.clocked = Clocked(START)
        self.clock = self.clocked.clock
        self.events: list[tuple[str, dict[str, Detail]]] = []
        self.records = MemoryRecords(self.clock, max_records=1000)
        self.rules = BanRules(proxies, AllowList(allow))
        self.bans = self.book("ban")
        self.books = {"ban": self.bans, **{kind: self.book(kind) for kind in ("slow", "step-up", "log-more")}}
        self.unable: dict[Reaction, str] = {}
        self.revoked: list[str] = []
        self.section = ReactionsSection(**{"mode": "enforce", **section})
        self.reactor = self.another()

    def book(self, kind: str) -> Bans:
        return Bans(self.records, self.clock, silent, self.rules, most=100, ipv6_prefix=64, shared=True, kind=kind)

    def another(self) -> Reactor:
        """A further node over the same store."""
        hands = Hands(self.records, self.books, self._revoke, self.rules, self._emit, self.clock.wall, self.unable)
        clients = ClientCount(self.clock.monotonic)
        budget = Budget(self.section.share, self.section.least, clients, self.clock.monotonic)
        return Reactor(self.section, hands, budget, 64)

    async def react(self, raised: Alert) -> list[bool]:
        return [await self.reactor.react(want) for want in self.wants(raised)]

    def wants(self, raised: Alert) -> list[Want]:
        return wanted(raised, self.section, 64)[0]

    @property
    def banned(self) -> list[str]:
        return sorted(str(ban.target) for ban in self.bans.table.bans.values())

    @property
    def why(self) -> list[Detail]:
        return [details["why"] for name, details in self.events if name == "reaction_withheld"]

    @property
    def taken(self) -> list[dict[str, Detail]]:
        return [details for name, details in self.events if name == "reaction_taken"]

    def undoing(self) -> Undoing:
        return Undoing(self.records, self.books, self._emit)

    async def _revoke(self, principal: str) -> int:
        self.revoked.append(principal)
        return 2

    def _emit(self, name: str, facts: object = None, /, **details: Detail) -> None:
        self.events.append((str(name), details))


async def test_a_client_is_banned_for_its_time_and_the_record_says_how_to_undo_it() -> None:
    world = World()
    assert await world.react(alert()) == [True]
    assert world.banned == [CLIENT]
    (taken,) = world.taken
    assert taken["undo"] == f"garrison undo {taken['reaction']}"
    (ban,) = world.bans.table.bans.values()
    assert ban.by == f"reaction:{taken['reaction']}"
    assert ban.until == START + world.section.ban


@pytest.mark.parametrize(
    ("raised", "why"),
    [
        (alert(held=False), NOT_HELD),
        (alert("alice", held=False, react=["step-up", "log-more"], by="principal"), NOT_HELD),
        (alert("unix"), NO_TARGET),
        (alert("[hidden]"), NO_TARGET),
        (alert("", react=["step-up"], by="session"), NO_TARGET),
    ],
)
async def test_what_can_not_be_held_against_somebody_has_no_reaction(raised: Alert, why: str) -> None:
    world = World()
    assert wanted(raised, world.section, 64) == ([], why)
    world.reactor.hear(raised)
    assert world.why == [why]
    assert world.banned == []


async def test_a_dry_run_tells_what_it_would_do_and_does_nothing() -> None:
    world = World(mode="dry-run")
    assert ReactionsSection().mode == "dry-run"
    assert await world.react(alert()) == [False]
    assert world.why == ["dry-run"]
    assert world.banned == []


@pytest.mark.parametrize(
    ("who", "settings"),
    [(CLIENT, {"allow": ("203.0.113.0/24",)}), (CLIENT, {"proxies": ("203.0.113.7/32",)}), ("127.0.0.1", {})],
)
async def test_the_allow_list_proxies_and_loopback_are_never_met(who: str, settings: dict[str, Any]) -> None:
    world = World(**settings)
    assert await world.react(alert(who)) == [False]
    assert world.banned == []
    assert len(world.why) == 1


async def test_two_nodes_that_raise_one_alert_do_one_thing() -> None:
    world = World()
    (want,) = world.wants(alert())
    assert [await node.react(want) for node in (world.reactor, world.another(), world.reactor)] == [True, False, False]
    assert len(world.taken) == 1


async def test_a_user_loses_all_sessions_and_after_an_undo_the_rule_leaves_them_alone() -> None:
    world = World()
    raised = Alert(rule(react=["revoke"], by="principal"), "alice", START, 3, True, event())
    assert await world.react(raised) == [True]
    assert world.revoked == ["alice"]
    await undo(str(world.taken[0]["reaction"]), world.undoing(), by="cli:ann", now=START)
    again = Alert(raised.rule, "alice", START + 1800, 3, True, event())
    assert await world.react(again) == [False]
    assert world.revoked == ["alice"]


async def test_what_is_about_a_session_is_against_its_user() -> None:
    world = World()
    raised = Alert(rule(react=["step-up"], by="session"), "c0ffee", START, 5, True, event(principal="alice"))
    assert await world.react(raised) == [True]
    assert [str(ban.target) for ban in world.books["step-up"].table.bans.values()] == ["principal:alice"]
    await undo(str(world.taken[0]["reaction"]), world.undoing(), by="cli:ann", now=START)
    assert not world.books["step-up"].table.bans


async def test_what_the_application_has_no_means_for_is_withheld_and_told() -> None:
    world = World()
    world.unable["step-up"] = "no page"
    raised = Alert(rule(react=["step-up"], by="principal"), "alice", START, 3, True, event())
    assert await world.react(raised) == [False]
    assert world.why == ["no page"]


async def test_looking_closer_needs_no_budget_and_keeps_nobody_out() -> None:
    world = World(least=0, share=0.01)
    raised = Alert(rule(react=["log-more"], confidence="low"), CLIENT, START, 3, True, event())
    assert await world.react(raised) == [True]
    assert world.banned == []
    assert [str(ban.target) for ban in world.books["log-more"].table.bans.values()] == [CLIENT]


async def test_a_runaway_rule_meets_the_budget_and_somebody_is_called() -> None:
    world = World(least=3)
    for number in range(10):
        await world.react(alert(f"203.0.113.{number}"))
    assert len(world.banned) == 3
    assert world.why == ["the budget of reactions is spent"] * 7
    assert [name for name, _ in world.events].count("reactions_spent") == 1


class TestUndo:
    async def test_the_ban_is_lifted_and_the_same_rule_does_not_set_it_again(self) -> None:
        world = World()
        await world.react(alert())
        name = str(world.taken[0]["reaction"])
        record = await undo(name, world.undoing(), by="cli:ann", now=START)
        assert record.data["target"] == CLIENT
        assert world.banned == []
        assert await world.react(alert(at=1800)) == [False]
        assert world.why == ["an operator has undone it before"]
        assert ("reaction_undone", "cli:ann") in [(one, details.get("by")) for one, details in world.events]

    async def test_a_second_undo_and_an_unknown_id_are_refused(self) -> None:
        world = World()
        await world.react(alert())
        name = str(world.taken[0]["reaction"])
        await undo(name, world.undoing(), by="x", now=START)
        with pytest.raises(AlreadyUndone):
            await undo(name, world.undoing(), by="x", now=START)
        with pytest.raises(NoSuchReaction):
            await undo("r000000000000", world.undoing(), by="x", now=START)

    async def test_a_longer_ban_of_the_operators_own_stays(self) -> None:
        world = World()
        await world.react(alert())
        (ban,) = world.bans.table.bans.values()
        await world.bans.add(ban.target, reason="mine", by="cli:ann")
        await undo(str(world.taken[0]["reaction"]), world.undoing(), by="cli:ann", now=START)
        assert world.banned == [CLIENT]

    async def test_reactions_are_listed_the_newest_first(self) -> None:
        world = World()
        await world.react(alert())
        world.clocked.now += 5
        await world.react(alert("203.0.113.8"))
        found: list[Record] = await reactions(world.records)
        assert [one.data["target"] for one in found] == ["203.0.113.8", CLIENT]


class TestFailure:
    """The store goes away in the middle."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("garrison.reactions.reactor._PAUSE", 0.0)

    def failing(self, monkeypatch: pytest.MonkeyPatch, world: World, method: str, times: int) -> None:
        left = [times]
        real: Callable[..., Awaitable[Any]] = getattr(world.bans, method)

        async def call(*given: Any, **more: Any) -> Any:
            if left[0]:
                left[0] -= 1
                raise DependencyError("away")
            return await real(*given, **more)

        monkeypatch.setattr(world.bans, method, call)

    async def test_a_short_absence_is_waited_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        self.failing(monkeypatch, world, "add", 2)
        assert await world.react(alert()) == [True]
        assert world.banned == [CLIENT]

    async def test_a_long_one_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        self.failing(monkeypatch, world, "add", 99)
        assert await world.react(alert()) == [False]
        assert world.why == ["away"]

    async def test_what_a_dead_node_began_another_finishes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        self.failing(monkeypatch, world, "add", 5)
        (want,) = world.wants(alert())
        assert await world.reactor.react(want) is False
        assert await world.another().react(want) is False
        world.clocked.now += 20
        assert await world.another().react(want) is True
        assert world.banned == [CLIENT]


def test_clients_are_counted_well_enough() -> None:
    clocked = Clocked(START)
    clients = ClientCount(clocked.clock.monotonic)
    for number in range(20_000):
        clients.see(f"10.{number >> 8}.{number & 255}.1")
        clients.see(f"10.{number >> 8}.{number & 255}.1")
    assert 18_000 < clients.count() < 22_000
    clocked.now += 3700
    clients.count()
    assert clients.count() > 18_000
    clocked.now += 9000
    clients.count()
    assert clients.count() < 100
