"""A thief tries what was planted: seen wherever it stands in a request, and met. No link can have its reader banned.

Quoted rule: "any use of a decoy credential is, by definition, unauthorised" (MITRE Engage, EAC0005 Lures). The control
is the same request where nothing is planted: it is one of many failures, and nobody hears of it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from garrison import harden
from garrison.detection.honey import draw, entry_of
from garrison.events.capture import Captured
from garrison.events.event import Event
from garrison.testing import captured_events, testing_policy
from tests.detection.test_runner import about, soon

KEY, PASSWORD, RECORD = draw("key", "shop"), draw("password"), draw("id")
PLANTED = {"backup": entry_of("key", KEY), "wiki": entry_of("password", PASSWORD), "invoice": entry_of("id", RECORD)}
THIEF = "203.0.113.66"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
FORM = "application/x-www-form-urlencoded"
Send = Callable[[TestClient], httpx.Response]


async def anything(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())), 401)


async def chat(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.close()


@contextmanager
def site(planted: dict[str, str], **policy: Any) -> Iterator[tuple[TestClient, Captured]]:
    """An application that lets nobody in, and a client of it."""
    routes = [Route("/{rest:path}", anything, methods=["GET", "POST"]), WebSocketRoute("/chat", chat)]
    given = {
        "detection": {"enabled": True, "honey_tokens": planted},
        "reactions": {"mode": "enforce", "least": 10},
        **policy,
    }
    app = harden(Starlette(routes=routes), testing_policy(**given))
    with (
        captured_events(app) as events,
        TestClient(app, base_url="https://testserver", headers={"user-agent": "curl/8.5.0"}, client=(THIEF, 1)) as made,
    ):
        yield made, events


def used(events: Captured) -> list[Event]:
    return list(events.of("honey_token_used"))


EVERYWHERE: dict[str, Send] = {
    "header authorization": lambda one: one.get("/api", headers={"authorization": f"Bearer {KEY}"}),
    "header x-api-key": lambda one: one.get("/api", headers=[("x-api-key", "other"), ("x-api-key", KEY)]),
    "header cookie": lambda one: one.get("/api", headers={"cookie": f"a=b; api={KEY}"}),
    "query": lambda one: one.get(f"/api?a=1&key={KEY.replace('_', '%5f')}"),
    "path": lambda one: one.get(f"/invoices/{RECORD}/print"),
}
IN_BODIES: dict[str, Send] = {
    "form": lambda one: one.post("/log-in", content=f"login=bob&password={PASSWORD}", headers={"content-type": FORM}),
    "json": lambda one: one.post("/log-in", json={"login": "bob", "deep": [{"password": PASSWORD}]}),
    "multipart": lambda one: one.post("/log-in", files={"password": (None, PASSWORD), "login": (None, "bob")}),
}


@pytest.mark.parametrize("place", EVERYWHERE)
def test_it_is_seen_wherever_it_stands(place: str) -> None:
    with site(PLANTED) as (client, events):
        assert EVERYWHERE[place](client).status_code == 401
        (found,) = used(events)
        assert (found.details["place"], found.details["certain"], found.client) == (place, True, THIEF)
        assert soon(lambda: bool(about(events, "honey-token")))


@pytest.mark.parametrize("how", IN_BODIES)
def test_a_log_in_with_a_planted_password_is_seen(how: str) -> None:
    with site(PLANTED) as (client, events):
        answer = IN_BODIES[how](client)
        assert answer.status_code == 401
        assert int(answer.text) == int(answer.request.headers["content-length"]), "the application has all of it"
        (found,) = used(events)
        assert (found.details["planted"], found.details["kind"], found.details["place"]) == ("wiki", "password", "body")


def test_a_password_behind_basic_is_seen() -> None:
    basic = base64.b64encode(f"bob:{PASSWORD}".encode()).decode()
    with site(PLANTED) as (client, events):
        client.get("/", headers={"authorization": f"Basic {basic}"})
        assert [one.details["planted"] for one in used(events)] == ["wiki"]


def test_a_message_of_a_web_socket_is_seen() -> None:
    with site(PLANTED) as (client, events):
        with client.websocket_connect("wss://testserver/chat", headers={"origin": "https://testserver"}) as socket:
            socket.send_text(json.dumps({"key": KEY}))
            assert KEY in socket.receive_text()
        assert [one.details["planted"] for one in used(events)] == ["backup"]


def test_what_is_refused_for_another_reason_is_seen_too() -> None:
    with site(PLANTED, host={"mode": "enforce"}) as (client, events):
        answer = client.get("/api", headers={"host": "evil.example", "x-api-key": KEY})
        assert answer.status_code == 421
        assert len(used(events)) == 1


def test_the_thief_is_banned() -> None:
    with site(PLANTED) as (client, events):
        assert EVERYWHERE["header authorization"](client).status_code == 401
        assert soon(lambda: client.get("/").status_code == 403)
        (alert,) = about(events, "honey-token")
        assert (alert.severity, alert.details["confidence"], alert.details["held"]) == ("critical", "high", True)


def test_control_where_nothing_is_planted_nobody_hears_of_it() -> None:
    with site({}) as (client, events):
        assert {send(client).status_code for send in (EVERYWHERE | IN_BODIES).values()} == {401}
        assert not soon(lambda: bool(events.of("alert_raised")), 0.6)
        assert client.get("/").status_code == 401
        assert used(events) == []


CARRIED: dict[str, tuple[str, Send]] = {
    "a link of another site": ("cross-site", lambda one: one.get(f"/?next={KEY}")),
    "an image of another site": ("cross-site", lambda one: one.get(f"/pixel/{RECORD}")),
    "a form of another site": ("cross-site", lambda one: one.post("/", data={"a": PASSWORD})),
    "a fetch of another site, in a header it may choose": (
        "cross-site", lambda one: one.get("/", headers={"accept-language": KEY})),
    "a link in a mail": ("none", lambda one: one.get(f"/?next={KEY}")),
    "our own page, which was called with it": ("same-origin", lambda one: one.get("/app.js", headers={
        "referer": f"https://testserver/?next={KEY}"})),
    "our own form, which was filled from its address": ("same-origin", lambda one: one.post("/", data={"a": RECORD})),
    "a cookie that a sister domain has set": ("same-origin", lambda one: one.post("/", headers={"cookie": f"a={KEY}"})),
}  # fmt: skip


def test_what_others_made_a_browser_send_is_told_but_not_held_against_its_user() -> None:
    monitor = {"mode": "monitor"}  # so that bodies are read all the same
    with site(PLANTED, origin=monitor, csrf=monitor) as (client, events):
        for how, (from_, send) in CARRIED.items():
            client.headers.update({"user-agent": FIREFOX, "sec-fetch-site": from_})
            events.clear()
            assert send(client).status_code == 401, how
            assert [one.details["certain"] for one in used(events)] == [False], how
        assert soon(lambda: bool(about(events, "honey-token-carried")))
        assert not soon(lambda: bool(events.of("reaction_taken")), 0.6)
        assert about(events, "honey-token") == []
        assert client.get("/").status_code == 401


def test_the_same_thief_in_a_browser_is_held_for_a_password_and_for_a_header_no_link_writes() -> None:
    with site(PLANTED) as (client, events):
        client.headers.update({"user-agent": FIREFOX, "sec-fetch-site": "same-origin"})
        client.post("/log-in", json={"password": PASSWORD})
        client.post("/api", headers={"authorization": f"Bearer {KEY}"})
        assert [one.details["certain"] for one in used(events)] == [True, True]


BENIGN = (
    "O'Brien", "SELECT name FROM users WHERE id = 1 -- prose about SQL", "https://example.com/a?b=c&d=%20e", "日本語",
    "🙂🙃", "def f(x): return x['key']", "a" * 500, KEY[:-1], f"{KEY}a", RECORD.replace("-", ""), "0" * len(RECORD),
    base64.b64encode(bytes(range(256))).decode(), draw("key", "shop"), draw("password"), draw("id"),
)  # fmt: skip


def test_what_was_not_planted_is_none_of_it() -> None:
    with site(PLANTED) as (client, events):
        for text in BENIGN:
            client.get("/", params={"q": text}, headers={"x-text": text.encode()})
            client.post("/", json={"q": text})
            client.post("/", content=text.encode(), headers={"content-type": "text/plain"})
        assert used(events) == []


def test_neither_policy_nor_events_hold_the_token() -> None:
    with site(PLANTED) as (client, events):
        client.get("/", headers={"authorization": f"Bearer {KEY}"})
        assert soon(lambda: bool(about(events, "honey-token")))
        written = json.dumps([one.to_dict() for one in events]) + json.dumps(PLANTED)
    assert KEY not in written


def test_malformed_input_around_it_is_no_error() -> None:
    with site(PLANTED) as (client, _):
        for value in ("Basic !!!!", "Basic", "Basic \xff", "Bearer"):
            assert client.get("/", headers={"authorization": value.encode("latin-1")}).status_code == 401
        assert client.get("/?%zz=%").status_code == 401
        assert client.post("/", content=b"\xff\xfe%", headers={"content-type": FORM}).status_code in (400, 401)
