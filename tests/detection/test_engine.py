"""The engine counts what came, once, within its windows and its memory."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.detection.engine import Engine
from garrison.detection.match import held_against, network_of
from garrison.detection.rule import shipped_rules
from garrison.detection.steps import count, level
from garrison.events.vocabulary import EventName
from tests.detection.making import START, engine, event, rule

FAIL, OK = EventName.AUTHN_LOGIN_FAIL, EventName.AUTHN_LOGIN_SUCCESS


def raised(watching: Engine, *ats: float, **fields: object) -> int:
    return len(watching.feed_all(event(at=at, **fields) for at in ats))


def test_an_alert_comes_with_the_event_that_completes_it_and_not_before() -> None:
    watching = engine()
    assert [raised(watching, at) for at in (0, 1, 2)] == [0, 0, 1]


def test_what_is_spread_over_more_than_the_window_is_no_alert() -> None:
    assert raised(engine(), *range(0, 600, 61)) == 0


def test_keys_are_counted_apart() -> None:
    watching = engine()
    assert sum(raised(watching, at, client=f"203.0.113.{at}") for at in range(20)) == 0


def test_a_finding_is_told_again_only_after_its_cool_down() -> None:
    watching = engine(rule(cooldown=100))
    assert raised(watching, *(at / 10 for at in range(900))) == 1
    assert raised(watching, 103, 103.1, 103.2) == 1


def test_an_event_that_is_delivered_twice_counts_once() -> None:
    watching = engine()
    events = [event(at=at, run="r1", seq=at + 1) for at in range(2)]
    assert watching.feed_all(events * 5) == []
    assert len(watching.feed(event(at=3, run="r1", seq=9))) == 1


def test_distinct_values_are_counted_and_not_events() -> None:
    watching = engine(rule(distinct="path"))
    assert raised(watching, *range(50), path="/a") == 0
    assert [raised(watching, 50 + at, path=f"/{at}") for at in range(2)] == [0, 1]


def test_sums_are_of_the_number_in_the_event() -> None:
    watching = engine(rule(weight="details.bytes", at_least=1000))
    assert raised(watching, 0, 1, details={"bytes": 400}) == 0
    assert raised(watching, 2, details={"bytes": "not a number"}) == 0
    assert raised(watching, 3, details={"bytes": -5000}) == 0
    assert raised(watching, 4, details={"bytes": 400}) == 1


def test_a_ratio_needs_enough_of_all_and_enough_of_them_bad() -> None:
    wanted = rule(
        kind="ratio", match={"names": [FAIL, OK]}, hits={"names": [FAIL]}, at_least=10, share=0.8, distinct="path",
        various=3,
    )  # fmt: skip
    assert raised(engine(wanted), *range(9), path="/") == 0
    assert raised(engine(wanted), *range(30), path="/") == 0
    assert len(engine(wanted).feed_all(event(at=at, path=f"/{at}") for at in range(10))) == 1
    mixed = engine(wanted)
    mixed.feed_all(event(OK, at=at) for at in range(10))
    assert len(mixed.feed_all(event(at=at, path=f"/{at}") for at in range(10))) == 0


def test_a_sequence_needs_its_end() -> None:
    wanted = rule(kind="sequence", then={"names": [OK]})
    watching = engine(wanted)
    assert raised(watching, 0, 1, 2, 3) == 0
    assert len(watching.feed(event(OK, at=4))) == 1
    early = engine(wanted)
    assert len(early.feed_all([event(at=0), event(OK, at=1), event(at=2), event(OK, at=3)])) == 0
    late = engine(wanted)
    assert len(late.feed_all([*(event(at=at) for at in range(5)), event(OK, at=500)])) == 0


def test_an_absence_is_told_when_its_time_is_over_and_only_if_nothing_came() -> None:
    wanted = rule(kind="absence", then={"names": [OK]})
    watching = engine(wanted)
    watching.feed_all([event(at=0), event(at=1, client="203.0.113.8"), event(OK, at=20, client="203.0.113.8")])
    assert watching.tick(START + 59) == []
    assert [alert.who for alert in watching.tick(START + 61)] == ["203.0.113.7"]
    assert watching.tick(START + 62) == []


def test_a_clock_that_jumps_breaks_nothing() -> None:
    """Backwards it counts as standing still: three are three. Forwards, what was before is over."""
    assert raised(engine(), 1e6, -1e6, 0) == 1
    watching = engine()
    assert raised(watching, 0, 1, 1e9, 1e9 + 1) == 0
    assert raised(watching, 1e9 + 2) == 1


def test_alerts_are_never_looked_at() -> None:
    watching = engine(rule(match={"names": ["alert_raised"]}, at_least=1))
    assert watching.feed(event(EventName.ALERT_RAISED)) == []


def test_an_event_without_the_key_is_nobodys() -> None:
    assert raised(engine(), *range(9), client="") == 0


class TestHeld:
    """A reaction may follow only from what the client itself sent."""

    @pytest.mark.parametrize(
        ("origin", "method", "held"),
        [("direct", "GET", True), ("same-origin", "POST", True), ("same-origin", "GET", False),
         ("cross-site", "POST", False), ("cross-site", "GET", False), ("unclear", "GET", False), ("", "", False)],
    )  # fmt: skip
    def test_an_image_in_a_page_is_not_held_against_who_looks_at_it(self, origin: str, method: str, held: bool) -> None:
        assert held_against(event(origin=origin, method=method)) is held
        fields = {"origin": origin, "method": method}
        watching = engine(rule(), rule(id="various", distinct="path"), rule(id="once", at_least=1))
        alerts = watching.feed_all(event(at=at, path=f"/{at}", **fields) for at in range(3))
        assert [alert.held for alert in alerts] == [held] * 3

    def test_two_of_ones_own_and_one_from_elsewhere_are_not_three(self) -> None:
        origins = ["direct", "cross-site", "direct"]
        watching = engine(rule(), rule(id="various", distinct="path"))
        alerts = watching.feed_all(event(at=at, path=f"/{at}", origin=one) for at, one in enumerate(origins))
        assert [alert.held for alert in alerts] == [False, False]


class TestMemory:
    def test_what_is_remembered_is_bounded_over_all_rules_together(self) -> None:
        watching = Engine(shipped_rules(), 5000)
        for number in range(20_000):
            client = f"{number >> 16}.{number >> 8 & 255}.{number & 255}.1"
            watching.feed(event(EventName.REQUEST_NOTED, client=client, status=404, path=f"/{number}"))
            watching.feed(event(client=client, details={"account": str(number)}))
        assert watching.budget.used <= 5000
        assert sum(map(len, watching.budget.tables)) == watching.budget.used
        assert watching.budget.forgotten > 0

    def test_a_flood_displaces_its_own_traces_and_not_those_of_other_rules(self) -> None:
        watching = engine(rule(), rule(id="other", match={"names": ["authz_fail"]}), most=200)
        watching.feed_all(event(EventName.AUTHZ_FAIL, at=at) for at in range(2))
        watching.feed_all(event(client=f"10.0.{number >> 8}.{number & 255}") for number in range(2000))
        assert [alert.rule.id for alert in watching.feed(event(EventName.AUTHZ_FAIL, at=3))] == ["other"]

    def test_runs_that_were_heard_of_are_forgotten_in_the_end(self) -> None:
        watching = engine()
        watching.feed_all(event(run=f"r{number}", seq=1) for number in range(3000))
        assert len(watching._seen) <= 1000


@given(st.lists(st.floats(0, 600), min_size=1, max_size=60))
def test_a_window_never_says_more_than_twice_and_never_less_than_the_last_stretch(ats: list[float]) -> None:
    """The estimate errs by less than what one stretch of the window holds."""
    ats.sort()
    entry = None
    for at in ats:
        entry = count(entry, at, 60.0, 1.0, held=False)
    assert entry is not None
    total = level(entry, ats[-1], 60.0)[0]
    exact = sum(ats[-1] - at < 60 for at in ats)
    within_two = sum(ats[-1] - at < 120 for at in ats)
    assert min(exact, entry.now) <= total <= within_two


@pytest.mark.parametrize(
    ("client", "network"),
    [("203.0.113.7", "203.0.113.0/24"), ("2001:db8:1:2::5", "2001:db8:1::/48"), ("", ""), ("[hidden]", "")],
)
def test_a_network_is_the_wider_one(client: str, network: str) -> None:
    assert network_of(client) == network


def test_the_order_of_clients_makes_no_difference() -> None:
    """Keys are independent of each other: mixing them finds the same."""
    events = [event(at=at, client=f"203.0.113.{number}") for number in range(5) for at in range(number)]
    mixed = random.Random(1).sample(sorted(events, key=lambda one: one.when), k=len(events))
    mixed.sort(key=lambda one: one.when)
    plain = {alert.who for alert in engine().feed_all(events)}
    assert {alert.who for alert in engine().feed_all(mixed)} == plain == {"203.0.113.3", "203.0.113.4"}
