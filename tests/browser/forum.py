"""A victim for browsers: a small forum, as careless as frameworks allow.

Its session cookie is `SameSite=None`, its CORS answers every origin with credentials, it takes JSON under any content
type, and it writes what people send into its pages unescaped. Nothing but Garrison stands in an attacker's way.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from garrison.core.exchange import Exchange


class Forum:
    """The application, and what happened to it: `(action, user, content)`."""

    def __init__(self) -> None:
        self.happened: list[tuple[str, str, str]] = []
        self.posts: list[str] = []
        self.sessions: dict[str, str] = {}
        self.app: Any = Starlette(
            routes=[
                Route("/", self.home),
                Route("/login", self.log_in, methods=["POST"]),
                Route("/post", self.post, methods=["POST", "PUT", "DELETE"]),
                Route("/me", self.me),
                Route("/search", self.search),
                Route("/stolen", self.stolen),
                WebSocketRoute("/live", self.live),
            ],
            middleware=[
                Middleware(
                    CORSMiddleware,
                    allow_origins=["*"],
                    allow_credentials=True,
                    allow_methods=["*"],
                    allow_headers=["*"],
                )
            ],
        )

    def user(self, connection: HTTPConnection) -> str:
        return self.sessions.get(connection.cookies.get("sid", ""), "")

    async def home(self, request: Request) -> Response:
        """All posts, and the forms. Behind Garrison the forms carry the token."""
        garrison: Exchange | None = getattr(request.state, "garrison", None)
        token = garrison.csrf_token if garrison else ""
        field = f'<input type="hidden" name="csrf_token" value="{token}">'
        posts = "".join(f"<article>{post}</article>" for post in self.posts)
        return HTMLResponse(
            f"""<!doctype html><title>Forum</title><link rel="icon" href="data:,">
            <p id="user">{self.user(request)}</p>{posts}
            <form id="login" method="post" action="/login">{field}<input name="user"><button>Log in</button></form>
            <form id="write" method="post" action="/post">{field}<input name="text"><button>Post</button></form>"""
        )

    async def log_in(self, request: Request) -> Response:
        sid = secrets.token_urlsafe()
        self.sessions[sid] = str((await request.form())["user"])
        answer = RedirectResponse("/", 303)
        answer.set_cookie("sid", sid, secure=True, samesite="none")
        self.happened.append(("login", self.sessions[sid], ""))
        return answer

    async def post(self, request: Request) -> Response:
        user = self.user(request)
        if not user:
            return PlainTextResponse("who?", 401)
        body = (await request.body()).decode(errors="replace")
        try:
            text = json.loads(body)["text"]  # under any content type
        except (ValueError, TypeError, KeyError):
            text = str((await request.form()).get("text", body))
        self.posts.append(text)
        self.happened.append(("post", user, text))
        return RedirectResponse("/", 303)

    async def me(self, request: Request) -> Response:
        return JSONResponse({"user": self.user(request)})

    async def search(self, request: Request) -> Response:
        query = request.query_params.get("q", "")
        return HTMLResponse(f'<!doctype html><title>Search</title><link rel="icon" href="data:,"><p>You asked: {query}')

    async def stolen(self, request: Request) -> Response:
        """Injected code that runs comes here."""
        self.happened.append(("stolen", self.user(request), request.query_params.get("by", "")))
        return PlainTextResponse("thanks")

    async def live(self, socket: WebSocket) -> None:
        await socket.accept()
        self.happened.append(("live", self.user(socket), ""))
        await socket.send_text(f"private news for {self.user(socket)}")
        await socket.close()
