"""Each format says what happened in its own words, and no value gets out of its place."""

from __future__ import annotations

import json
import re

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from garrison.events.exports.formats import FORMATS, as_cef, framed, syslog_message
from garrison.events.exports.ocsf import to_ocsf
from garrison.events.exports.otlp import to_otlp
from garrison.events.text import clean
from garrison.events.vocabulary import TERMS, EventName
from tests.events.exports.receiving import samples
from tests.events.making import event


@pytest.mark.parametrize("name", EventName)
def test_every_event_has_a_form_in_every_format(name: EventName) -> None:
    one = event(name, severity=TERMS[name].severity, outcome=TERMS[name].outcome)
    for render in FORMATS.values():
        assert len(render(one).splitlines()) == 1
    found = to_ocsf(one)
    assert found["type_uid"] == found["class_uid"] * 100 + found["activity_id"]
    assert found["category_uid"] == found["class_uid"] // 1000


def test_ocsf_puts_events_into_the_classes_of_the_schema() -> None:
    csrf, login, startup, tool = map(to_ocsf, samples())
    assert (csrf["class_uid"], csrf["activity_id"], csrf["action_id"], csrf["status_id"]) == (4002, 6, 2, 2)
    assert csrf["http_request"]["url"]["hostname"] == "shop.example.com"
    assert csrf["src_endpoint"] == {"ip": "203.0.113.9"}
    assert csrf["http_response"] == {"code": 403}
    assert (login["class_uid"], login["activity_id"], login["status_id"]) == (3002, 1, 2)
    assert login["user"] == {"name": "o'brien"}
    assert (startup["class_uid"], startup["activity_id"], startup["status_id"]) == (6002, 3, 1)
    assert (tool["class_uid"], tool["finding_info"]["uid"]) == (2004, "r1-4")


def test_otlp_is_read_by_the_protocols_own_schema() -> None:
    """opentelemetry-proto, strictly: an unknown or ill-typed field raises."""
    read = json_format.ParseDict(to_otlp(samples()), ExportLogsServiceRequest())
    records = read.resource_logs[0].scope_logs[0].log_records
    assert [one.event_name for one in records] == [one.name.value for one in samples()]
    assert [one.severity_number for one in records] == [13, 13, 10, 13]
    tool = {one.key: one.value for one in records[3].attributes}
    assert tool["garrison.detail.n"].int_value == 2**40
    assert tool["garrison.detail.b"].bool_value is True
    assert tool["client.address"].string_value == "203.0.113.9"


def cef_fields(text: str) -> tuple[list[str], dict[str, str]]:
    """A reader of CEF, written from its description."""
    head = re.match(r"((?:[^|\\]|\\.)*\|){7}", text)
    assert head is not None
    names = [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"((?:[^|\\]|\\.)*)\|", head[0])]
    pairs = re.findall(r"(\w+)=((?:[^=\\]|\\.)*?)(?= \w+=|$)", text[head.end() :])
    return names, {key: re.sub(r"\\(.)", r"\1", value) for key, value in pairs}


def test_cef_says_what_happened() -> None:
    head, pairs = cef_fields(as_cef(samples()[0]))
    assert head[:3] == ["CEF:0", "Garrison", "garrison"]
    assert head[4:] == ["csrf_refused", "A request with side effects had no valid CSRF token.", "6"]
    assert pairs["src"] == "203.0.113.9"
    assert pairs["cs1"] == "csrf"


@given(st.text(max_size=60).map(clean))
def test_no_value_gets_out_of_its_field_in_cef(text: str) -> None:
    _, pairs = cef_fields(as_cef(event(path=text, agent="mark", reason="end")))
    assert pairs["requestClientApplication"] == "mark"
    assert pairs.get("request", "") == text


@given(st.text(max_size=300), st.text(max_size=60))
def test_a_syslog_header_is_words_and_its_frame_has_the_length_of_the_message(node: str, path: str) -> None:
    one = event(node=node, path=clean(path))
    message = syslog_message(one, json.dumps(one.to_dict()))
    head = message.split(b" ", 7)
    assert re.fullmatch(rb"<84>1", head[0])
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", head[1])
    assert re.fullmatch(rb"[!-~]{1,255}", head[2])
    assert head[3:7] == [b"garrison", b"-", b"csrf_refused", b"-"]
    length, _, rest = framed(message).partition(b" ")
    assert int(length) == len(rest)
