"""Functions in a row: what the first has to say, and which one raised."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.core.row import asking, broken_at, telling


def test_the_first_word_ends_the_walk_and_comes_with_its_place() -> None:
    asked: list[str] = []

    def quiet(facts: str) -> None:
        asked.append(facts)

    def loud(facts: str, exchange: str) -> str:
        asked.append(facts + exchange)
        return "no"

    walk = asking([(3, True, quiet), (7, False, loud), (8, True, quiet)])
    assert walk("f", "e") == (7, "no")
    assert asked == ["f", "fe"]
    assert asking([(3, True, quiet)])("f", "e") is None
    assert asking([])("f", "e") is None


@pytest.mark.parametrize("which", range(4))
def test_who_raised_is_told_however_deep_it_was(which: int) -> None:
    def deep(number: int) -> None:
        if number == which:
            raise LookupError

    def fail(number: int) -> Any:
        return lambda *given: deep(number)

    functions = [fail(number) for number in range(4)]
    for walk in (asking([(n, n % 2 == 0, each) for n, each in enumerate(functions)]), telling(functions)):
        with pytest.raises(LookupError) as caught:
            walk(None, None)
        assert broken_at(walk, caught.value) == which


def test_an_error_from_elsewhere_is_laid_at_the_first_door() -> None:
    assert broken_at(telling([]), LookupError()) == 0


def test_the_same_function_twice_and_one_row_inside_another() -> None:
    noted: list[str] = []
    inner = telling([lambda exchange, edit: noted.append(exchange)] * 2)
    telling([inner, inner])("a", None)
    assert noted == ["a"] * 4
