"""Limits that can never trigger, and limits that processes can't share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.ports import Quota
from garrison.policy.limits import indivisible, shadowed
from garrison.policy.units import Rate
from garrison.stores import MemoryCounters
from tests.contracts.hands import Hands

rates = st.builds(Rate, st.integers(1, 12), st.sampled_from([1.0, 2.0, 3.0, 60.0]), st.integers(1, 12))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (("100/minute",), []),
        (("100/minute", "1000/hour"), []),
        (("100/minute", "10000/hour"), [("10000/hour", "100/minute")]),
        (("10000/hour", "100/minute"), [("10000/hour", "100/minute")]),
        (("100/minute", "6000/hour burst 50"), [("100/minute", "6000/hour burst 50")]),
        (("100/minute", "7000/hour burst 50"), []),
        (("100/minute", "6000/hour burst 100"), [("6000/hour burst 100", "100/minute")]),
        (("5/second", "5/second"), [("5/second", "5/second")]),
        (
            ("5/second", "50/second", "500/second"),
            [("50/second", "5/second"), ("500/second", "5/second")],
        ),
    ],
)
def test_a_limit_is_shadowed_when_another_has_no_larger_burst_and_no_faster_pace(
    written: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    found = shadowed([Rate.parse(text) for text in written])
    assert found == [(Rate.parse(first), Rate.parse(second)) for first, second in expected]


@given(rates, rates, st.lists(st.integers(0, 30), max_size=60))
def test_a_shadowed_limit_never_refuses_what_the_other_lets_through(one: Rate, two: Rate, waits: list[int]) -> None:
    found = shadowed([one, two])
    if not found:
        return
    hands = Hands()
    counters = MemoryCounters(hands.clock, max_keys=1000)
    outer, inner = (Quota(name, rate.limit, rate.window, rate.burst) for name, rate in zip("oi", found[0], strict=True))
    for wait in waits:
        hands.now += wait * 0.1
        refused = {taken.quota.name for taken in counters.take([(outer, "k"), (inner, "k")]) if not taken.allowed}
        assert refused != {"o"}


@given(rates, rates)
def test_a_limit_that_is_not_shadowed_does_refuse_something_the_other_lets_through(one: Rate, two: Rate) -> None:
    if one in [pair[0] for pair in shadowed([one, two])]:
        return
    hands = Hands()
    counters = MemoryCounters(hands.clock, max_keys=1000)
    mine, other = Quota("m", one.limit, one.window, one.burst), Quota("o", two.limit, two.window, two.burst)
    # Either the other's whole burst at once is too much, or its pace kept up for long enough.
    for _ in range(two.burst + 4000):
        answers = counters.take([(mine, "k"), (other, "k")])
        if not answers[0].allowed and answers[1].allowed:
            return
        if not answers[1].allowed:
            hands.now += answers[1].retry_after
    assert (one.burst, one.limit * two.window) == (two.burst, two.limit * one.window)  # the same limit in other words


def test_a_limit_below_the_number_of_processes_can_t_be_shared_out() -> None:
    small, short, fine = Rate.parse("3/minute"), Rate.parse("100/minute burst 2"), Rate.parse("100/minute")
    assert indivisible([small, short, fine], 4) == [small, short]
    assert indivisible([small, short, fine], 1) == []
