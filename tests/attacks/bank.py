"""A victim for cross-site attacks: a small bank with sessions of its own, as careless as frameworks allow.

Its cookie is `SameSite=None`, so that nothing but Garrison stands between a foreign page and the account.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from garrison import harden
from garrison.core.exchange import Exchange, Principal
from garrison.policy import Policy

HOST = "bank.example"
HOME = f"https://{HOST}"
EVIL = "https://evil.test"
CROSS_SITE = {"origin": EVIL, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
SAME_SITE = {"origin": f"https://blog.{HOST}", "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}
OLD_BROWSER = {"origin": EVIL}
SILENT: Mapping[str, str] = {}
"""A browser that tells nothing about where a request comes from: the origin layer is blind, tokens must hold."""


class Bank:
    """The application, and what happened to it."""

    def __init__(self) -> None:
        self.transfers: list[str] = []
        self.sessions: dict[str, str] = {}
        self.app = Starlette(
            routes=[
                Route("/", self.home),
                Route("/login", self.login, methods=["POST"]),
                Route("/transfer", self.transfer, methods=["POST", "PUT", "DELETE"]),
                Route("/balance", self.balance),
                Route("/enter", self.enter, methods=["POST"]),
                Route("/leave", self.leave, methods=["POST"]),
                Route("/crash", self.crash),
                WebSocketRoute("/live", self.live),
            ]
        )

    def _owner(self, connection: HTTPConnection) -> str:
        garrison: Exchange | None = getattr(connection.state, "garrison", None)
        if garrison is not None and garrison.principal is not None:
            return garrison.principal.id
        return self.sessions.get(connection.cookies.get("sid", ""), "")

    async def home(self, request: Request) -> Response:
        garrison: Exchange | None = getattr(request.state, "garrison", None)
        token = garrison.csrf_token if garrison else ""
        return HTMLResponse(f'<form method="post"><input name="csrf_token" value="{token}"></form>')

    async def login(self, request: Request) -> Response:
        """A session of the application's own."""
        sid = secrets.token_urlsafe()
        self.sessions[sid] = str((await request.form())["user"])
        answer = PlainTextResponse("welcome")
        answer.set_cookie("sid", sid, secure=True, samesite="none")
        return answer

    async def enter(self, request: Request) -> Response:
        """A session that Garrison keeps."""
        await request.state.garrison.log_in(Principal(str((await request.form())["user"])))
        return PlainTextResponse("welcome")

    async def leave(self, request: Request) -> Response:
        await request.state.garrison.log_out()
        return PlainTextResponse("bye")

    async def transfer(self, request: Request) -> Response:
        owner = self._owner(request)
        if not owner:
            return PlainTextResponse("who?", 401)
        await request.body()
        self.transfers.append(owner)
        return PlainTextResponse("done")

    async def balance(self, request: Request) -> Response:
        return JSONResponse({"owner": self._owner(request), "balance": 1000})

    async def crash(self, request: Request) -> Response:
        raise RuntimeError("broken")

    async def live(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"balance of {self._owner(socket)}: 1000")
        await socket.close()


def guard(app: Any, state: Path, **policy: Any) -> Any:
    """`app` behind Garrison with the `testing` values."""
    values = {"preset": "testing", "environment": "development", "hosts": (HOST,), "state": str(state), **policy}
    return harden(app, Policy(**values))


def visitor(app: Any, **headers: str) -> httpx.AsyncClient:
    """A browser's cookie jar and address bar."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=HOME, headers=headers)


async def open_socket(app: Any, cookies: str, headers: Mapping[str, str]) -> str:
    """What the first message on `/live` says; empty when the handshake was refused."""
    lines = [(b"host", HOST.encode()), (b"cookie", cookies.encode())]
    lines += [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "wss", "path": "/live",
        "raw_path": b"/live", "query_string": b"", "root_path": "", "headers": lines, "subprotocols": [],
        "client": ("203.0.113.9", 1), "server": (HOST, 443), "state": {},
    }  # fmt: skip
    said: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            said.append(message["text"])

    await app(scope, receive, send)
    return said[0] if said else ""
