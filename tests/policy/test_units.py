"""Human units are parsed or refused; nothing else comes out."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.policy.units import Rate, parse_duration, parse_size

anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers()),
    st.from_regex(r"[0-9]{1,40}(\.[0-9]{1,40})? ?(s|MB|year|/minute|/99999999 years)", fullmatch=True),
)  # fmt: skip


def result(parse: Callable[[object], float], value: object) -> float | str:
    """What `parse` makes of it, or what it says before it tells the right form."""
    try:
        return parse(value)
    except ValueError as error:
        return str(error).partition(";")[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 s", 90), ("5 minutes", 300), ("1.5h", 5400), ("2 years", 63_072_000), ("250ms", 0.25), ("1 day", 86400)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("64 KB", 65536), ("1MB", 1048576), ("1.5 GiB", 1610612736), ("7 B", 7)])
def test_sizes_are_powers_of_1024(text: str, size: int) -> None:
    assert parse_size(text) == size


@given(anything)
def test_a_duration_is_a_number_of_seconds_or_refused_without_quoting(value: object) -> None:
    seconds = result(parse_duration, value)
    assert seconds == "not a duration" or 0 <= float(seconds) < math.inf


@given(anything)
def test_a_size_is_a_number_of_bytes_or_refused_without_quoting(value: object) -> None:
    size = result(parse_size, value)
    assert size == "not a size" or (isinstance(size, int) and size >= 0)


@given(anything)
def test_a_rate_lets_something_through_or_is_refused(value: object) -> None:
    try:
        rate = Rate.parse(value)
    except ValueError:
        return
    assert rate.limit >= 1
    assert rate.burst >= 1
    assert 0 < rate.window < math.inf


@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, 10**19, True, None, "", "5", "5 x", "-5 s", "1e3 s"])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(value)


@pytest.mark.parametrize("value", [-1, 1.5, 10**19, True, None, "", "5", "5 x", "-5 MB", "9" * 400 + " GB"])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(value)


@pytest.mark.parametrize("text", ["0/minute", "5/0 seconds", "5/minute burst 0", "5", "x/minute", "5/minut", "-5/s"])
def test_a_rate_that_lets_nothing_through_or_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Rate.parse(text)


@given(st.integers(1, 10**6), st.integers(1, 10**5), st.integers(1, 10**6))
def test_a_rate_means_the_same_after_it_was_written(limit: int, window: int, burst: int) -> None:
    rate = Rate(limit, float(window), burst)
    assert Rate.parse(str(rate)) == rate


def test_without_a_burst_the_whole_limit_may_come_at_once() -> None:
    assert Rate.parse("300/minute").burst == 300
    assert Rate.parse("100 per 10 seconds burst 5") == Rate(100, 10.0, 5)
