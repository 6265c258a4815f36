"""When certificates are renewed, tried again and alarmed about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from garrison.serve.issuing.times import alarm_of, chance_of, renew_at, wait_after

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = BEGINS + timedelta(days=90)
DAY = timedelta(days=1)


@given(st.floats(0, 1, exclude_max=True))
def test_a_certificate_is_renewed_with_a_third_of_its_life_left_or_a_little_earlier(chance: float) -> None:
    assert ENDS - 33 * DAY <= renew_at(BEGINS, ENDS, None, chance) <= ENDS - 30 * DAY


def test_what_the_authority_suggests_goes_before_but_never_beyond_a_fifth() -> None:
    assert renew_at(BEGINS, ENDS, BEGINS + DAY, 0.0) == BEGINS + DAY
    assert renew_at(BEGINS, ENDS, ENDS - 20 * DAY, 0.0) == ENDS - 20 * DAY
    assert renew_at(BEGINS, ENDS, ENDS + 900 * DAY, 0.0) == ENDS - 18 * DAY


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_stay_within_hours(failures: int, chance: float) -> None:
    wait = wait_after(failures, chance)
    assert timedelta(seconds=48) <= wait <= timedelta(hours=7.2)
    assert wait_after(failures + 1, chance) >= wait


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_short_life_leaves_time_for_several_tries(failures: int, chance: float) -> None:
    life = timedelta(hours=24)
    assert wait_after(failures, chance, life) <= life / 3 / 5
    assert wait_after(1000, chance) > life / 3 / 5, "control"
    assert wait_after(failures, chance, 90 * DAY) == wait_after(failures, chance)


def test_alarms_come_at_a_fifth_a_tenth_and_a_fiftieth() -> None:
    left = {20: 0, 18: 1, 10: 1, 9: 2, 2: 2, 1: 3, -5: 3}
    assert {days: alarm_of(BEGINS, ENDS, ENDS - days * DAY) for days in left} == left


def test_two_machines_do_not_ask_at_the_same_time() -> None:
    assert chance_of(1, "/a") != chance_of(1, "/b")
    assert chance_of(1, "/a") == chance_of(1, "/a")
