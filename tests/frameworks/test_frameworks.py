"""The same site in five frameworks behind `harden`: headers on every answer, refusals, forms, WebSockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from garrison.asgi.onion import Onion
from garrison.testing import assert_refused, captured_events
from tests.asgi.driving import drive, hardened, http_scope, websocket_scope
from tests.frameworks.sites import SECRET, SITES, WITH_WEBSOCKETS

pytestmark = pytest.mark.anyio

ALWAYS = ("x-content-type-options", "referrer-policy", "content-security-policy", "cross-origin-opener-policy")
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module", params=SITES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def onion(name: str) -> Onion:
    return hardened(SITES[name](), size={"body": 5000})


@pytest.fixture
async def web(onion: Onion) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(onion, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("GET", "/", {200}),
        ("GET", "/missing", {404}),
        ("POST", "/", {405}),
        ("GET", "/save", {405}),
        ("GET", "/crash", {500}),
        ("GET", "/away", {302, 307}),
        ("GET", "/static/hello.txt", {200}),
        ("GET", "/static/missing.txt", {404}),
        ("TRACE", "/", {405}),
        ("GET", "/%00", {400}),
        ("POST", "/save", {200, 400, 422}),
    ],
)
async def test_headers_stand_on_every_answer(
    web: httpx.AsyncClient, method: str, path: str, statuses: set[int]
) -> None:
    answer = await web.request(method, path)
    assert answer.status_code in statuses
    for header in ALWAYS:
        assert len(answer.headers.get_list(header)) == 1
    assert "server" not in answer.headers
    assert SECRET not in answer.text


async def test_a_crash_is_500_and_written_down_where_the_framework_lets_it_out(
    name: str, web: httpx.AsyncClient, onion: Onion
) -> None:
    """Litestar, Quart and Django give a 500 of their own and keep the exception: that answer passes."""
    with captured_events(onion) as events:
        answer = await web.get("/crash", headers={"accept": "application/json"})
    assert answer.status_code == 500
    assert not any(word in answer.text for word in ("Traceback", "RuntimeError", SECRET))
    if name in {"starlette", "fastapi"}:
        assert answer.json()["reason"] == "internal-error"
        assert events.names() == ["unhandled_error"]


async def test_a_form_needs_the_token_of_its_page(web: httpx.AsyncClient) -> None:
    token = (await web.get("/")).text
    assert token == web.cookies["__Host-csrf"]
    without = await web.post("/save", data={"text": "höflich"})
    assert_refused(without, "csrf-missing", 403)
    for sent in (
        await web.post("/save", data={"text": "höflich"}, headers={"x-csrf-token": token}),
        await web.post("/save", data={"csrf_token": token, "text": "höflich"}),
        await web.post("/save", data={"csrf_token": token, "text": "höflich"}, files={"file": b"x" * 100}),
    ):
        assert (sent.status_code, sent.text) == (200, "höflich")


async def test_control_the_bare_site_takes_the_form_without_a_token(name: str) -> None:
    headers = [(b"content-type", FORM.encode()), (b"cookie", b"sid=1")]
    body = {"type": "http.request", "body": b"text=x"}
    scope = http_scope("POST", b"/save", [*headers, (b"content-length", b"6")])
    assert (await drive(SITES[name](), scope, [body])).body == b"x"


async def test_host_origin_and_size_are_refused(web: httpx.AsyncClient) -> None:
    assert_refused(await web.get("/", headers={"host": "evil.example"}), "host-unknown", 421)
    cross = {"origin": "https://evil.test", "sec-fetch-site": "cross-site", "cookie": "sid=1"}
    assert_refused(await web.post("/save", data={"text": "x"}, headers=cross), "cross-site", 403)
    assert_refused(await web.post("/save", data={"text": "x" * 6000}), "body-too-large", 413)


async def test_a_body_that_grows_too_large_while_it_is_read_is_413(onion: Onion) -> None:
    scope = http_scope("POST", b"/save", [(b"content-type", FORM.encode()), (b"transfer-encoding", b"chunked")])
    parts = [{"type": "http.request", "body": b"text=" + b"x" * 2000, "more_body": True} for _ in range(4)]
    driven = await drive(onion, scope, parts)
    assert (driven.status, driven.complete, driven.raised) == (413, True, None)
    assert json.loads(driven.body)["reason"] == "body-too-large"


async def talk(app: Any, *texts: str, **scope: Any) -> list[str]:
    """Open `/live`, send `texts` one after the other's answer, and leave."""
    told: list[str] = []
    answered = anyio.Event()
    waiting = list(texts)
    connected = False

    async def receive() -> Any:
        nonlocal connected, answered
        if not connected:
            connected = True
            return {"type": "websocket.connect"}
        await answered.wait()
        answered = anyio.Event()
        if waiting:
            return {"type": "websocket.receive", "text": waiting.pop(0)}
        return {"type": "websocket.disconnect", "code": 1005, "reason": ""}

    async def send(message: Any) -> None:
        told.append(str(message.get("text") or message.get("status") or message["type"].removeprefix("websocket.")))
        answered.set()

    with anyio.fail_after(10):
        await app(websocket_scope(b"/live", **scope), receive, send)
    return told


@pytest.mark.parametrize("site", WITH_WEBSOCKETS)
async def test_websockets_work_and_foreign_pages_get_none(site: str) -> None:
    app = SITES[site]()
    onion = hardened(app)
    evil = [(b"origin", b"https://evil.test")]
    assert await talk(onion, "one", "two") == ["accept", "one", "two"]
    assert (await talk(onion, "one", headers=evil))[0] == "403"
    assert (await talk(app, "one", headers=evil))[0] == "accept", "control"
