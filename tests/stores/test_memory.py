"""GCRA in memory: what passes, what is promised, and how much room it takes."""

from __future__ import annotations

import random
import sys
import tracemalloc
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from garrison.core.ports import Quota, State, Taken
from garrison.stores import MemoryCounters
from tests.contracts.hands import Hands

quotas = st.builds(
    Quota,
    name=st.just("q"),
    limit=st.integers(1, 50),
    window=st.sampled_from([0.5, 1.0, 7.0, 60.0, 3600.0, 86400.0]),
    burst=st.integers(1, 20),
)
# Waits in sixteenths of the interval: plenty of arrivals fall exactly on the instant at which one more may pass.
waits = st.lists(st.integers(0, 40), min_size=1, max_size=80)


def arrivals(quota: Quota, steps: list[int]) -> list[Fraction]:
    """Exact instants, in seconds."""
    step = Fraction(quota.window) / quota.limit / 16
    instants, now = [], Fraction(100)
    for wait in steps:
        now += wait * step
        instants.append(now)
    return instants


@given(quotas, waits)
def test_decisions_are_those_of_exact_arithmetic(quota: Quota, steps: list[int]) -> None:
    hands = Hands()
    counters = MemoryCounters(hands.clock, max_keys=1000)
    interval, tat = Fraction(quota.window) / quota.limit, Fraction(0)
    for instant in arrivals(quota, steps):
        hands.now = float(instant)
        planned = max(tat, instant) + interval
        expected = planned - instant <= quota.burst * interval
        if expected:
            tat = planned
        assert counters.take([(quota, "k")])[0].allowed is expected


@given(quotas, waits)
def test_no_window_sees_more_than_limit_and_burst(quota: Quota, steps: list[int]) -> None:
    hands = Hands()
    counters = MemoryCounters(hands.clock, max_keys=1000)
    passed = []
    for instant in arrivals(quota, steps):
        hands.now = float(instant)
        if counters.take([(quota, "k")])[0].allowed:
            passed.append(instant)
    for start in passed:
        within = [instant for instant in passed if start <= instant < start + Fraction(quota.window)]
        assert len(within) <= quota.limit + quota.burst


@given(quotas, waits, st.floats(0.1, 1e8))
def test_a_refused_request_is_told_exactly_how_long_to_wait(quota: Quota, steps: list[int], start: float) -> None:
    hands = Hands(start)
    counters = MemoryCounters(hands.clock, max_keys=1000)
    for wait in steps:
        hands.now += wait * quota.interval / 16
        (one,) = counters.take([(quota, "k")])
        if not one.allowed:
            assert 0 < one.retry_after <= quota.interval * 1.01
            hands.now += one.retry_after
            assert counters.take([(quota, "k")])[0].allowed


@given(quotas, waits)
def test_as_many_requests_as_remain_pass_at_once_and_no_more(quota: Quota, steps: list[int]) -> None:
    hands = Hands()
    counters = MemoryCounters(hands.clock, max_keys=1000)
    for wait in steps:
        hands.now += wait * quota.interval / 16
        (one,) = counters.take([(quota, "k")])
    more = [counters.take([(quota, "k")])[0].allowed for _ in range(one.remaining + 1)]
    assert more == [True] * one.remaining + [False]


@given(quotas, waits)
def test_a_charger_decides_as_take_does_and_counts_the_same_keys(quota: Quota, steps: list[int]) -> None:
    hands = Hands()
    counters, taking = MemoryCounters(hands.clock, max_keys=1000), MemoryCounters(hands.clock, max_keys=1000)
    charge = counters.charger(quota)
    for number, instant in enumerate(arrivals(quota, steps)):
        hands.now = float(instant)
        taken = taking.take([(quota, "k")])[0]
        told: list[State] = []
        passed = charge("k", told) if number % 3 else None
        one = Taken(*told[0]) if told else counters.take([(quota, "k")])[0]  # they share the key's one number
        assert passed in {one.allowed, None}
        assert (one.quota, one.allowed, one.remaining) == (taken.quota, taken.allowed, taken.remaining)
        assert (one.reset, one.retry_after) == pytest.approx((taken.reset, taken.retry_after))
    assert len(counters) == len(taking) == 1


@given(quotas, waits)
def test_refusals_consume_nothing(quota: Quota, steps: list[int]) -> None:
    hands = Hands()
    patient = MemoryCounters(hands.clock, max_keys=1000)
    pushy = MemoryCounters(hands.clock, max_keys=1000)
    other = Quota("other", limit=1000, window=1e9, burst=1000)
    passed = 0
    for wait in steps:
        hands.now += wait * quota.interval / 16
        (expected,) = patient.take([(quota, "k")])
        for _ in range(1 if expected.allowed else 3):
            beside, found = pushy.take([(other, "k"), (quota, "k")])
            assert (found.allowed, found.remaining) == (expected.allowed, expected.remaining)
        passed += expected.allowed
        assert beside.remaining == 1000 - passed


