"""W3C Trace Context, section 3.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.events.trace import Trace, parse_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_valid_header_gives_both_ids() -> None:
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-01".encode()) == (TRACE, SPAN)


def test_a_later_version_may_say_more() -> None:
    assert parse_traceparent(f"cc-{TRACE}-{SPAN}-01-what-comes".encode()) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
    ],
)
def test_anything_the_recommendation_calls_invalid_gives_none(value: str) -> None:
    assert parse_traceparent(value.encode()) == Trace()


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_or_return_anything_but_hex(value: bytes) -> None:
    trace = parse_traceparent(value)
    assert set(trace.trace_id + trace.span_id) <= set("0123456789abcdef")
