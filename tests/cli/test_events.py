"""`garrison events` and `garrison report` answer from real refusals: why, by which rule, and what to change."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from contextlib import suppress

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from garrison import harden
from tests.cli.running import GARRISON, Here

POLICY = """\
environment = "development"
hosts = ["localhost"]
events.output = "none"

[csrf]
mode = "monitor"

[cors]
mode = "monitor"

[[routes]]
name = "notes"
paths = ["/notes/**"]
content.types = ["application/json"]
"""


async def answer(request: object) -> PlainTextResponse:
    return PlainTextResponse("fine")


@pytest.fixture
def ids(here: Here) -> dict[str, str]:
    """Request ids of some refusals, by what they are."""
    here.write("garrison.toml", POLICY)
    app = harden(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])]))
    with TestClient(app, base_url="https://localhost") as client:
        asked = {
            "host": client.get("/", headers={"host": "evil.example"}),
            "type": client.post("/notes/1", content="<x/>", headers={"content-type": "text/xml"}),
            "csrf": client.post("/", json={}, headers={"cookie": "session=1"}),
            "path": client.get("/a%252e/%1b[31m"),
        }
    return {name: response.headers.get("x-request-id", "") for name, response in asked.items()}


def test_a_refusal_is_explained_with_its_rule_its_place_and_what_to_change(here: Here, ids: dict[str, str]) -> None:
    ran = here.run("events", "show", ids["host"])
    assert ran.code == 0
    assert "The request was refused because it is meant for a host, or a port, that is not one of ours." in ran.flat
    assert "Reason host-unknown" in ran.flat
    assert "Rule hosts (garrison.toml:2)" in ran.flat
    assert "To change Add the name to hosts if users really type it" in ran.flat
    assert "detail=evil.example" in ran.flat


def test_the_rule_of_a_route_class_is_named(here: Here, ids: dict[str, str]) -> None:
    assert "Rule routes.0.content.types (garrison.toml:14)" in here.run("events", "show", ids["type"]).flat


def test_the_answer_as_json_has_the_event_and_the_explanation(here: Here, ids: dict[str, str]) -> None:
    [event] = here.run("events", "show", ids["host"], "--format", "json").json
    assert (event["reason"], event["layer"], event["status"]) == ("host-unknown", "host", 421)
    assert event["why"]["key"] == "hosts"
    assert event["why"]["source"] == "garrison.toml:2"


def test_an_unknown_request_is_not_found_and_says_why_that_may_be(here: Here, ids: dict[str, str]) -> None:
    ran = here.run("events", "show", "no\x1b[31msuch")
    assert ran.code == 3
    assert "leaves none" in ran.said
    assert "\x1b" not in ran.err


def test_the_newest_events_come_last(here: Here, ids: dict[str, str]) -> None:
    names = [json.loads(line)["name"] for line in here.run("events", "tail", "--format", "json").out.splitlines()]
    assert names[0] == "policy_loaded"
    assert names[-1] == "sys_shutdown"
    assert here.run("events", "tail", "-n", "1", "--format", "json").out.count("\n") == 1
    assert here.run("events", "tail", "-n", "0").out == ""


def test_lines_hold_no_escape_of_an_attacker(here: Here, ids: dict[str, str]) -> None:
    ran = here.run("events", "tail")
    assert "target_refused" in ran.out
    assert "\x1b" not in ran.out


def test_events_are_listed_by_name_layer_and_time(here: Here, ids: dict[str, str]) -> None:
    [found] = here.run("events", "list", "--name", "host_refused", "--format", "json").json
    assert found["request_id"] == ids["host"]
    [found] = here.run("events", "list", "--layer", "content", "--format", "json").json
    assert found["request_id"] == ids["type"]
    assert here.run("events", "list", "--since", "0 s", "--format", "json").json == []


@pytest.mark.parametrize("arguments", [("--name", "host_refusd"), ("--since", "soon")])
def test_a_mistyped_filter_is_wrong_usage(here: Here, ids: dict[str, str], arguments: tuple[str, str]) -> None:
    assert here.run("events", "list", *arguments).code == 2
    assert "'host_refused'" in here.run("events", "list", "--name", "host_refusd").said


def test_following_shows_what_happens_later(here: Here, ids: dict[str, str]) -> None:
    command = [*GARRISON, "events", "tail", "--follow", "-n", "1", "--format", "json"]
    with subprocess.Popen(command, cwd=here.folder, env=dict(os.environ), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["name"] == "sys_shutdown"
        with TestClient(harden(Starlette()), base_url="https://localhost") as client:
            client.get("/", headers={"host": "later.example"})
        seen = [json.loads(process.stdout.readline())["name"] for _ in range(3)]
        process.terminate()
    assert "host_refused" in seen


def test_the_report_counts_by_layer_route_and_reason(here: Here, ids: dict[str, str]) -> None:
    ran = here.run("report")
    assert ran.code == 0
    assert f"host default refused 1 1 {ids['host']} host-unknown GET /" in ran.flat
    assert "csrf default would refuse 1 1" in ran.flat
    assert f"content notes refused 1 1 {ids['type']} content-type-unsupported POST /notes/1" in ran.flat


def test_on_eighty_columns_the_report_still_has_whole_request_ids(here: Here) -> None:
    here.write("garrison.toml", POLICY.replace('"notes"', '"notes-of-all-teams-and-guests"'))
    with TestClient(harden(Starlette()), base_url="https://localhost") as client:
        answer = client.post("/notes/1", content="<x/>", headers={"content-type": "text/xml"})
    request_id = answer.json()["request_id"]
    assert f"1 1 {request_id} content-type-unsupported" in here.run("report", COLUMNS="80").flat


def test_the_trace_of_an_error_is_shown_line_by_line(here: Here) -> None:
    def broken(request: object) -> None:
        raise ValueError("one\ntwo \x1b[31m")

    here.write("garrison.toml", POLICY)
    app = harden(Starlette(routes=[Route("/", broken)]))
    with TestClient(app, base_url="https://localhost", raise_server_exceptions=False) as client:
        request_id = client.get("/").json()["request_id"]
    ran = here.run("events", "show", request_id)
    shown = [line.strip() for line in ran.out.splitlines()]
    assert {"ValueError: one", "two \\x1b[31m"} <= set(shown), ran.out
    assert "\x1b" not in ran.out
    assert "Details error=ValueError Trace" in ran.flat


def test_the_report_says_which_layers_can_be_enforced(here: Here, ids: dict[str, str]) -> None:
    ran = here.run("report")
    assert "csrf on default only watches and would have refused 1: look at those first." in ran.flat
    assert 'cors on default only watches and would have refused nothing: cors.mode can be "enforce".' in ran.flat
    layers = {layer["layer"]: layer for layer in here.run("report", "--format", "json").json["layers"]}
    assert (layers["csrf"]["ready"], layers["csrf"]["would_have_refused"]) == (False, 1)
    assert layers["cors"]["ready"]
    assert "host" not in layers


def test_the_report_of_a_quiet_time_says_so(here: Here, ids: dict[str, str]) -> None:
    assert "Nothing was refused" in here.run("report", "--since", "0 s").flat
    assert here.run("report", "--since", "x").code == 2


def test_without_a_store_it_says_how_to_get_one(here: Here) -> None:
    for arguments in (("report",), ("events", "tail"), ("events", "show", "x"), ("events", "list")):
        ran = here.run(*arguments)
        assert ran.code == 3
        assert "events.store = true" in ran.said


def test_another_state_folder_may_be_named(here: Here, ids: dict[str, str]) -> None:
    (here.folder / ".garrison").rename(here.folder / "moved")
    assert here.run("events", "tail").code == 3
    assert here.run("events", "tail", "--state", "moved").code == 0


def test_a_query_shows_what_its_filter_asks_for_and_nothing_else(here: Here, ids: dict[str, str]) -> None:
    ran = here.run("events", "query", "layer=host or layer=content", "--format", "json")
    assert ran.code == 0
    assert [json.loads(line)["reason"] for line in ran.out.splitlines()] == ["host-unknown", "content-type-unsupported"]
    assert here.run("events", "query", "layer=host and layer=content").code == 1
    ran = here.run("events", "query", "lyaer=host")
    assert ran.code == 2
    assert "Did you mean 'layer'?" in ran.said
    assert here.run("events", "query", "layer=host", "--since", "soon").code == 2


def test_the_newest_that_fit_are_shown_by_tail(here: Here, ids: dict[str, str]) -> None:
    ran = here.run("events", "tail", "-n", "1", "--where", "severity>=warning layer=host")
    assert ran.code == 0
    assert ran.out.count("\n") == 1
    assert "host-unknown" in ran.out


def test_statistics_count_by_a_field_and_over_time(here: Here, ids: dict[str, str]) -> None:
    told = here.run("events", "stats", 'mode!=""', "--by", "layer", "--format", "json").json
    assert told["values"]["host"] == 1
    assert told["total"] == sum(told["values"].values()) == sum(one["count"] for one in told["buckets"])
    drawn = here.run("events", "stats", "--by", "reason")
    assert drawn.code == 0
    assert "█" in drawn.out
    assert "host-unknown" in drawn.out
    assert here.run("events", "stats", "--by", "details").code == 2


def test_the_live_histogram_draws_until_it_is_stopped(here: Here, ids: dict[str, str]) -> None:
    assert here.run("events", "stats", "--follow").code == 2  # not a terminal
    ours, its = pty.openpty()
    environ = {**os.environ, "COLUMNS": "100", "LINES": "60", "TERM": "xterm-256color"}
    with subprocess.Popen([*GARRISON, "events", "stats", "--follow"], cwd=here.folder, stdout=its, env=environ) as ran:
        os.close(its)
        try:
            text = b""
            while b"by name" not in text:
                text += os.read(ours, 4096)
            ran.send_signal(signal.SIGINT)
            with suppress(OSError):  # the other end is closed
                while os.read(ours, 4096):
                    pass
            assert ran.wait(20) == 130
        finally:
            ran.kill()  # else a test that fails would wait for it for ever
    os.close(ours)
    assert "█".encode() in text
