"""The main cases of transparency once more, over real sockets and both of uvicorn's HTTP parsers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import h11
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from garrison.core.layer import Layer
from garrison.core.verdict import Reason, Refuse
from tests.asgi.driving import claimed, hardened
from tests.asgi.serving import connected, raw_request, read_answer, serving

pytestmark = pytest.mark.server


class Site:
    """An application with one route per case."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.app = Starlette(
            lifespan=self.lifespan,
            routes=[
                Route("/stream", self.stream),
                Route("/file", self.file),
                Route("/cookies", self.cookies),
                Route("/echo", self.echo, methods=["POST"]),
                Route("/background", self.background),
                Route("/wait", self.wait),
                Route("/state", self.state),
                Route("/crash", self.crash),
                Route("/unread", self.unread, methods=["POST"]),
                Route("/nothing", self.nothing),
            ],
        )

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[dict[str, Any]]:
        self.told.append("begin")
        yield {"database": "open"}
        self.told.append("end")

    async def stream(self, request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"data: %d\n\n" % number

        return StreamingResponse(parts(), media_type="text/event-stream")

    async def file(self, request: Request) -> Response:
        return FileResponse(__file__)

    async def cookies(self, request: Request) -> Response:
        answer = PlainTextResponse("two")
        answer.set_cookie("a", "1", secure=True, httponly=True)
        answer.set_cookie("b", "2", secure=True, httponly=True)
        return answer

    async def echo(self, request: Request) -> Response:
        return Response(await request.body(), media_type="application/octet-stream")

    async def background(self, request: Request) -> Response:
        return PlainTextResponse("first", background=BackgroundTask(self.told.append, "background"))

    async def wait(self, request: Request) -> Response:
        while not await request.is_disconnected():  # noqa: ASYNC110  # what it says is the question
            await asyncio.sleep(0.005)
        self.told.append("disconnected")
        return PlainTextResponse("too late")

    async def state(self, request: Request) -> Response:
        return PlainTextResponse(request.state.database)

    async def crash(self, request: Request) -> Response:
        raise RuntimeError("secret of the application")

    async def unread(self, request: Request) -> Response:
        return PlainTextResponse("not read")

    async def nothing(self, request: Request) -> Response:
        return Response(status_code=304, headers={"etag": '"1"'})


@dataclass
class Pair:
    """The same site served bare and hardened."""

    bare: int
    hardened: int
    claimed: frozenset[bytes]
    site: Site

    def ask(self, port: int, request: bytes, method: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        with connected(port) as plain:
            plain.sendall(request)
            status, headers, body = read_answer(plain, method)
        return status, [pair for pair in headers if pair[0] not in self.claimed | {b"date"}], body


@pytest.fixture(scope="module", params=["h11", "httptools"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    site = Site()
    onion = hardened(site.app, content={"mode": "off", "allow_insecure_off": "a test"})
    options = {"http": request.param, "lifespan": "on"}
    with serving(site.app, **options) as bare, serving(onion, **options) as behind:
        yield Pair(bare, behind, claimed(onion), site)


CHUNKED = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"one", b"two" * 1000)) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", b"/stream", [], b""),
        ("GET", b"/file", [], b""),
        ("HEAD", b"/file", [], b""),
        ("GET", b"/file", [b"range: bytes=3-8"], b""),
        ("GET", b"/cookies", [], b""),
        ("GET", b"/nothing", [], b""),
        ("GET", b"/missing", [], b""),
        ("GET", b"/state", [], b""),
        ("GET", b"/background", [], b""),
        ("POST", b"/echo", [], b"x" * 200_000),
        ("POST", b"/echo", [b"transfer-encoding: chunked"], CHUNKED),
        ("POST", b"/echo", [b"content-length: 0"], b""),
        ("POST", b"/unread", [], b"x" * 1000),
        ("DELETE", b"/file", [], b""),
    ],
)
def test_answers_are_the_same_on_the_wire(
    pair: Pair, method: str, target: bytes, headers: list[bytes], body: bytes
) -> None:
    request = raw_request(method, target, *headers, body=body)
    assert pair.ask(pair.hardened, request, method) == pair.ask(pair.bare, request, method)


