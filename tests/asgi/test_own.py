"""Garrison's own endpoints under its prefix, and that everything else is the application's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from garrison.policy.csp import BadDirective
from garrison.testing import captured_events
from tests.asgi.driving import Message, Receive, Send, drive, hardened, http_scope, request_body

pytestmark = pytest.mark.anyio

REPORTS = b"/.garrison/reports"
KIND = (b"content-type", b"application/reports+json")


async def app(scope: Message, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def report(number: int = 1) -> bytes:
    one = {
        "type": "csp-violation",
        "url": "https://testserver/page?secret=1",
        "body": {"effectiveDirective": "img-src"},
    }
    return json.dumps([one] * number).encode()


async def ask(
    method: str = "GET", path: bytes = b"/", *headers: tuple[bytes, bytes], body: bytes = b"", **policy: Any
) -> Any:
    onion = hardened(app, **policy)
    with captured_events(onion) as events:
        driven = await drive(onion, http_scope(method, path, headers), request_body(body))
    return driven, events


async def test_the_helper_script_is_served_with_its_length() -> None:
    driven, _ = await ask("GET", b"/.garrison/csrf.js")
    assert driven.status == 200
    assert b"X-CSRF-Token" in driven.body or b"x-csrf-token" in driven.body.lower()
    assert driven.values(b"content-type") == [b"text/javascript; charset=utf-8"]
    head, _ = await ask("HEAD", b"/.garrison/csrf.js")
    assert (head.body, head.values(b"content-length")) == (b"", [str(len(driven.body)).encode()])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", b"/.garrison/csrf.js", 405),
        ("GET", REPORTS, 405),
        ("GET", b"/.garrison/other", 404),
        ("GET", b"/.garrison/", 404),
        ("GET", b"/.garrison", 299),
        ("GET", b"/.garrisonx/csrf.js", 299),
        ("GET", b"/", 299),
    ],
)
async def test_only_what_lies_under_the_prefix_is_taken_from_the_application(
    method: str, path: bytes, status: int
) -> None:
    driven, _ = await ask(method, path)
    assert (driven.status, driven.complete) == (status, True)


async def test_the_prefix_can_be_another_one() -> None:
    driven, _ = await ask("GET", b"/-/csrf.js", prefix="/-/")
    assert driven.status == 200
    driven, _ = await ask("GET", b"/.garrison/csrf.js", prefix="/-/")
    assert driven.status == 299


async def test_a_report_becomes_an_event_without_the_secrets_in_its_address() -> None:
    driven, events = await ask("POST", REPORTS, KIND, body=report())
    assert driven.status == 204
    (event,) = events
    assert event.name == "browser_report"
    assert event.details["rule"] == "img-src"
    assert "secret" not in json.dumps(event.to_dict())


async def test_reports_need_no_token_and_may_come_with_cookies_from_anywhere() -> None:
    cross = [(b"cookie", b"sid=1"), (b"origin", b"https://evil.test"), (b"sec-fetch-site", b"cross-site")]
    driven, events = await ask("POST", REPORTS, KIND, *cross, body=report(50))
    assert driven.status == 204
    assert len(events) == 20


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ([KIND], b"{", 400),
        ([(b"content-type", b"text/plain")], report(), 415),
        ([(b"content-type", b"application/json")], b"[]", 415),
        ([KIND], b"x" * 70_000, 413),
    ],
)
async def test_what_is_no_report_is_refused_and_written_down(
    headers: list[tuple[bytes, bytes]], body: bytes, status: int
) -> None:
    driven, events = await ask("POST", REPORTS, *headers, body=body)
    assert (driven.status, driven.complete, len(events)) == (status, True, 1)


async def test_a_reporter_that_leaves_half_way_is_no_error() -> None:
    onion = hardened(app)
    half = [{"type": "http.request", "body": b"[", "more_body": True}]
    driven = await drive(onion, http_scope("POST", REPORTS, [KIND]), half, leaves=0)
    assert (driven.sent, driven.raised) == ([], None)


async def test_the_trusted_types_script_carries_its_name_and_is_there_where_the_policy_has_one() -> None:
    path = b"/.garrison/trusted-types.js"
    driven, _ = await ask(path=path, csp={"trusted_types": "shop"})
    assert driven.status == 200
    assert b'const POLICY = "shop";' in driven.body
    assert b"@POLICY@" not in driven.body
    sent = dict(driven.headers)[b"content-security-policy"]
    assert b"trusted-types shop" in sent
    assert b"require-trusted-types-for 'script'" in sent
    assert (await ask(path=path))[0].status == 404


@pytest.mark.parametrize("csp", [
    {"trusted_types": "a", "without": ["require-trusted-types-for"]},
    {"trusted_types": "a", "directives": {"trusted-types": ["*"]}},
])  # fmt: skip
def test_a_policy_of_trusted_types_that_would_hold_nobody_stops_the_start(csp: dict[str, Any]) -> None:
    with pytest.raises(BadDirective):
        hardened(app, csp=csp)


def test_one_script_has_one_name() -> None:
    routes = [{"name": "other", "paths": ["/other"], "csp": {"trusted_types": "b"}}]
    with pytest.raises(BadDirective, match="two names"):
        hardened(app, csp={"trusted_types": "a"}, routes=routes)
