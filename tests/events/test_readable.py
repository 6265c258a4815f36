"""Events as a person at a terminal reads them; elsewhere they stay JSON."""

from __future__ import annotations

import json
import os
import pty

import pytest

from garrison.events.build import build_writers
from garrison.events.readable import readable
from garrison.events.vocabulary import EventName
from garrison.events.writers import StderrWriter
from garrison.testing import testing_policy

from .making import event

REFUSAL = event(
    EventName.HOST_REFUSED, reason="host-unknown", layer="host", method="GET", path="/", client="203.0.113.9",
    status=421, request_id="a1b2-000001",
)  # fmt: skip


def written(writer: StderrWriter, reader: int) -> str:
    assert writer.write([REFUSAL]) == 1
    return os.read(reader, 100_000).decode()


def test_a_line_says_when_what_why_and_which_request() -> None:
    line = readable(REFUSAL, colour=False)
    assert line[2] == line[5] == ":"
    assert line[10:].split() == [
        "host_refused", "host-unknown", "host", "GET", "/", "203.0.113.9", "421", "a1b2-000001",
    ]  # fmt: skip


def test_what_is_about_no_request_says_its_details() -> None:
    told = event(EventName.STARTUP, method="", path="", client="", details={"preset": "browser", "empty": ""})
    assert readable(told, colour=False).endswith("preset=browser")


def test_a_developers_terminal_gets_lines_in_colour_and_a_collector_gets_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    reader, terminal = pty.openpty()
    assert "\x1b[33mhost_refused" in written(StderrWriter(terminal, person=True), reader)
    assert json.loads(written(StderrWriter(terminal), reader))["name"] == "host_refused"
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in written(StderrWriter(terminal, person=True), reader)
    out, pipe = os.pipe()
    assert json.loads(written(StderrWriter(pipe, person=True), out))["name"] == "host_refused"
    for descriptor in (reader, terminal, out, pipe):
        os.close(descriptor)


@pytest.mark.parametrize("environment", ["development", "production"])
def test_only_development_has_a_person_at_its_terminal(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda _: True)
    policy = testing_policy(events={"output": "stderr"}).model_copy(update={"environment": environment})
    [writer] = build_writers(policy)
    assert isinstance(writer, StderrWriter)
    assert writer._person is (environment == "development")
