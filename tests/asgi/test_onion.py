"""What the onion leaves alone: messages, scope, exceptions, return values, context, connections that end.

Each test runs the same application bare and behind Garrison, and compares what a server would see.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from garrison.core.exchange import Exchange
from garrison.core.names import STATE_KEY
from tests.asgi.driving import (
    EMPTY,
    Message,
    Receive,
    Send,
    assert_same,
    both,
    drive,
    hardened,
    http_scope,
    request_body,
)

pytestmark = pytest.mark.anyio


def answers(*messages: Message) -> Any:
    """An application that sends exactly `messages`."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(dict(message))

    return app


def start(status: int = 200, *headers: tuple[bytes, bytes], **more: Any) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def part(body: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


STREAM = (start(), part(b"one", more=True), part(b"", more=True), part(b"two", more=True), part())


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param((start(), part(b"hello")), id="whole"),
        pytest.param(STREAM, id="streamed"),
        pytest.param((start(204), part()), id="no content"),
        pytest.param((start(304, (b"etag", b'"1"')), part()), id="not modified"),
        pytest.param((start(206, (b"content-range", b"bytes 0-1/9")), part(b"ab")), id="range"),
        pytest.param((start(200, (b"set-cookie", b"a=1; Secure"), (b"set-cookie", b"b=2")), part()), id="two cookies"),
        pytest.param((start(200, (b"vary", b"accept"), (b"x-a", b"1"), (b"x-a", b"2")), part()), id="repeated names"),
        pytest.param((start(200, (b"x-latin", b"caf\xe9")), part()), id="latin-1 value"),
        pytest.param(({"type": "http.response.start", "status": 200}, part(b"x")), id="no headers at all"),
        pytest.param((start(), {"type": "http.response.body"}), id="no body key"),
        pytest.param((start(404), part(b"gone")), id="error of the application"),
        pytest.param((start(500), part(b"own page")), id="500 of the application"),
        pytest.param((start(500), part(b"o", more=True), part(b"wn")), id="500 in parts"),
        pytest.param((start(422), part(b"own words")), id="422 of the application"),
        pytest.param((start(418, (b"content-type", b"application/json")), part(b'{"detail":[]}')), id="any status"),
        pytest.param(
            (
                start(200, (b"trailer", b"x-sum"), trailers=True),
                part(b"data"),
                {"type": "http.response.trailers", "headers": [(b"x-sum", b"4")], "more_trailers": False},
            ),
            id="trailers",
        ),
        pytest.param(
            (
                start(422, trailers=True),
                part(b"data"),
                {"type": "http.response.trailers", "headers": [(b"x-sum", b"4")], "more_trailers": False},
            ),
            id="trailers of a held answer",
        ),
        pytest.param((start(), {"type": "http.response.pathsend", "path": "/srv/file"}), id="pathsend"),
        pytest.param((start(500), {"type": "http.response.pathsend", "path": "/srv/file"}), id="pathsend, held"),
        pytest.param((start(), {"type": "http.response.zerocopysend", "file": 7, "count": 9}), id="zero copy"),
        pytest.param(
            ({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}, start(), part()),
            id="early hints",
        ),
        pytest.param(({"type": "http.response.push", "path": "/x", "headers": []}, start(), part()), id="push"),
        pytest.param(({"type": "x.unheard-of", "body": 1}, start(), part(), {"type": "x.after"}), id="unknown types"),
    ],
)  # fmt: skip
async def test_messages_reach_the_server_as_the_application_sent_them(messages: tuple[Message, ...]) -> None:
    assert_same(*await both(answers(*messages), http_scope(), cookies={"leave": ["a", "b"]}))


async def test_each_part_of_a_stream_goes_out_before_the_next_is_made() -> None:
    seen: list[int] = []
    sent: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for message in STREAM:
            await send(message)
            seen.append(len(sent))

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return EMPTY

    await hardened(app)(http_scope(), receive, send)
    assert seen == [1, 2, 3, 4, 5]


async def test_the_return_value_is_the_applications() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> str:
        await send(start())
        await send(part())
        return "value"

    bare, behind = await both(app, http_scope())
    assert_same(bare, behind)
    assert behind.returned == "value"


