"""One cookie is read without parsing, or being misled by, the others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.cookies import cookie_reader
from tests.support.facts import make_facts

READ = cookie_reader("__Host-a")


def values(*lines: bytes) -> tuple[bytes, ...]:
    return READ(make_facts(headers=[(b"cookie", line) for line in lines] or [(b"cookie", None)]))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"__Host-a=1", (b"1",)),
        (b"b=2; __Host-a=1; c=3", (b"1",)),
        (b"b=2;__Host-a=1", (b"1",)),
        (b'__Host-a="1"', (b"1",)),
        (b"__Host-a=1; __Host-a=2", (b"1", b"2")),
        (b"x__Host-a=1", ()),
        (b"b=__Host-a=1", ()),
        (b"b=2 __Host-a=1", ()),
        (b"", ()),
        (b"__Host-a", ()),
        (b"=;;=;\xff\x00; __Host-a=ok; {broken", (b"ok",)),
    ],
)
def test_only_a_cookie_of_the_exact_name_is_found(line: bytes, expected: tuple[bytes, ...]) -> None:
    assert values(line) == expected


def test_values_of_all_cookie_lines_are_seen() -> None:
    assert values(b"__Host-a=1", b"__Host-a=2") == (b"1", b"2")


def test_no_cookie_line_is_no_value() -> None:
    assert READ(make_facts(bare=True)) == ()


@given(st.lists(st.sampled_from([b"__Host-a=", b"; ", b";", b" ", b"\t", b"x", b"=", b"v", b'"']), max_size=12))
def test_the_search_agrees_with_the_pattern_it_replaces(parts: list[bytes]) -> None:
    line = b"".join(parts)
    pattern = re.findall(rb"(?:^|;)[ \t]*__Host-a=([^;]*)", line)
    assert values(line) == tuple(value.strip(b' \t"') for value in pattern)
