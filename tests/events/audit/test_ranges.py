"""Ranges are sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.events.audit.ranges import Ranges

NUMBERS = st.sets(st.integers(0, 60))


def made(numbers: set[int]) -> Ranges:
    ranges = Ranges()
    for number in sorted(numbers):
        ranges.add(number)
    return ranges


@given(NUMBERS, NUMBERS)
def test_without_is_set_difference(some: set[int], others: set[int]) -> None:
    left = {number for low, high in made(some).without(made(others)) for number in range(low, high + 1)}
    assert left == some - others


@given(NUMBERS, st.integers(5, 40))
def test_texts_say_it_all_within_the_limit(numbers: set[int], limit: int) -> None:
    texts = list(made(numbers).texts(limit))
    again = Ranges()
    for text, _ in texts:
        again.add_text(text)
    assert {number for low, high in again for number in range(low, high + 1)} == numbers
    assert sum(count for _, count in texts) == len(numbers) == len(again)
    assert all(len(text) <= limit for text, _ in texts)