@pytest.mark.parametrize("when", ["before", "during", "after"])
async def test_exceptions_of_the_application_reach_the_server(when: str) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if when != "before":
            await send(start())
            await send(part(b"x", more=when == "during"))
        raise LookupError("broken")

    bare, behind = await both(app, http_scope())
    assert isinstance(behind.raised, LookupError)
    assert str(behind.raised) == str(bare.raised)
    if when != "before":
        assert behind.sent == bare.sent
    else:
        assert (bare.sent, behind.status, behind.complete) == ([], 500, True)


async def test_exception_groups_and_cancellation_pass() -> None:
    async def groups(scope: Message, receive: Receive, send: Send) -> None:
        raise ExceptionGroup("two", [ValueError("a"), KeyError("b")])

    behind = await drive(hardened(groups), http_scope())
    assert isinstance(behind.raised, ExceptionGroup)

    async def waits(scope: Message, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(drive(hardened(waits), http_scope()))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()


async def test_the_scope_is_the_applications_but_for_one_key_in_state() -> None:
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send(start())
        await send(part())

    shared = object()
    scope = http_scope("POST", b"/a%20b", [(b"x-a", b"1"), (b"x-a", b"2")], root_path="/root", state={"db": shared})
    scope["extensions"] = {"http.response.pathsend": {}, "tls": {"server_cert": None}}
    before = {**scope, "headers": list(scope["headers"]), "state": dict(scope["state"])}
    await drive(hardened(app), scope)
    assert scope == before, "the server's scope was changed"
    (inner,) = seen
    garrison = inner["state"].pop(STATE_KEY)
    assert isinstance(garrison, Exchange)
    assert inner == before
    assert inner["state"]["db"] is shared


async def test_context_variables_flow_in_and_the_application_runs_in_the_servers_task() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name")
    tasks: list[object] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.current_task())
        await send(start(200, (b"x-name", name.get().encode())))
        await send(part())
        name.set("inner")

    name.set("outer")
    driven = await drive(hardened(app), http_scope())
    assert driven.values(b"x-name") == [b"outer"]
    assert (name.get(), tasks) == ("inner", [asyncio.current_task()])


async def test_receive_and_send_may_run_in_tasks_of_their_own() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        got: list[bytes] = []

        async def read() -> None:
            while True:
                message = await receive()
                got.append(message.get("body", b""))
                if not message.get("more_body"):
                    return

        async def write() -> None:
            await send(start())
            for _ in range(3):
                await send(part(b".", more=True))

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            group.start_soon(write)
        await send(part(b"".join(got)))

    kind = (b"content-type", b"application/json")
    assert_same(*await both(app, http_scope("POST", headers=[kind]), request_body(b"1", b"2", b"3")))


async def test_the_body_arrives_in_the_chunks_in_which_it_was_sent() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> list[Any]:
        got: list[Any] = []
        while True:
            message = await receive()
            got.append(message)
            if not message.get("more_body"):
                break
        await send(start())
        await send(part())
        return got

    chunks = request_body(b'"' + b"a" * 1000, b"", "é".encode(), b'"')
    kind = (b"content-type", b"application/json")
    for headers in ([kind], [kind, (b"transfer-encoding", b"chunked")]):
        bare, behind = await both(app, http_scope("POST", headers=headers), chunks)
        assert_same(bare, behind)
        assert behind.returned == chunks


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_application_learns_that_its_client_left(method: str) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> list[str]:
        return [(await receive())["type"], (await receive())["type"], (await receive())["type"]]

    bare, behind = await both(app, http_scope(method), leaves=0)
    assert_same(bare, behind)
    assert behind.returned == ["http.request", "http.disconnect", "http.disconnect"]


async def test_is_disconnected_tells_the_truth_before_and_after() -> None:
    async def endpoint(request: Request) -> Response:
        early = await request.is_disconnected()
        await request.body()
        return PlainTextResponse(f"{early} {await request.is_disconnected()}")

    app = Starlette(routes=[Route("/", endpoint)])
    for leaves in (None, 0):
        bare, behind = await both(app, http_scope(), leaves=leaves)
        assert_same(bare, behind)
        assert behind.body == f"False {leaves == 0}".encode()