def test_all_that_passes_would_pass_a_moving_window_of_limit_and_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle is another library's moving window. The control: a window of the limit alone is smaller than that."""
    hands, chance = Hands(), random.Random(3)
    monkeypatch.setattr("limits.storage.memory.time", SimpleNamespace(time=lambda: hands.now))
    counters, quota = MemoryCounters(hands.clock, max_keys=1000), Quota("q", limit=30, window=10.0, burst=12)
    storage = MemoryStorage()
    storage.timer.cancel()
    windows, refused = MovingWindowRateLimiter(storage), 0
    for _ in range(3000):
        hands.now += chance.choice([0.0, 0.0, 0.0, 0.05, 0.2, 0.5, 5.0])
        if counters.take([(quota, "k")])[0].allowed:
            assert windows.hit(RateLimitItemPerSecond(quota.limit + quota.burst, 10), "wide")
            refused += not windows.hit(RateLimitItemPerSecond(quota.limit, 10), "narrow")
    assert refused


def test_with_a_clock_that_stands_still_exactly_the_burst_passes() -> None:
    counters = MemoryCounters(Hands().clock, max_keys=1000)
    quota = Quota("q", limit=600, window=60.0, burst=200)
    assert sum(counters.take([(quota, "k")])[0].allowed for _ in range(1000)) == 200


def test_a_clock_that_goes_a_long_way_forward_gives_one_burst_and_not_more() -> None:
    hands = Hands()
    counters = MemoryCounters(hands.clock, max_keys=1000)
    quota = Quota("q", limit=600, window=60.0, burst=200)
    counters.take([(quota, "k")])
    hands.now += 10 * 365 * 86400.0
    assert sum(counters.take([(quota, "k")])[0].allowed for _ in range(1000)) == 200


def test_a_limit_is_shared_out_among_processes() -> None:
    hands = Hands()
    workers = [MemoryCounters(hands.clock, max_keys=1000, processes=4) for _ in range(4)]
    quota = Quota("q", limit=40, window=60.0, burst=20)
    assert sum(worker.take([(quota, "k")])[0].allowed for worker in workers for _ in range(50)) == 20
    hands.now += 60.0
    passed = sum(worker.take([(quota, "k")])[0].allowed for worker in workers for _ in range(50))
    assert passed == 20
    passed = 0
    for _ in range(600):
        hands.now += 0.1
        passed += sum(worker.take([(quota, "k")])[0].allowed for worker in workers)
    assert passed == 40


def test_every_process_lets_one_request_per_window_through_however_small_the_limit() -> None:
    hands = Hands()
    worker = MemoryCounters(hands.clock, max_keys=1000, processes=8)
    quota = Quota("q", limit=2, window=60.0, burst=2)
    assert worker.take([(quota, "k")])[0].allowed
    assert worker.take([(quota, "k")])[0].retry_after == pytest.approx(60.0)


def test_a_quota_that_changes_under_its_name_keeps_its_counters() -> None:
    counters = MemoryCounters(Hands().clock, max_keys=1000)
    for _ in range(3):
        counters.take([(Quota("q", 3, 60.0, 3), "k")])
    assert not counters.take([(Quota("q", 6, 60.0, 6), "k")])[0].allowed
    assert not counters.take([(Quota("q", 3, 60.0, 3), "k")])[0].allowed


@pytest.mark.parametrize("quota", [Quota("q", 0, 60.0, 1), Quota("q", 1, 60.0, 0), Quota("q", 1, 0.0, 1)])
def test_a_quota_that_could_never_pass_is_refused(quota: Quota) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MemoryCounters(Hands().clock, max_keys=1000).take([(quota, "k")])


@settings(max_examples=20)
@given(st.integers(1, 3000), st.integers(1, 5))
def test_there_are_never_more_keys_than_the_cap(max_keys: int, charges: int) -> None:
    hands = Hands()
    counters = MemoryCounters(hands.clock, max_keys=max_keys)
    names = [Quota(f"q{number}", 5, 60.0, 5) for number in range(charges)]
    for number in range(max_keys + 500):
        counters.take([(quota, f"k{number}") for quota in names])
        assert len(counters) <= max_keys
    assert len(counters) == sum(map(len, counters._shards))


def test_keys_that_are_whole_again_leave_as_others_come() -> None:
    hands = Hands()
    counters = MemoryCounters(hands.clock, max_keys=100_000)
    quota = Quota("q", limit=60, window=60.0, burst=10)
    for number in range(20_000):
        counters.take([(quota, f"old-{number}")])
    hands.now += 2.0
    for number in range(16 * 512):
        hands.now += 0.001
        counters.take([(quota, f"new-{number}")])
    assert len(counters) < 10_000


def test_a_key_takes_at_most_180_bytes_besides_its_own_text() -> None:
    quota = Quota("q", limit=600, window=60.0, burst=200)
    keys = 50_000
    tracemalloc.start()
    try:
        counters = MemoryCounters(Hands().clock, max_keys=keys)
        for number in range(keys):
            counters.take([(quota, f"203.0.{number}")])
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(counters) == keys
    assert used / keys - sys.getsizeof("q203.0.12345") <= 180
