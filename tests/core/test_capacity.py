"""The adaptive limit: what it follows, what it ignores, and who goes first."""

from __future__ import annotations

import pytest

from garrison.core.capacity import Capacity, Trust

TICKS = 5
"""Ticks of an interval, while nothing is late."""


def made(**given: float) -> Capacity:
    capacity = Capacity(least=10, most=100, target=0.1, **given)  # type: ignore[arg-type]
    capacity.begin()
    return capacity


def interval(capacity: Capacity, *delays: float, active: int = 0) -> None:
    """One interval with `active` in progress at each tick."""
    for delay in delays or (0.0,) * TICKS:
        capacity.active = active
        capacity.tick(delay)


def test_a_standing_delay_lowers_the_limit_below_what_was_in_progress() -> None:
    capacity = made()
    interval(capacity, 0.12, 0.12, 0.12, active=50)
    assert capacity.limit == pytest.approx(40)
    assert capacity.strained


def test_a_longer_delay_lowers_it_further_but_not_below_half() -> None:
    capacity = made()
    interval(capacity, 5.0, 5.0, active=50)
    assert capacity.limit == pytest.approx(25)


def test_between_half_the_target_and_the_target_the_limit_stays() -> None:
    capacity = made()
    interval(capacity, 0.12, 0.12, 0.12, active=50)
    interval(capacity, *[0.07] * TICKS, active=30)
    assert capacity.limit == pytest.approx(40)


def test_a_burst_that_passes_lowers_nothing() -> None:
    """RFC 8289: the smallest delay of an interval tells a queue from a burst."""
    capacity = made()
    for _ in range(20):
        interval(capacity, 3.0, 0.0, active=50)
    assert capacity.limit == 100
    assert not capacity.strained


def test_the_limit_stays_within_its_bounds_and_recovers() -> None:
    capacity = made()
    for _ in range(50):
        interval(capacity, 1.0, 1.0, active=5)
    assert capacity.limit == 10 / 8
    intervals = 0
    while capacity.limit < 100:
        interval(capacity, active=5)
        intervals += 1
    assert intervals < 40, "twenty seconds"
    assert not capacity.strained


def test_a_limit_settles_near_what_the_process_can_do() -> None:
    """A process that answers 30 requests in a tick, asked for 300: what exceeds it waits, and delays the loop."""
    capacity, seen = made(), []
    for number in range(400):
        capacity.active = min(300, int(capacity.limit))
        late = max(0.0, (capacity.active - 30) * 0.1 / 30)
        capacity.tick(late)
        if number > 200:
            seen.append(capacity.limit)
    assert 20 < sum(seen) / len(seen) < 75
    assert max(seen) < 100


def test_what_is_answered_within_a_tick_counts_until_its_end() -> None:
    """Else requests that the loop runs in one piece would never be seen in progress."""
    capacity = made()
    for _ in range(20):
        capacity.active += 1
        capacity.leave(1)
    assert capacity.active == 20
    capacity.tick(0.0)
    assert capacity.active == 0


def test_where_nobody_ticks_what_is_answered_is_gone_at_once() -> None:
    capacity = Capacity(least=10, most=100, target=0.1)
    capacity.active += 1
    capacity.leave(1)
    assert capacity.active == 0


def test_what_a_lost_ticker_left_is_made_up_for() -> None:
    capacity = made()
    capacity.active += 7
    capacity.leave(5)
    capacity.begin()
    assert capacity.active == 2


def test_it_ticks_while_there_is_something_to_see() -> None:
    capacity = made()
    assert capacity.tick(0.0) is False
    capacity.active = 1
    assert capacity.tick(0.0) is True
    capacity.active = 0
    assert any(capacity.tick(0.0) for _ in range(TICKS))
    assert [capacity.tick(0.0) for _ in range(TICKS)][-1] is False
    interval(capacity, 1.0, 1.0, active=50)
    assert capacity.tick(0.0) is True, "it has yet to recover"


def test_those_who_are_trusted_least_are_turned_away_first() -> None:
    capacity = made()
    let_in = []
    for active in (49, 60, 75, 85, 95, 100):
        capacity.active = active
        let_in.append({trust for trust in Trust if capacity.fits(1, trust)})
    assert let_in == [
        set(Trust),
        set(Trust),
        {Trust.WRITES, Trust.KNOWN_READS, Trust.KNOWN_WRITES},
        {Trust.KNOWN_READS, Trust.KNOWN_WRITES},
        {Trust.KNOWN_WRITES},
        set(),
    ]


def lowered() -> Capacity:
    """A limit of 40."""
    capacity = made()
    interval(capacity, 0.12, 0.12, 0.12, active=50)
    capacity.active = 0
    return capacity


def test_who_takes_little_is_not_turned_away_for_those_who_take_much() -> None:
    capacity = lowered()
    assert sum(capacity.fair("flood", 1, Trust.KNOWN_WRITES) for _ in range(500)) == 20, "alone, half of it"
    assert all(capacity.fair("second", 1, Trust.KNOWN_WRITES) for _ in range(20))
    assert not capacity.fair("second", 1, Trust.KNOWN_WRITES)


def test_fair_shares_leave_room_for_those_who_are_trusted_more() -> None:
    capacity = lowered()
    assert sum(capacity.fair("stranger", 1, Trust.READS) for _ in range(500)) == 14
    capacity.active = 56
    assert not capacity.fair("another", 1, Trust.READS)
    assert capacity.fair("known", 1, Trust.KNOWN_WRITES)


def test_a_client_is_measured_by_how_many_came_in_the_tick_before() -> None:
    capacity = lowered()
    for number in range(10):
        capacity.fair(f"client {number}", 1, Trust.READS)
    capacity.tick(0.07)
    assert sum(capacity.fair("flood", 1, Trust.KNOWN_WRITES) for _ in range(500)) == 4


def test_fair_shares_do_not_add_up_without_end() -> None:
    capacity = lowered()
    capacity.active = 80
    assert not capacity.fair("second", 1, Trust.KNOWN_WRITES)
    full = made()
    full.active = 100
    assert not full.fair("second", 1, Trust.KNOWN_WRITES)


def test_the_start_and_the_end_of_an_overload_are_told_once_each() -> None:
    told: list[bool] = []
    capacity = Capacity(least=10, most=100, target=0.1, changed=told.append)
    for _ in range(4):
        interval(capacity, 1.0, 1.0, active=50)
    assert told == [True]
    for _ in range(3):
        interval(capacity, active=50)
        interval(capacity, 1.0, 1.0, active=50)
    assert told == [True]
    for _ in range(40):
        interval(capacity)
    assert told == [True, False]


def test_the_longer_it_lasts_the_longer_clients_are_told_to_wait() -> None:
    capacity = made()
    waits = []
    for _ in range(60):
        interval(capacity, 1.0, 1.0, active=50)
        waits.append(capacity.wait)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2, 30)
