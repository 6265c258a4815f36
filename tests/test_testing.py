"""What test suites of users lean on."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

import garrison.testing
from garrison import harden
from garrison.asgi.onion import Onion
from garrison.core.verdict import Reason
from garrison.policy.problems import PolicyInvalid
from garrison.testing import FrozenClock, assert_passed, assert_refused, captured_events


async def _hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def _pretend(request: Request) -> Response:
    """The application's own problem document: no refusal of ours."""
    return JSONResponse({"reason": "out-of-stock"}, 409, {"x-request-id": "1"}, "application/problem+json")


async def _page(request: Request) -> Response:
    return HTMLResponse("no such page", 404, {"x-request-id": "1"})


async def _crash(request: Request) -> Response:
    raise RuntimeError


_ROUTES = [Route("/", _hello), Route("/pretend", _pretend), Route("/page", _page), Route("/crash", _crash)]


def hardened(clock: FrozenClock | None = None, **changes: object) -> Onion:
    policy = garrison.testing.testing_policy(**changes)
    return harden(Starlette(routes=_ROUTES), policy, clock=(clock or FrozenClock()).clock)


def client(app: Onion) -> TestClient:
    return TestClient(app, base_url="https://testserver", raise_server_exceptions=False)


def test_the_example_of_the_module_works() -> None:
    clock = FrozenClock()
    app = hardened(clock, rate={"mode": "enforce", "address": ["2/minute"]})
    with captured_events(app) as events:
        assert_passed(client(app).get("/"))
        assert_passed(client(app).get("/"))
        assert_refused(client(app).get("/"), "rate-limited", 429)
    assert [event.reason for event in events] == ["rate-limited"]
    clock.advance(60)
    assert_passed(client(app).get("/"))


def test_a_frozen_clock_moves_both_its_clocks_and_only_when_told() -> None:
    frozen = FrozenClock(1000.0)
    clock = frozen.clock
    assert (clock.monotonic(), clock.wall()) == (0.0, 1000.0)
    frozen.advance(2.5)
    assert (clock.monotonic(), clock.wall(), frozen.now) == (2.5, 1002.5, 1002.5)


def test_a_frozen_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match="backwards"):
        FrozenClock().advance(-1)


def test_only_events_within_the_block_are_captured() -> None:
    app = hardened()
    client(app).get("/", headers={"host": "before.example"})
    with captured_events(app) as events:
        client(app).get("/", headers={"host": "evil.example"})
        assert events.names() == ["host_refused"]
    client(app).get("/", headers={"host": "after.example"})
    with captured_events(app) as later:
        pass
    assert events.names() == ["host_refused"]
    assert list(later) == []


def test_capturing_events_of_anything_else_is_a_mistake_that_is_told() -> None:
    with pytest.raises(TypeError, match="harden"), captured_events(Starlette()):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_refusal_is_told_from_an_answer_whatever_its_form(accept: str) -> None:
    web = client(hardened())
    refused = web.get("/", headers={"host": "evil.example", "accept": accept})
    assert_refused(refused)
    assert_refused(refused, Reason.HOST_UNKNOWN, 421)
    with pytest.raises(AssertionError, match="Garrison gave 421"):
        assert_passed(refused)
    with pytest.raises(AssertionError, match="but it was for 'host-unknown'"):
        assert_refused(refused, Reason.HOST_MISSING)
    with pytest.raises(AssertionError, match="status 403"):
        assert_refused(refused, status=403)


@pytest.mark.parametrize("path", ["/", "/pretend", "/page", "/missing"])
def test_an_answer_of_the_application_is_never_taken_for_a_refusal(path: str) -> None:
    answer = client(hardened()).get(path)
    assert_passed(answer, answer.status_code)
    with pytest.raises(AssertionError, match="the application answered"):
        assert_refused(answer)
    with pytest.raises(AssertionError, match="status 299"):
        assert_passed(answer, 299)


def test_a_crash_of_the_application_is_neither_a_pass_nor_a_refusal() -> None:
    answer = client(hardened()).get("/crash")
    with pytest.raises(AssertionError, match="internal-error"):
        assert_passed(answer)
    with pytest.raises(AssertionError, match="500"):
        assert_refused(answer)


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_refused_head_tells_its_status_only(accept: str) -> None:
    refused = client(hardened()).head("/", headers={"host": "evil.example", "accept": accept})
    assert_refused(refused, status=421)
    with pytest.raises(AssertionError, match="it was for ''"):
        assert_refused(refused, "host-unknown")


def test_a_reason_that_does_not_exist_can_not_be_asked_for() -> None:
    with pytest.raises(ValueError, match="there is no reason 'csrf'"):
        assert_refused(client(hardened()).get("/"), "csrf")


def test_the_testing_policy_leaves_nothing_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hardened()
    assert list(tmp_path.iterdir()) == []


def test_the_testing_policy_refuses_keys_that_no_policy_has() -> None:
    with pytest.raises(PolicyInvalid, match="Did you mean 'csrf'"):
        garrison.testing.testing_policy(csfr={"require": "always"})