async def test_a_stream_stops_when_the_client_leaves() -> None:
    made: list[int] = []

    async def endless() -> Any:
        while True:
            made.append(1)
            yield b"data: tick\n\n"
            await asyncio.sleep(0)

    async def events(request: Request) -> Response:
        return StreamingResponse(endless(), media_type="text/event-stream")

    driven = await drive(hardened(Starlette(routes=[Route("/", events)])), http_scope(), leaves=3)
    assert driven.status == 200
    assert driven.values(b"content-type") == [b"text/event-stream; charset=utf-8"]
    assert len(made) < 10


async def test_background_tasks_run_after_the_answer() -> None:
    order: list[str] = []

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("done", background=BackgroundTask(lambda: order.append("task")))

    app = Starlette(routes=[Route("/", endpoint)])
    bare, behind = await both(app, http_scope())
    assert_same(bare, behind)
    assert order == ["task", "task"]


async def test_files_ranges_head_redirects_and_conditions_are_the_same(tmp_path: Any) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes(b"0123456789" * 100)

    async def serve(request: Request) -> Response:
        return FileResponse(file)

    async def away(request: Request) -> Response:
        return RedirectResponse("/file")

    app = Starlette(routes=[Route("/file", serve, methods=["GET", "HEAD"]), Route("/away", away)])
    for method, path, headers in (
        ("GET", b"/file", []),
        ("HEAD", b"/file", []),
        ("GET", b"/file", [(b"range", b"bytes=5-9")]),
        ("GET", b"/file", [(b"range", b"bytes=5000-")]),
        ("GET", b"/file", [(b"range", b"bytes=-4")]),
        ("GET", b"/away", []),
        ("GET", b"/file/", []),
        ("POST", b"/file", []),
        ("GET", b"/none", []),
    ):
        assert_same(*await both(app, http_scope(method, path, headers)))


async def test_compat_leaves_validation_and_crashes_alone() -> None:
    app = FastAPI()

    @app.get("/item/{number}")
    async def item(number: int) -> int:
        if number == 0:
            raise RuntimeError("broken")
        return number

    for path in (b"/item/x", b"/item/0", b"/item/1"):
        bare, behind = await both(app, http_scope(path=path), preset="compat", hosts=["testserver"])
        assert_same(bare, behind)


async def test_control_outside_compat_a_validation_answer_is_another_one() -> None:
    app = FastAPI()

    @app.get("/item/{number}")
    async def item(number: int) -> int:
        return number

    bare, behind = await both(app, http_scope(path=b"/item/hunter2"))
    assert b"hunter2" in bare.body
    assert b"hunter2" not in behind.body
    assert json.loads(behind.body)["errors"][0]["in"] == "path"


async def test_scopes_of_other_kinds_go_straight_to_the_application() -> None:
    seen: list[Any] = []

    async def app(scope: Message, receive: Receive, send: Send) -> str:
        seen.append((scope, receive, send))
        return "value"

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None: ...

    scope: Message = {"type": "webtransport"}
    assert await hardened(app)(scope, receive, send) == "value"
    assert seen == [(scope, receive, send)]


async def test_the_hardened_application_says_where_its_attributes_are() -> None:
    app = FastAPI()
    onion = hardened(app)
    with pytest.raises(AttributeError, match=r"\.app\.add_middleware"):
        onion.add_middleware  # noqa: B018
    assert onion.app is app


async def test_an_application_that_waits_for_its_client_after_a_500_does_not_hang() -> None:
    """A 500 is held until the application returns; this one returns when the client has its answer."""

    async def app(scope: Message, receive: Receive, send: Send) -> list[Any]:
        await send(start(500))
        await send(part(b"own page"))
        return [await receive(), await receive()]

    bare, behind = await both(app, http_scope())
    assert_same(bare, behind)
    assert behind.returned == [EMPTY, {"type": "http.disconnect"}]
