"""Gaps and planted tokens, whatever comes: what arrived is never called missing, what is missing is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.detection.gaps import PATIENCE, Gaps
from garrison.detection.honey import Honey, draw, entry_of
from tests.support.facts import make_facts

KEY = draw("key")
HONEY = Honey({"one": entry_of("key", KEY)})


@given(st.sets(st.integers(2, 60), max_size=59), st.randoms())
def test_in_any_order_within_the_patience_only_what_never_came_is_missing(gone: set[int], dice: object) -> None:
    numbers = [number for number in range(2, 61) if number not in gone]
    dice.shuffle(numbers)  # type: ignore[attr-defined]  # random.Random
    gaps = Gaps()
    for number in [1, *numbers, 61]:
        gaps.see("w", number, 0.0)
    assert list(gaps.due(PATIENCE - 1)) == []
    found = list(gaps.due(PATIENCE))
    assert sum(one.missing for one in found) == len(gone)
    assert [(one.first, one.last) for one in found] == ([(min(gone), max(gone))] if gone else [])
    assert list(gaps.due(3 * PATIENCE)) == []


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_a_token_is_found_between_any_bytes_that_are_no_part_of_it(before: bytes, after: bytes) -> None:
    text = before + b"\x00" + KEY.encode() + b"\x00" + after
    assert [one.name for one in HONEY.search(text)] == ["one"]
    assert list(HONEY.search(before + after)) == []


@given(st.binary(max_size=200), st.binary(max_size=200), st.text(max_size=60))
def test_no_request_makes_it_raise(query: bytes, value: bytes, path: str) -> None:
    facts = make_facts("POST", path, [(b"authorization", b"Basic " + value), (b"x", value)], query=query)
    assert HONEY.in_head(facts) == []
    assert HONEY.in_body(facts, value) == []
