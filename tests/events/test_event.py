"""An event is stable, JSON-ready and comes back as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.events.event import SCHEMA, Event
from garrison.events.terms import Category
from garrison.events.vocabulary import EventName
from tests.events.making import event

KEYS = [
    "schema", "time", "when", "name", "category", "severity", "outcome", "run", "seq", "node", "pid", "mode", "reason",
    "layer", "route", "status", "client", "client_key", "principal", "session", "device", "kind", "method", "host",
    "path", "agent", "origin", "request_id", "trace_id", "span_id", "details",
]  # fmt: skip


def test_the_keys_of_the_schema_are_these_in_this_order() -> None:
    assert list(event().to_dict()) == KEYS
    assert event().to_dict()["schema"] == SCHEMA == 1


def test_the_time_is_iso_8601_with_offset() -> None:
    assert event().time == "2026-11-23T05:16:00.066070+00:00"


@given(
    st.sampled_from(list(EventName)),
    st.text(max_size=30),
    st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=9)),
)
def test_an_event_survives_json(name: EventName, path: str, details: dict[str, str | int | None]) -> None:
    made = event(name, path=path, details=details, status=403, seq=7)
    assert Event.from_dict(json.loads(made.to_json())) == made


def test_json_is_one_line_of_ascii() -> None:
    text = event(path="/über\n日本", details={"x": "\u2028"}).to_json()
    assert text.isascii()
    assert text.isprintable()


def test_category_sentence_and_relevance_come_from_the_vocabulary() -> None:
    assert event().category is Category.CROSS_SITE
    assert event().relevant
    assert not event(EventName.EXCESS_RATE_LIMIT_EXCEEDED).relevant
    assert event().sentence == "A request with side effects had no valid CSRF token."


def test_an_event_of_a_later_version_is_still_read() -> None:
    data = event().to_dict() | {"schema": 2, "name": "from_the_future", "gadget": "x"}
    assert Event.from_dict(data).name is EventName.EVENT_UNKNOWN


@pytest.mark.parametrize("data", [{}, {"when": "x"}, {**event().to_dict(), "severity": "dire"}, {"name": []}])
def test_what_is_no_event_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Event.from_dict(data)
