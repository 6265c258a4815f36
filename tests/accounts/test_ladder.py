"""Waits that grow, made of ordinary rates."""

from __future__ import annotations

from itertools import pairwise

import pytest

from garrison.accounts.ladder import cap, charges, ladder, spell, wait_of
from garrison.stores.memory import MemoryCounters
from tests.contracts.hands import Hands


def admitted_at(free: int, wait: float, longest: float, until: float) -> list[float]:
    """The seconds at which somebody who tries once a second is let through."""
    hands = Hands(0.0)
    counters = MemoryCounters(hands.clock, max_keys=1000)
    rungs = ladder("x", free, wait, longest)
    found = []
    while hands.now <= until:
        while all(one.allowed for one in counters.take(charges(rungs, "key"))):
            found.append(hands.now)
        hands.now += 1.0
    return found


def test_after_the_free_attempts_waits_grow_fourfold_up_to_the_longest() -> None:
    times = admitted_at(5, 30.0, 3600.0, until=6 * 3600.0)
    assert times[:5] == [0.0] * 5
    assert times[5:9] == [30.0, 120.0, 480.0, 1920.0]
    assert [round(later - earlier) for earlier, later in pairwise(times[10:])] == [3600] * 4


def test_a_day_of_trying_gives_a_few_dozen_attempts() -> None:
    assert len(admitted_at(5, 30.0, 3600.0, until=86400.0)) <= 5 + 4 + 25


def test_no_wait_is_longer_than_the_longest_even_when_the_first_is_long() -> None:
    assert admitted_at(1, 60.0, 60.0, until=240.0) == [0.0, 60.0, 120.0, 180.0, 240.0]


def test_the_wait_that_is_told_is_the_one_that_holds() -> None:
    hands = Hands(0.0)
    counters = MemoryCounters(hands.clock, max_keys=1000)
    rungs = ladder("x", 3, 30.0, 3600.0)
    waits = []
    for _ in range(6):
        taken = counters.take(charges(rungs, "key"))
        waits.append(wait_of(taken))
        hands.now += waits[-1]
        assert all(one.allowed for one in counters.take(charges(rungs, "key"), cost=0))
    assert [round(wait) for wait in waits] == [0, 0, 30, 90, 360, 1440]


def test_a_cap_lets_a_hundred_through_and_then_none_for_months() -> None:
    hands = Hands(0.0)
    counters = MemoryCounters(hands.clock, max_keys=1000)
    total = cap("total", 100)
    for _ in range(100):
        assert counters.take([(total, "key")])[0].allowed
    hands.now += 80 * 86400.0
    assert not counters.take([(total, "key")])[0].allowed


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (1, "1 second"), (30, "30 seconds"), (60, "60 seconds"), (61, "2 minutes"), (3601, "2 hours")],
)
def test_a_wait_is_told_in_words_and_never_too_short(seconds: float, words: str) -> None:
    assert spell(seconds) == words
