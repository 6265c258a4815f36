"""Answers that are held back: validation errors, crashes, and what is too large or too slow to hold."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Query
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from garrison.testing import captured_events
from tests.asgi.driving import Message, Receive, Send, drive, hardened, http_scope, request_body

pytestmark = pytest.mark.anyio

SECRET = "hunter2-secret"
JSON = (b"content-type", b"application/json")


def detail(size: int = 0) -> bytes:
    """What FastAPI would say about a value that is no number."""
    error = {"type": "int_parsing", "loc": ["query", "n"], "msg": "no", "input": SECRET + "x" * size}
    return json.dumps({"detail": [error]}).encode()


def cut(body: bytes) -> list[bytes]:
    return [body[at : at + 9000] for at in range(0, len(body), 9000)]


def answering(status: int, *parts: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> Any:
    """An application that gives one answer in `parts`."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers or [JSON]})
        for part in parts[:-1]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": parts[-1]})

    return app


def encoded(name: bytes, body: bytes) -> Any:
    headers = [JSON, (b"content-encoding", name), (b"content-length", b"%d" % len(body)), (b"etag", b'"1"')]
    return answering(422, body, headers=headers)


def test_control_the_secret_is_in_what_the_applications_would_send() -> None:
    assert SECRET.encode() in detail()


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(answering(422, detail()), id="whole"),
        pytest.param(answering(422, *[bytes([byte]) for byte in detail()]), id="byte by byte"),
        pytest.param(answering(422, detail(), b""), id="with an empty end"),
        pytest.param(answering(422, detail(100_000)), id="larger than what is held"),
        pytest.param(answering(422, *cut(detail(2_000_000))), id="huge"),
        pytest.param(encoded(b"gzip", gzip.compress(detail())), id="gzip"),
        pytest.param(encoded(b"deflate", zlib.compress(detail())), id="deflate"),
        pytest.param(encoded(b"br", b"who knows what this holds"), id="an encoding nobody can undo"),
    ],
)  # fmt: skip
async def test_a_validation_answer_never_repeats_the_input(app: Any) -> None:
    driven = await drive(hardened(app), http_scope())
    assert (driven.status, driven.complete) == (422, True)
    assert SECRET.encode() not in driven.body
    assert json.loads(driven.body)["reason"] == "validation"
    assert driven.values(b"content-type") == [b"application/problem+json"]
    assert driven.values(b"content-length") == [str(len(driven.body)).encode()]
    assert not driven.values(b"content-encoding") + driven.values(b"etag")
    assert driven.values(b"x-content-type-options") == [b"nosniff"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (422, b'{"error":"the application\'s own words"}', b"application/json"),
        (422, detail(), b"text/plain"),
        (422, b"\xff" * 100_000, b"application/json"),
        (400, detail(), b"application/json"),
    ],
)
async def test_other_answers_keep_their_bytes(status: int, body: bytes, kind: bytes) -> None:
    app = answering(status, body[:10], body[10:], headers=[(b"content-type", kind)])
    driven = await drive(hardened(app), http_scope())
    assert (driven.status, driven.body, driven.complete) == (status, body, True)


async def test_trailers_of_an_answer_that_was_replaced_are_not_announced() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 422, "headers": [JSON], "trailers": True})
        await send({"type": "http.response.body", "body": detail()})
        await send({"type": "http.response.trailers", "headers": [(b"x", SECRET.encode())]})

    driven = await drive(hardened(app), http_scope())
    assert [message["type"] for message in driven.sent] == ["http.response.start", "http.response.body"]
    assert "trailers" not in driven.sent[0]


async def test_fastapi_behind_its_own_gzip_does_not_leak_either() -> None:
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=1)

    @app.get("/")
    async def number(n: Annotated[int, Query()]) -> int:
        return n

    scope = http_scope(headers=[(b"accept-encoding", b"gzip")], query_string=b"n=" + SECRET.encode())
    bare = await drive(app, scope)
    assert SECRET in gzip.decompress(bare.body).decode()
    behind = await drive(hardened(app), scope)
    assert json.loads(behind.body)["errors"][0]["field"] == "n"
    assert SECRET.encode() not in behind.body


async def _crash(request: Request) -> Response:
    raise RuntimeError(SECRET)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(("accept", "kind"), [(b"*/*", b"application/problem+json"), (b"text/html", b"text/html")])
