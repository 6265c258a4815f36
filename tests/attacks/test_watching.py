"""Attacks that show in what is around requests: how long answers take, whose network they come from, what is missing.

Each has its control: the same traffic without the attack, or the same attack without the source it is seen by.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from garrison import harden
from garrison.detection import gaps
from garrison.detection.alert import Alert
from garrison.detection.build import build_engine, rules_for
from garrison.detection.engine import Engine
from garrison.detection.rule import shipped_rules
from garrison.detection.runner import Detector
from garrison.detection.sightings import Sightings
from garrison.detection.stream import Stream, client_for
from garrison.events.capture import capturing_bus
from garrison.events.event import Event
from garrison.events.vocabulary import EventName
from garrison.policy.store_address import parse_store
from garrison.testing import FrozenClock, captured_events, testing_policy
from tests.asgi.driving import EMPTY, Message, Receive, Send, drive, http_scope
from tests.detection.making import event
from tests.support.valkey import Server

pytestmark = pytest.mark.anyio
PROXY = "10.0.0.5"


class Slow:
    """An application whose answers take as long as the query says, in milliseconds; the clock is moved by it."""

    def __init__(self) -> None:
        self.clock = FrozenClock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.clock.advance(float(scope["query_string"] or 20) / 1000)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def minutes(
    *plan: tuple[int, float], per_minute: int = 60, off: tuple[str, ...] = ()
) -> AsyncIterator[list[Alert]]:
    """The alerts of some minutes in which answers take so many milliseconds, `per_minute` of them."""
    slow = Slow()
    sightings = Sightings(slow.clock.clock.wall, "n", ("default",), (), (), monotonic=slow.clock.clock.monotonic)
    app = harden(slow, testing_policy(), layers=[sightings.layer], clock=slow.clock.clock)
    engine = build_engine(testing_policy(detection={"off": off}))
    found: list[Alert] = []
    with captured_events(app):
        for number, taken in plan:
            for _ in range(number * per_minute):
                await drive(app, http_scope("GET", b"/", query_string=str(taken).encode()), [EMPTY])
                slow.clock.advance(60 / per_minute)
                found += engine.feed_all(sightings.drain())
    yield found


def rules(alerts: list[Alert]) -> list[str]:
    return [one.rule.id for one in alerts]


async def test_queries_that_cost_too_much_are_seen_by_the_time_they_take() -> None:
    """OWASP API4:2023, unrestricted resource consumption: few requests, each within every limit."""
    async with minutes((17, 30), (2, 300), per_minute=80) as alerts:
        assert rules(alerts) == ["latency-rises"]
        assert alerts[0].who == "default"


async def test_control_the_same_requests_at_the_usual_cost_raise_nothing() -> None:
    async with minutes((19, 30)) as alerts:
        assert rules(alerts) == []


async def test_control_without_the_rule_nobody_hears_of_it() -> None:
    async with minutes((17, 30), (2, 300), per_minute=80, off=("latency-rises",)) as alerts:
        assert rules(alerts) == []


@pytest.mark.parametrize(
    "plan",
    [((17, 1), (2, 40)), ((17, 400),), ((17, 100), (2, 180)), ((3, 30), (2, 700))],
    ids=["fast anyway", "slow as ever", "a busy hour", "no past yet"],
)
async def test_what_is_no_sudden_rise_raises_nothing(plan: tuple[tuple[int, float], ...]) -> None:
    async with minutes(*plan) as alerts:
        assert rules(alerts) == []


async def test_a_quiet_night_is_too_little_to_judge_by() -> None:
    async with minutes((17, 30), (3, 5000), per_minute=10) as alerts:
        assert rules(alerts) == []


# Autonomous systems --------------------------------------------------------------------------------------------------


async def stuffed(header: bytes, peer: str, **detection: Any) -> list[str]:
    """Rules that speak when 90 addresses of 90 networks each try one account, seen through `peer`."""
    detection = {"enabled": False, **detection}
    policy = testing_policy(proxies=[f"{PROXY}/32"], detection=detection)
    clock = FrozenClock()
    seen = Sightings(clock.clock.wall, "n", ("default",), (), (), _asns(policy))

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        facts = scope["state"]["garrison"].facts
        hardened.services.emit("authn_login_fail", facts, account=f"a{clock.now}")
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    hardened = harden(app, policy, layers=[seen.layer], clock=clock.clock)
    engine, found = build_engine(policy), []
    with captured_events(hardened) as events:
        for number in range(90):
            clock.advance(15)
            client = f"45.{number}.0.9"
            headers = [(b"x-forwarded-for", client.encode())] if peer == PROXY else []
            headers += [(b"x-client-asn", header)] if header else []
            await drive(hardened, http_scope("POST", b"/log-in", headers, client=(peer or client, 1)), [EMPTY])
        found = engine.feed_all(seen.asns.stamp(list(events)))
    return [f"{one.rule.id}/{one.who}" for one in found if one.rule.by == "asn"]


def _asns(policy: Any) -> Any:
    from garrison.detection.asn import Asns, read_table

    section = policy.detection
    return Asns(section.asn_header, read_table(section.asn_table) if section.asn_table else None)


async def test_stuffing_over_a_provider_is_seen_by_what_the_proxy_says() -> None:
    assert await stuffed(b"AS64500", PROXY, asn_header="X-Client-ASN") == ["stuffing-provider/64500"]


async def test_and_by_a_table(tmp_path: Path) -> None:
    table = tmp_path / "networks.txt"
    table.write_text("# hosting\n45.0.0.0/8 64499\n45.0.0.0/9,AS64500\n2001:db8::/32 64501\n", encoding="ascii")
    assert await stuffed(b"", PROXY, asn_table=str(table)) == ["stuffing-provider/64500"]


async def test_control_without_a_source_the_networks_are_strangers() -> None:
    assert await stuffed(b"AS64500", PROXY) == []


@pytest.mark.parametrize("header", [b"0", b"AS0", b"64500 64501", b"4294967296", b"\xff", b"", b"'; DROP TABLE"])
async def test_what_is_no_number_is_none(header: bytes) -> None:
    assert await stuffed(header, PROXY, asn_header="X-Client-ASN") == []


async def test_a_client_can_not_name_its_own_system() -> None:
    """CWE-348. The control: the same header from the trusted proxy counts (above)."""
    assert await stuffed(b"AS64500", "", asn_header="X-Client-ASN") == []


def test_rules_by_autonomous_system_run_only_with_a_source() -> None:
    by = {one.id for one in shipped_rules() if one.by == "asn"}
    assert by
    assert not by & {one.id for one in rules_for(testing_policy())}
    assert by <= {one.id for one in rules_for(testing_policy(detection={"asn_header": "x-asn"}))}


# What is missing -----------------------------------------------------------------------------------------------------


class Node:
    """A process over a shared store; its turns are taken by hand, at `clock`."""

    def __init__(self, server: Server, clock: FrozenClock, name: str) -> None:
        self.bus, self.captured = capturing_bus(clock.clock)
        self.seen = Sightings(clock.clock.wall, name, ("default",), (), ())
        wanted = [one for one in shipped_rules() if one.id in ("log-gap", "node-silent", "guessing-account")]
        self.detector = Detector(lambda: Engine(wanted, 1000), self.seen, self.bus.emit, clock.clock.wall)
        self.stream = Stream(lambda: client_for(parse_store(server.url)), "test", time.time)
        self.detector.stream, self.detector.settle = self.stream, self.bus.flush
        self.detector.start = lambda: None  # type: ignore[method-assign]  # no thread
        self.bus.attach(self.detector)

    def turn(self, *events: Event) -> None:
        self.detector.write(events)
        self.detector.turn()
        self.bus.flush()
        self.detector.turn()

    def alerts(self, rule: str) -> list[Event]:
        return [one for one in self.captured.of("alert_raised") if one.details["rule"] == rule]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "valkey") as running:
        yield running


def numbered(clock: FrozenClock, *numbers: int) -> list[Event]:
    at = clock.now - 1_800_000_000.0
    return [event(at=at, run="w", seq=one, node="web-2", details={"account": "bob"}) for one in numbers]


@pytest.mark.server
@pytest.mark.xdist_group("detection")
@pytest.mark.parametrize("taken_out", [True, False], ids=["attack", "control"])
def test_entries_that_somebody_takes_out_of_the_stream_are_missed(server: Server, taken_out: bool) -> None:
    """ATT&CK T1070: whoever can write to the store removes the events about them before they are read."""
    clock = FrozenClock(time.time())
    leader, other = Node(server, clock, "web-1"), Node(server, clock, "web-2")
    leader.turn()
    other.turn(*numbered(clock, 1, 2, 3))
    leader.turn()
    other.turn(*numbered(clock, 4, 5, 6))
    redis = client_for(parse_store(server.url))
    if taken_out:
        entries = redis.xrange("test:{detection}:events")
        mine = [name for name, fields in entries if '"seq":5' in fields["e"] and '"web-2"' in fields["e"]]
        assert redis.xdel("test:{detection}:events", *mine) == 1
    leader.turn()
    clock.advance(gaps.PATIENCE + 1)
    leader.turn()
    missing = leader.captured.of("events_missing")
    assert [one.details["missing"] for one in missing] == ([1] if taken_out else [])
    assert len(leader.alerts("log-gap")) == int(taken_out)


def test_numbers_that_are_missing_in_a_process_of_its_own_are_missed() -> None:
    bus, captured = capturing_bus()
    clock = FrozenClock()
    seen = Sightings(clock.clock.wall, "n", (), (), ())
    detector = Detector(lambda: Engine([], 1000), seen, bus.emit, clock.clock.wall)
    detector.start = lambda: None  # type: ignore[method-assign]  # no thread
    for numbers in ((1, 2, 4, 3), (5, 9), (7,)):  # 3 and 7 came late; 6 and 8 never
        detector.write([event(run="r", seq=one) for one in numbers])
        detector.turn()
    assert captured.of("events_missing") == []
    clock.advance(gaps.PATIENCE)
    detector.turn()
    assert [told_of(one) for one in captured.of("events_missing")] == [(6, 8, 2)]


def told_of(one: Event) -> tuple[object, ...]:
    return one.details["first"], one.details["last"], one.details["missing"]


def test_a_flood_of_holes_is_told_in_few_words_and_kept_in_little_room() -> None:
    found, numbers = gaps.Gaps(), range(1, 20_001, 2)  # every second one is missing
    told = []
    for number in numbers:
        found.see("w", number, number / 1000)
        told += list(found.due(number / 1000))
    told += list(found.due(40.0))
    assert sum(one.missing for one in told) == len(numbers) - 1
    assert len(told) <= 4


@pytest.mark.server
@pytest.mark.xdist_group("detection")
@pytest.mark.parametrize("says_goodbye", [False, True], ids=["attack", "control"])
def test_a_node_that_was_made_silent_is_missed(server: Server, says_goodbye: bool) -> None:
    clock = FrozenClock(time.time())
    leader, other = Node(server, clock, "web-1"), Node(server, clock, "web-2")
    leader.turn()
    for _ in range(3):
        clock.advance(61)
        other.turn()  # it has answered nothing, and tells that it lives
        leader.turn()
    if says_goodbye:
        end = event(EventName.SHUTDOWN, at=clock.now - 1_800_000_000.0, run="w", seq=9, node="web-2")
        other.turn(end)
    for _ in range(6):
        clock.advance(61)
        leader.turn()
    assert [one.details["who"] for one in leader.alerts("node-silent")] == ([] if says_goodbye else ["web-2"])
