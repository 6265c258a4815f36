"""Every event is valid by the published schema of OCSF, in every outcome, with a request and without one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from garrison.events.exports.ocsf import VERSION, to_ocsf
from garrison.events.terms import Outcome
from garrison.events.vocabulary import TERMS, EventName
from tests.events.exports.receiving import HOSTILE, samples
from tests.events.making import event

REQUEST: Mapping[str, Any] = {
    "kind": "http", "method": "POST", "host": "shop.example.com", "client": "203.0.113.9", "status": 403, "path": "/a",
    "client_key": "203.0.113.9", "request_id": "a1-1", "run": "r1", "node": "web 1", "principal": "bob",
    "reason": "csrf-missing",
}  # fmt: skip
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "without a request": {},
    "with one": REQUEST,
    "IPv6": {**REQUEST, "client": "2001:db8::1"},
    "redacted, a WebSocket, not answered yet": {
        **REQUEST, "client": "[redacted]", "kind": "websocket", "status": 0, "principal": ""},
    "hostile": {**REQUEST, "agent": HOSTILE, "path": HOSTILE, "principal": HOSTILE, "method": "BREW"},
    "an alert": {"details": {"alert": "a1", "title": "T", "attack": "T1110 T1595.002", "confidence": "high"}},
}  # fmt: skip


@cache
def validator(uid: int, profiles: tuple[str, ...]) -> Draft202012Validator:
    schema = OcsfJsonSchemaEmbedded(_schema())
    return Draft202012Validator(schema.get_class_schema(schema.lookup_class_name_from_uid(uid), list(profiles)))


@cache
def _schema() -> dict[str, Any]:
    found: dict[str, Any] = get_ocsf_schema(VERSION)
    return found


def problems(one: Mapping[str, Any]) -> list[str]:
    found = validator(one["class_uid"], tuple(one["metadata"]["profiles"])).iter_errors(one)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_event_is_valid(shape: str) -> None:
    for name in EventName:
        for outcome in Outcome:
            one = to_ocsf(event(name, severity=TERMS[name].severity, outcome=outcome, **SHAPES[shape]))
            assert problems(one) == [], (name, outcome)


def test_control_the_schema_refuses_what_is_wrong() -> None:
    good = to_ocsf(samples()[0])
    assert problems(good) == []
    for wrong in ({"dst_endpoint": None}, {"severity_id": 77}, {"surprise": 1}, {"user": {"type_id": 0}},
                  {"metadata": {**good["metadata"], "product": {"name": "Garrison"}}}):  # fmt: skip
        assert problems({**good, **wrong}), wrong
    assert problems({name: value for name, value in good.items() if name != "http_response"})


def test_an_alert_says_what_was_found_how_sure_it_is_and_by_which_technique() -> None:
    one = to_ocsf(event(EventName.ALERT_RAISED, **SHAPES["an alert"]))
    assert one["class_uid"] == 2004
    assert one["confidence_id"] == 3
    assert one["finding_info"] == {
        "uid": "a1", "title": "T", "attacks": [{"technique": {"uid": "T1110"}}, {"technique": {"uid": "T1595.002"}}],
    }  # fmt: skip
