"""Encoded bodies, from the wire to FastAPI: decoded where the policy says so, bombs and stumps refused."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from fastapi import FastAPI, Request

from garrison.core.layer import Layer, Peek
from garrison.testing import captured_events
from tests.asgi.driving import Message, Receive, Send, drive, hardened, http_scope, request_body

pytestmark = pytest.mark.anyio

JSON = (b"content-type", b"application/json")
DECODES = {"size": {"decompress": ("gzip", "deflate"), "body": 100_000, "decompressed": 1_000_000, "ratio": 50}}
ORDER = {"amount": 7, "text": "ü" * 500}


def order_app(orders: list[Any]) -> FastAPI:
    app = FastAPI()

    @app.post("/")
    async def take(order: dict[str, Any], request: Request) -> dict[str, Any]:
        orders.append(order)
        return {name: request.headers.get(name) for name in ("content-encoding", "content-length", "content-type")}

    return app


def posted(*headers: tuple[bytes, bytes], **more: Any) -> Message:
    return http_scope("POST", headers=[JSON, *headers], **more)


def pieces(body: bytes, size: int = 40) -> list[Message]:
    return request_body(*[body[at : at + size] for at in range(0, len(body), size)])


@pytest.mark.parametrize(
    ("name", "pack"), [(b"gzip", gzip.compress), (b"x-gzip", gzip.compress), (b"deflate", zlib.compress)]
)
async def test_fastapi_reads_an_encoded_body_as_if_it_had_come_plain(name: bytes, pack: Any) -> None:
    orders: list[Any] = []
    body = pack(json.dumps(ORDER).encode())
    length = (b"content-length", b"%d" % len(body))
    driven = await drive(
        hardened(order_app(orders), **DECODES), posted((b"content-encoding", name), length), pieces(body)
    )
    assert (driven.status, orders) == (200, [ORDER])
    assert json.loads(driven.body) == {
        "content-encoding": None, "content-length": None, "content-type": "application/json",
    }  # fmt: skip


async def test_control_the_bare_application_can_not_read_it() -> None:
    orders: list[Any] = []
    driven = await drive(order_app(orders), posted((b"content-encoding", b"gzip")), pieces(gzip.compress(b'{"a": 1}')))
    assert (driven.status >= 400 or driven.raised is not None, orders) == (True, [])


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        pytest.param(gzip.compress(b" " * 900_000), 413, "expansion-too-large", id="ratio"),
        pytest.param(gzip.compress(bytes(range(256)) * 8000), 413, "expansion-too-large", id="bytes"),
        pytest.param(gzip.compress(json.dumps(ORDER).encode())[:-5], 400, "body-malformed", id="cut short"),
        pytest.param(gzip.compress(b"{}") + b"more", 400, "body-malformed", id="bytes behind"),
        pytest.param(b"plain", 400, "body-malformed", id="no gzip"),
        pytest.param(gzip.compress(zlib.compress(b"x" * 100)) * 300, 400, "body-malformed", id="too many members"),
    ],
)
async def test_bombs_and_stumps_are_refused_before_the_application_has_them(
    body: bytes, status: int, reason: str
) -> None:
    orders: list[Any] = []
    onion = hardened(order_app(orders), **DECODES)
    with captured_events(onion) as events:
        driven = await drive(onion, posted((b"content-encoding", b"gzip")), pieces(body, 5000))
    assert (driven.status, json.loads(driven.body)["reason"], orders) == (status, reason, [])
    assert [event.reason for event in events] == [reason]


async def test_control_the_bomb_unfolds_in_an_application_that_decodes_by_itself() -> None:
    assert len(gzip.decompress(gzip.compress(b" " * 900_000))) == 900_000


async def test_the_encoded_bytes_count_as_well() -> None:
    orders: list[Any] = []
    onion = hardened(order_app(orders), **DECODES)
    body = gzip.compress(b"x" * 200_000, 0)
    driven = await drive(onion, posted((b"content-encoding", b"gzip")), pieces(body, 9000))
    assert (driven.status, json.loads(driven.body)["reason"]) == (413, "body-too-large")


async def test_a_layer_that_looks_ahead_sees_the_decoded_body() -> None:
    seen: list[tuple[bytes, bool]] = []

    def look(prefix: bytes, complete: bool) -> None:
        seen.append((prefix, complete))

    orders: list[Any] = []
    onion = hardened(order_app(orders), Layer("mine", peek=lambda facts: Peek(9, look)), **DECODES)
    body = gzip.compress(b'{"amount": 7}')
    assert (await drive(onion, posted((b"content-encoding", b"gzip")), pieces(body, 3))).status == 200
    assert (seen, orders) == ([(b'{"amount"', False)], [{"amount": 7}])


@pytest.mark.parametrize(
    ("method", "headers", "version", "watched"),
    [
        ("GET", [], "1.1", False),
        ("GET", [], "1.0", False),
        ("GET", [(b"content-length", b"3"), JSON], "1.1", True),
        ("GET", [(b"transfer-encoding", b"chunked"), JSON], "1.1", True),
        ("GET", [], "2", True),
        ("POST", [JSON], "1.1", True),
        ("DELETE", [], "1.1", True),
    ],
)
async def test_a_body_is_watched_wherever_one_may_come(
    method: str, headers: list[tuple[bytes, bytes]], version: str, watched: bool
) -> None:
    seen: list[bytes] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    onion = hardened(app, Layer("mine", watch=lambda facts, exchange: seen.append))  # type: ignore[arg-type, return-value]
    await drive(onion, http_scope(method, headers=headers, http_version=version), request_body(b"abc"))
    assert bool(seen) == watched
