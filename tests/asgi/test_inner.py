"""Behind a trusted proxy the application sees the visitor and their scheme; else what the server saw."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.asgi.driving import Message, Receive, Send, drive, hardened, http_scope, websocket_scope

PROXY, VISITOR, OTHER = "10.0.0.1", "203.0.113.9", "198.51.100.7"
TOLD = [
    (b"x-forwarded-for", f"1.2.3.4, {VISITOR}".encode()),
    (b"x-forwarded-proto", b"https"),
    (b"host", b"testserver"),
]


class Seen:
    """An application that keeps the scope it was given."""

    def __init__(self) -> None:
        self.scope: Message = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.scope = scope
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await receive()
            await send({"type": "websocket.close"})


async def seen(scope: Message, **policy: Any) -> Message:
    app = Seen()
    await drive(hardened(app, **policy), scope)
    return app.scope


@pytest.mark.anyio
@pytest.mark.parametrize("make", [http_scope, websocket_scope])
async def test_what_a_trusted_proxy_vouches_for_is_told(make: Any) -> None:
    plain = "http" if make is http_scope else "ws"
    headers = [*TOLD, (b"origin", b"https://testserver")]
    scope = {**make(headers=headers), "client": (PROXY, 4000), "scheme": plain}
    inner = await seen(scope, proxies=["10.0.0.0/8"])
    assert (inner["scheme"], inner["client"]) == (f"{plain}s", (VISITOR, 0))
    assert (scope["scheme"], scope["client"]) == (plain, (PROXY, 4000))  # the server's own stays as it is


@pytest.mark.anyio
async def test_what_anybody_else_says_is_not() -> None:
    scope = {**http_scope(headers=TOLD), "client": (OTHER, 4000), "scheme": "http"}
    for policy in ({"proxies": ["10.0.0.0/8"]}, {}):
        inner = await seen(scope, **policy)
        assert (inner["scheme"], inner["client"]) == ("http", (OTHER, 4000))


@pytest.mark.anyio
async def test_a_redirect_of_the_application_keeps_to_https_behind_the_proxy() -> None:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse("x")

    app = hardened(Starlette(routes=[Route("/folder/", page)]), proxies=["10.0.0.0/8"])
    scope = {**http_scope(path=b"/folder", headers=TOLD), "client": (PROXY, 4000), "scheme": "http"}
    driven = await drive(app, scope)
    assert dict(driven.headers)[b"location"] == b"https://testserver/folder/"