def test_a_client_that_leaves_is_noticed_by_the_application(pair: Pair) -> None:
    pair.site.told.clear()
    for port in (pair.bare, pair.hardened):
        with connected(port) as plain:
            plain.sendall(raw_request("GET", b"/wait"))
    for _ in range(100):  # the server hears of it in its own time: other requests pass some
        if pair.site.told.count("disconnected") == 2:
            break
        pair.ask(pair.hardened, raw_request("GET", b"/state"), "GET")
    assert pair.site.told == ["disconnected"] * 2


def test_a_crash_is_a_plain_500_and_the_connection_ends(pair: Pair) -> None:
    """The same connection handling as uvicorn's own: it closes after an exception."""
    with connected(pair.hardened) as plain:
        plain.sendall(raw_request("GET", b"/crash"))
        status, headers, body = read_answer(plain)
        assert (status, dict(headers)[b"content-type"]) == (500, b"application/problem+json")
        assert b"secret" not in body
        assert plain.recv(1) == b""


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_lifespan_reaches_the_application(http: str) -> None:
    site = Site()
    with serving(hardened(site.app), http=http, lifespan="on"):
        assert site.told == ["begin"]
    assert site.told == ["begin", "end"]


def test_an_application_that_speaks_no_lifespan_is_served_all_the_same() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise AssertionError("only HTTP")
        await PlainTextResponse("hello")(scope, receive, send)

    with serving(hardened(app), lifespan="auto") as port, connected(port) as plain:
        plain.sendall(raw_request("GET"))
        assert read_answer(plain)[2] == b"hello"


# What becomes of a body that is refused before it is read.


def no_payments(facts: Any) -> Refuse | None:
    return Refuse(Reason.BANNED, 403) if facts.method == "POST" else None


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_after_a_refused_upload_the_connection_serves_the_next_request_and_not_the_body(http: str) -> None:
    """A body that is left unread must never be taken for a request (CWE-444)."""
    onion = hardened(hello, Layer("mine", decide=no_payments), size={"body": "10 MB"})
    smuggled = raw_request("GET", b"/smuggled") * 40_000
    with serving(onion, http=http) as port, connected(port) as plain:
        plain.sendall(raw_request("POST", b"/", b"content-type: application/json", body=smuggled))
        assert read_answer(plain)[0] == 403
        plain.sendall(raw_request("GET", b"/next"))
        status, _, body = read_answer(plain)
        assert (status, body) == (200, b"hello")


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_body_that_outgrows_its_limit_is_answered_413_while_it_is_still_sent(http: str) -> None:
    async def reads(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        await PlainTextResponse(str(len(await request.body())))(scope, receive, send)

    onion = hardened(reads, size={"body": 100_000})
    part = b"%x\r\n%s\r\n" % (50_000, b"x" * 50_000)
    with serving(onion, http=http) as port, connected(port) as plain:
        head = raw_request("POST", b"/", b"content-type: application/json", b"transfer-encoding: chunked")
        plain.sendall(head + part * 3)
        assert read_answer(plain)[0] == 413
        plain.sendall(part + b"0\r\n\r\n" + raw_request("POST", b"/", b"content-type: application/json", body=b"{}"))
        assert read_answer(plain)[::2] == (200, b"2")


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_an_answer_that_has_begun_is_cut_on_the_wire_when_the_body_is_refused(http: str) -> None:
    async def echoes(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message["body"][:1], "more_body": True})
        await send({"type": "http.response.body"})

    part = b"%x\r\n%s\r\n" % (50_000, b"x" * 50_000)
    unread = {"mode": "off", "allow_insecure_off": "the application is to begin before its body is whole"}
    onion = hardened(echoes, size={"body": 60_000}, body=unread)
    with serving(onion, http=http) as port, connected(port) as plain:
        plain.sendall(raw_request("POST", b"/", b"content-type: application/json", b"transfer-encoding: chunked"))
        plain.sendall(part * 3)
        with pytest.raises((h11.RemoteProtocolError, ConnectionError)):
            read_answer(plain)