async def test_a_crash_is_a_plain_500_with_the_request_id_of_its_event(debug: bool, accept: bytes, kind: bytes) -> None:
    app = Starlette(debug=debug, routes=[Route("/", _crash)])
    onion = hardened(app)
    with captured_events(onion) as events:
        driven = await drive(onion, http_scope(headers=[(b"accept", accept)]))
    assert (driven.status, driven.complete) == (500, True)
    assert isinstance(driven.raised, RuntimeError)
    assert driven.values(b"content-type")[0].startswith(kind)
    assert SECRET.encode() not in driven.body
    assert b"RuntimeError" not in driven.body
    (event,) = events
    assert (event.name, event.status) == ("unhandled_error", 0)
    assert driven.values(b"x-request-id") == [event.request_id.encode()]
    assert event.request_id.encode() in driven.body


async def test_control_a_debugging_application_shows_its_insides() -> None:
    driven = await drive(Starlette(debug=True, routes=[Route("/", _crash)]), http_scope())
    assert SECRET.encode() in driven.body


async def test_a_crash_on_head_has_no_body() -> None:
    driven = await drive(hardened(Starlette(routes=[Route("/", _crash)])), http_scope("HEAD"))
    assert (driven.status, driven.body, driven.complete) == (500, b"", True)


async def test_a_crash_under_compat_is_what_servers_say() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        raise RuntimeError(SECRET)

    driven = await drive(hardened(app, preset="compat", hosts=["testserver"]), http_scope())
    assert (driven.status, driven.body) == (500, b"Internal Server Error")
    assert driven.values(b"x-content-type-options") == [b"nosniff"]
    assert isinstance(driven.raised, RuntimeError)


async def test_a_crash_in_the_middle_of_a_stream_is_not_made_whole() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError(SECRET)

    driven = await drive(hardened(app), http_scope())
    assert (driven.body, driven.complete) == (b"half", False)
    assert isinstance(driven.raised, RuntimeError)


async def test_a_large_500_streams_on_once_it_outgrows_what_is_held() -> None:
    sent_before_end: list[int] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        for _ in range(4):
            await send({"type": "http.response.body", "body": b"x" * 30_000, "more_body": True})
            sent_before_end.append(len(driven_sent))
        await send({"type": "http.response.body"})

    driven_sent: list[Message] = []

    async def send(message: Message) -> None:
        driven_sent.append(message)

    async def receive() -> Message:
        return request_body(b"")[0]

    await hardened(app)(http_scope(), receive, send)
    assert sent_before_end == [0, 0, 4, 5]
    assert sum(len(message.get("body", b"")) for message in driven_sent) == 120_000


async def test_a_streamed_500_of_starlette_reaches_a_listening_client_at_once() -> None:
    """Where the application listens for a disconnect while it streams, holding back could wait for ever."""

    async def endpoint(request: Request) -> Response:
        async def parts() -> Any:
            yield b"one"
            await request.receive()  # comes back when the client has got the first part
            yield b"two"

        return StreamingResponse(parts(), 500)

    app = Starlette(routes=[Route("/", endpoint)])
    scope = http_scope(asgi={"version": "3.0", "spec_version": "2.4"})
    driven = await drive(hardened(app), scope, leaves=2)
    assert driven.body.startswith(b"one")


async def test_the_applications_own_500_keeps_its_background_task() -> None:
    done: list[int] = []

    async def endpoint(request: Request) -> Response:
        return JSONResponse({"own": "words"}, 500, background=BackgroundTask(done.append, 1))

    driven = await drive(hardened(Starlette(routes=[Route("/", endpoint)])), http_scope())
    assert (json.loads(driven.body), done) == ({"own": "words"}, [1])


async def test_headers_of_garrison_stand_on_answers_of_every_kind() -> None:
    async def fine(request: Request) -> Response:
        return PlainTextResponse("fine", headers={"server": "secret/1.0", "x-powered-by": "secret"})

    async def empty(request: Request) -> Response:
        return Response(status_code=204)

    onion = hardened(Starlette(routes=[Route("/", fine), Route("/empty", empty), Route("/crash", _crash)]))
    for method, path, status in (
        ("GET", b"/", 200), ("HEAD", b"/", 200), ("GET", b"/empty", 204), ("GET", b"/none", 404), ("POST", b"/", 405),
        ("GET", b"/crash", 500), ("TRACE", b"/", 405), ("GET", b"//", 400),
    ):  # fmt: skip
        driven = await drive(onion, http_scope(method, path))
        names = [name for name, _ in driven.headers]
        assert driven.status == status
        assert {b"x-content-type-options", b"content-security-policy", b"referrer-policy"} <= set(names)
        assert len(set(names)) == len(names)
        assert not {b"server", b"x-powered-by"} & set(names)
