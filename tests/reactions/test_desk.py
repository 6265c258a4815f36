"""What nobody acknowledges goes to the next, once; what waits for the morning comes in the morning, together."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from garrison.core.clock import SYSTEM
from garrison.core.errors import DependencyError
from garrison.core.ports import Detail, Records
from garrison.events.capture import capturing_bus
from garrison.events.event import Event
from garrison.events.terms import Severity
from garrison.events.vocabulary import EventName
from garrison.policy.model import Policy
from garrison.policy.section_alerts import AlertReceiver, AlertsSection
from garrison.reactions.build import build_desk
from garrison.reactions.delivery import build_delivery
from garrison.reactions.desk import Desk
from garrison.reactions.open_alerts import Ladder, NoSuchAlert, acknowledge, opened
from garrison.stores.build import Stores
from garrison.stores.memory import MemoryCounters
from garrison.stores.records import MemoryRecords
from tests.contracts.hands import Hands
from tests.detection.making import START
from tests.events.exports.receiving import web
from tests.reactions.test_delivery import KEY, soon
from tests.reactions.test_message import RULES, raised
from tests.support.revealing import revealing

pytestmark = pytest.mark.anyio
WAIT = 600.0


class Leaving:
    """Records that can go away."""

    def __init__(self, inner: Records) -> None:
        self._inner, self.away = inner, False

    def __getattr__(self, name: str) -> Any:
        if self.away:
            raise DependencyError("away")
        return getattr(self._inner, name)


class World:
    """A store, its clock, and as many desks (processes) over it as are asked for."""

    def __init__(self, *steps: int) -> None:
        self.hands = Hands(START)
        self.records = Leaving(MemoryRecords(self.hands.clock, max_records=1000))
        self.ladder = Ladder(steps or (0, 1), WAIT)
        self.told: list[tuple[str, dict[str, Detail]]] = []
        self.alarms: list[str] = []

    async def _nothing(self) -> None:
        """Opened and closed at once."""

    def desk(self, ladder: Ladder | None = None) -> Desk:
        stores = Stores(
            MemoryCounters(self.hands.clock, max_keys=10), self.records, tuple, self._nothing, self._nothing,  # type: ignore[arg-type]  # as they are while they are there
            self._nothing,
        )  # fmt: skip
        desk = Desk(ladder or self.ladder, Severity.ERROR, stores, self.emit, self.hands.clock.wall, self.alarms.append)
        desk.start = lambda: None  # type: ignore[method-assign]  # a test turns by hand
        return desk

    def emit(self, name: str, facts: object = None, /, **details: Detail) -> None:
        self.told.append((str(name), details))

    def pass_(self, seconds: float) -> None:
        self.hands.now += seconds

    @property
    def escalated(self) -> list[tuple[Detail, Detail]]:
        return [(one["who"], one["step"]) for name, one in self.told if name == "alert_escalated"]


def alert(who: str = "203.0.113.7", rule: str = "stuffing") -> Event:
    return raised(rule, who, run="r", seq=hash(who) % 1000)


async def turn(*desks: Desk) -> None:
    for desk in desks:
        await desk.turn()


class TestEscalation:
    async def test_what_nobody_acknowledges_goes_to_the_next_once_over_all_nodes(self) -> None:
        world = World()
        first, second = world.desk(), world.desk()
        first.write([alert()])
        await turn(first, second)
        world.pass_(WAIT - 1)
        await turn(first, second)
        assert world.escalated == []
        world.pass_(2)
        await turn(second, first, second)
        assert world.escalated == [("203.0.113.7", 1)]
        world.pass_(10 * WAIT)
        await turn(first, second)
        assert len(world.escalated) == 1

    async def test_control_without_a_ladder_nobody_further_is_ever_told(self) -> None:
        world = World()
        desk = world.desk(Ladder((0,), WAIT))
        desk.write([alert()])
        await turn(desk)
        world.pass_(10 * WAIT)
        await turn(desk)
        assert world.escalated == []

    async def test_what_somebody_has_goes_no_further(self) -> None:
        world = World()
        desk = world.desk()
        event = alert()
        desk.write([event])
        await turn(desk)
        name = str(event.details["alert"])
        assert [one.id for one in await opened(world.records)] == [name]  # type: ignore[arg-type]
        record, fresh = await acknowledge(world.records, name, world.emit, by="cli:ann")  # type: ignore[arg-type]
        assert fresh
        record, fresh = await acknowledge(world.records, name, world.emit, by="cli:bob")  # type: ignore[arg-type]
        assert (fresh, record.data["by"]) == (False, "cli:ann")
        world.pass_(2 * WAIT)
        await turn(desk)
        assert world.escalated == []
        assert await opened(world.records) == []  # type: ignore[arg-type]
        assert [name for name, _ in world.told] == ["alert_acknowledged"]
        with pytest.raises(NoSuchAlert):
            await acknowledge(world.records, "a000000000000", world.emit, by="x")  # type: ignore[arg-type]

    async def test_each_step_has_its_time(self) -> None:
        world = World(0, 2, 5)
        desk = world.desk()
        desk.write([alert()])
        await turn(desk)
        for _ in range(4):
            world.pass_(WAIT + 1)
            await turn(desk)
        assert world.escalated == [("203.0.113.7", 2), ("203.0.113.7", 5)]
        (last,) = await opened(world.records)  # type: ignore[arg-type]
        assert last.data["state"] == "over"

    async def test_a_message_that_is_not_taken_goes_to_the_next_at_once(self) -> None:
        world = World()
        desk = world.desk()
        event = alert()
        desk.write([event])
        await turn(desk)
        desk.not_taken(str(event.details["alert"]), 0)
        desk.not_taken("a-that-nobody-knows", 0)
        await turn(desk)
        assert world.escalated == [("203.0.113.7", 1)]

    async def test_a_process_that_ends_is_followed_by_the_next(self) -> None:
        world = World()
        before = world.desk()
        before.write([alert()])
        await before.finish()
        world.pass_(WAIT + 1)
        await turn(world.desk())
        assert world.escalated == [("203.0.113.7", 1)]

    async def test_who_dies_in_the_middle_of_telling_is_relieved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        dying, other = world.desk(), world.desk()
        dying.write([alert()])
        await turn(dying)
        world.pass_(WAIT + 1)

        def dead(*_: object, **__: object) -> None:
            raise SystemExit

        monkeypatch.setattr(dying, "_emit", dead)
        with pytest.raises(SystemExit):
            await dying.turn()
        await turn(other)
        assert world.escalated == []  # it might still be telling
        world.pass_(20)
        await turn(other)
        assert world.escalated == [("203.0.113.7", 1)]

    async def test_while_the_store_is_away_it_is_told_all_the_same(self) -> None:
        world = World()
        desk = world.desk()
        world.records.away = True
        desk.write([alert("203.0.113.7"), alert("203.0.113.8")])
        await turn(desk)
        desk.not_taken(str(alert("203.0.113.8").details["alert"]), 0)
        await turn(desk)
        assert world.escalated == [("203.0.113.8", 1)]
        world.pass_(WAIT + 1)
        await turn(desk)
        assert sorted(world.escalated) == [("203.0.113.7", 1), ("203.0.113.8", 1)]
        assert [name for name, _ in world.told].count("service_degraded") == 1
        world.records.away = False
        await turn(desk)
        world.pass_(WAIT + 1)
        await turn(desk)
        assert len(world.escalated) == 2
        assert len(await opened(world.records)) == 2  # type: ignore[arg-type]

    async def test_an_answer_that_is_late_once_alarms_nobody(self) -> None:
        world = World()
        desk = world.desk()
        for away in (True, False, True, False):
            world.records.away = away
            await turn(desk)
        assert world.told == []

    async def test_a_clock_that_is_set_back_delays_by_one_wait_at_most(self) -> None:
        world = World()
        desk = world.desk()
        desk.write([alert()])
        await turn(desk)
        world.pass_(-86_400)
        await turn(desk)
        world.pass_(WAIT + 1)
        await turn(desk)
        assert world.escalated == [("203.0.113.7", 1)]

    async def test_small_alerts_and_what_is_no_alert_wait_for_nobody(self) -> None:
        world = World()
        desk = world.desk()
        desk.write([alert(rule="probing-404")])
        await turn(desk)
        assert await opened(world.records) == []  # type: ignore[arg-type]

    async def test_what_somebody_wrote_into_the_store_is_told_as_far_as_it_is_known(self) -> None:
        world = World()
        desk = world.desk()
        data = {"state": "waiting", "step": 0, "due": 0.0, "event": "{no event", "who": "203.0.113.9", "rule": "r"}
        await world.records.put("alert-open", "a1", data)
        await turn(desk)
        assert world.escalated == [("203.0.113.9", 1)]

    async def test_whatever_goes_wrong_the_next_look_comes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World()
        desk = world.desk()

        async def broken(*_: object) -> None:
            raise RuntimeError("a fault")

        desk.write([alert()])
        with monkeypatch.context() as patch:
            patch.setattr("garrison.reactions.desk.open_alert", broken)
            await turn(desk, desk)
        assert [(name, one["service"]) for name, one in world.told] == [("service_degraded", "alerts:desk")]
        world.pass_(WAIT + 1)
        await turn(desk)
        assert world.escalated == [("203.0.113.7", 1)]

    async def test_a_flood_while_the_store_is_away_is_bounded_and_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("garrison.reactions.desk._MOST", 10)
        world = World()
        desk = world.desk()
        world.records.away = True
        desk.write([alert(f"203.0.113.{number}") for number in range(50)])
        assert len(world.alarms) == 1
        world.pass_(WAIT + 1)
        await turn(desk)
        assert len(world.escalated) == 10


class Bed(World):
    """A receiver with quiet hours, real as far as the network."""

    def __init__(self, url: str, **receiver: Any) -> None:
        super().__init__()
        section = AlertsSection(receivers=(
            AlertReceiver(**{"to": url, "gather": 0.0, "least": "notice", "quiet": ["22:00-07:00"], **receiver}),
        ))  # fmt: skip
        self.one = self.desk(None)
        self.other = self.desk(None)
        self.outlets = [
            build_delivery(section, list(RULES.values()), KEY, self.emit, self.alarms.append, revealing({}), desk,
                           self.hands.clock.wall)[0]
            for desk in (self.one, self.other)
        ]  # fmt: skip

    def at(self, hour: float) -> None:
        """Set the clock: START is a Friday, 08:00 UTC."""
        self.hands.now = START + (hour - 8) * 3600

    def send(self, *events: Event) -> None:
        self.outlets[0].write(events)

    def close(self) -> None:
        for outlet in self.outlets:
            outlet.close()


class TestQuietHours:
    async def test_what_comes_at_night_is_told_in_the_morning_in_one_message_by_one_node(self) -> None:
        with web() as (url, got):
            bed = Bed(url)
            bed.at(23)
            bed.send(alert("203.0.113.7"), alert("203.0.113.8"))
            bed.outlets[1].write([alert("203.0.113.9")])
            await turn(bed.one, bed.other)
            bed.at(24 + 6.9)
            await turn(bed.one, bed.other)
            assert got == []
            bed.at(24 + 7)
            await turn(bed.other, bed.one)
            assert soon(lambda: got)
            await turn(bed.one, bed.other)
            bed.close()
        assert len(got) == 1
        assert all(f"203.0.113.{number}".encode() in got[0][1] for number in (7, 8, 9))

    async def test_what_was_held_comes_at_once_when_the_receiver_has_no_quiet_hours_any_more(self) -> None:
        with web() as (url, got):
            bed, later = Bed(url), Bed(url, quiet=[])
            bed.at(23)
            bed.send(alert())
            await turn(bed.one)
            later.records._inner, later.hands.now = bed.records._inner, bed.hands.now
            await turn(later.one)
            assert soon(lambda: got)
            bed.close()
            later.close()

    async def test_one_address_with_two_sets_of_hours_gets_by_day_what_it_was_spared_at_night(self) -> None:
        """The usual at day, the gravest at any hour."""
        with web() as (url, got):
            world = World()
            desk = world.desk()
            both = (
                AlertReceiver(to=url, gather=0.0, least="notice", quiet=["22:00-07:00"]),
                AlertReceiver(to=url, gather=0.0, least="critical"),
            )
            outlets = build_delivery(
                AlertsSection(receivers=both), list(RULES.values()), KEY, world.emit, world.alarms.append,
                revealing({}), desk, world.hands.clock.wall,
            )  # fmt: skip
            world.hands.now += (23 * 3600 - world.hands.clock.wall()) % 86_400
            for outlet in outlets:
                outlet.write([alert()])
            await turn(desk)
            assert got == []
            world.pass_(9 * 3600)
            await turn(desk)
            assert soon(lambda: got)
            for outlet in outlets:
                outlet.close()
        assert len(got) == 1

    async def test_control_without_quiet_hours_the_night_is_no_reason_to_wait(self) -> None:
        with web() as (url, got):
            bed = Bed(url, quiet=[])
            bed.at(23)
            bed.send(alert("203.0.113.7"))
            assert soon(lambda: got)
            bed.close()

    async def test_the_gravest_and_what_comes_by_day_are_told_at_once(self) -> None:
        with web() as (url, got):
            bed = Bed(url)
            bed.at(23)
            bed.send(alert("web-1", "log-changed"))
            assert soon(lambda: len(got) == 1)
            bed.at(24 + 12)
            bed.send(alert())
            assert soon(lambda: len(got) == 2)
            bed.close()

    async def test_whom_errors_wake_is_told_of_errors_and_of_nothing_less(self) -> None:
        with web() as (url, got):
            bed = Bed(url, wakes="error")
            bed.at(23)
            bed.send(alert("203.0.113.5", "probing-404"), alert("203.0.113.6", "stuffing"))
            assert soon(lambda: got)
            bed.close()
        assert b"203.0.113.6" in got[0][1]
        assert b"203.0.113.5" not in got[0][1]

    async def test_what_was_held_outlives_the_process(self) -> None:
        with web() as (url, got):
            bed = Bed(url)
            bed.at(23)
            bed.send(alert())
            await bed.one.finish()
            bed.at(24 + 8)
            await turn(bed.other)
            assert soon(lambda: got)
            bed.close()

    async def test_a_clock_that_jumps_over_the_night_or_back_into_it_neither_loses_nor_doubles(self) -> None:
        with web() as (url, got):
            bed = Bed(url)
            bed.at(23)
            bed.send(alert())
            await turn(bed.one)
            bed.at(24 + 12)
            await turn(bed.one)
            assert soon(lambda: got)
            bed.at(23.5)
            await turn(bed.one)
            bed.at(24 + 13)
            await turn(bed.one)
            bed.close()
        assert len(got) == 1

    async def test_while_the_store_is_away_it_is_kept_here(self) -> None:
        with web() as (url, got):
            bed = Bed(url)
            bed.records.away = True
            bed.at(23)
            bed.send(alert())
            await turn(bed.one)
            assert got == []
            bed.at(24 + 8)
            await turn(bed.one)
            assert soon(lambda: got)
            bed.close()


async def test_only_the_receivers_of_a_step_are_told_of_it_and_a_failure_reaches_the_desk() -> None:
    failing = [500]
    with web(lambda: failing.pop() if failing else 200) as (first, got), web() as (second, called):
        world = World()
        desk = world.desk()
        section = AlertsSection(
            receivers=(AlertReceiver(to=first, gather=0.0), AlertReceiver(to=second, gather=0.0, step=1)),
            escalate=WAIT,
        )
        outlets = build_delivery(
            section, list(RULES.values()), KEY, world.emit, world.alarms.append, revealing({}), desk
        )
        event = alert()
        desk.write([event])
        for outlet in outlets:
            outlet.write([event])
        assert soon(lambda: got)  # at the second try
        await turn(desk)
        assert world.escalated == [("203.0.113.7", 1)]
        details = next(one for name, one in world.told if name == "alert_escalated")
        told = raised("stuffing", "203.0.113.7", run="r", seq=2)
        object.__setattr__(told, "name", EventName.ALERT_ESCALATED)
        object.__setattr__(told, "details", details)
        for outlet in outlets:
            outlet.write([told])
        assert soon(lambda: called)
        for outlet in outlets:
            outlet.close()
    assert len(got) == 1
    assert len(called) == 1
    assert b"not acknowledged: Stolen passwords tried out" in called[0][1]
    assert f"garrison alerts ack {event.details['alert']}".encode() in called[0][1]


def test_what_one_process_was_told_another_escalates_from_the_file_they_share(tmp_path: Path) -> None:
    """Threads and a store as they are, and no application that runs."""
    bus, captured = capturing_bus()
    policy = Policy(
        state=str(tmp_path), store="embedded", key="env:K",
        alerts={"receivers": [{"to": "https://a.example"}, {"to": "https://b.example", "step": 1}], "escalate": 1.5},
    )  # fmt: skip
    before, after = build_desk(policy, bus, SYSTEM, revealing({})), build_desk(policy, bus, SYSTEM, revealing({}))
    assert before is not None
    assert after is not None
    before.write([alert()])
    before.close()
    assert captured.of("alert_escalated") == []
    after.start()
    assert soon(lambda: len(captured) and captured.of("alert_escalated"))
    after.close()


class Returning:
    """A store that is come back to as a shared one is: in a task aside, which takes many turns of the loop and has a
    deadline."""

    def __init__(self, inner: Records) -> None:
        self._inner, self._is_there = inner, False
        self._aside: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        if self._is_there:
            return getattr(self._inner, name)
        if self._aside is None or self._aside.done():
            self._aside = asyncio.get_running_loop().create_task(self._connect())
        raise DependencyError("away")

    async def _connect(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.8):
                for _ in range(10):
                    await asyncio.sleep(0.05)  # longer than from one look to the next
                self._is_there = True


def test_a_store_that_was_away_is_found_again_by_the_desk_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garrison.reactions.desk.EVERY", 0.4)
    world = World()
    world.records = Returning(world.records)  # type: ignore[assignment]
    desk = world.desk()
    del desk.start  # the desk's own thread
    desk.write([alert()])
    try:
        assert soon(lambda: "service_recovered" in [name for name, _ in world.told])
    finally:
        desk.close()
    assert len(asyncio.run(opened(world.records))) == 1  # type: ignore[arg-type]
