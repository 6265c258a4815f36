"""Drive an ASGI application without a server: what a request costs between server and application, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

App = Callable[..., Awaitable[Any]]
Message = MutableMapping[str, Any]
HeaderPairs = list[tuple[bytes, bytes]]

HOST = "shop.example.com"
ORIGIN = f"https://{HOST}"
PARTNER = "https://partner.example.com"
"""The one other origin that every contender lets read answers."""
_CHROME = b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `cookies` and `extra` headers come on top of what a browser sends by itself."""

    method: str = "GET"
    path: str = "/items"
    query: bytes = b""
    body: bytes = b""
    cookies: str = "theme=dark"
    extra: tuple[tuple[bytes, bytes], ...] = ()
    host: str = HOST
    client: str = "203.0.113.9"
    drop: frozenset[bytes] = field(default_factory=frozenset)

    def headers(self) -> HeaderPairs:
        """About fifteen lines, as Chromium sends them with a `fetch` of a page of the same site."""
        lines = [
            (b"host", self.host.encode()),
            (b"connection", b"keep-alive"),
            (b"sec-ch-ua", b'"Chromium";v="141", "Not?A_Brand";v="8"'),
            (b"sec-ch-ua-mobile", b"?0"),
            (b"sec-ch-ua-platform", b'"Linux"'),
            (b"user-agent", _CHROME),
            (b"accept", b"application/json, text/plain, */*"),
            (b"sec-fetch-site", b"same-origin"),
            (b"sec-fetch-mode", b"cors"),
            (b"sec-fetch-dest", b"empty"),
            (b"referer", f"{ORIGIN}/".encode()),
            (b"accept-encoding", b"gzip, deflate, br, zstd"),
            (b"accept-language", b"de-DE,de;q=0.9,en;q=0.8"),
            (b"cookie", self.cookies.encode()),
        ]
        if self.body:
            lines += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body))]
        return [pair for pair in lines if pair[0] not in self.drop] + list(self.extra)


@dataclass(slots=True)
class Response:
    """An answer; header names are lower-case."""

    status: int = 0
    headers: HeaderPairs = field(default_factory=list)
    body: bytes = b""

    def cookies(self) -> Iterable[str]:
        """`name=value` of each cookie it sets."""
        return [value.split(b";")[0].decode() for name, value in self.headers if name == b"set-cookie"]


def scope_of(request: Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8443),
        "client": (request.client, 51234),
        "scheme": "https",
        "method": request.method,
        "root_path": "",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query,
        "headers": request.headers(),
        "state": {},
    }


class Unserved(AssertionError):
    """A request of a batch was not served."""


class Driver:
    """Sends requests to `app` on one event loop of its own."""

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self._loop = loop

    def ask(self, request: Request) -> Response:
        """One request, with its whole answer."""
        answer = Response()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = [(name.lower(), value) for name, value in message["headers"]]
            elif message["type"] == "http.response.body":
                answer.body += message.get("body", b"")

        self._loop.run_until_complete(self.app(scope_of(request), _receiver(request.body), send))
        return answer

    def batch(self, request: Request) -> Callable[[int], None]:
        """`batch(n)` sends `request` n times, one after the other, as one connection would.

        Raises `Unserved` when an answer was anything but a 200: a refusal would be measured as a quick answer.
        """
        app, template = self.app, scope_of(request)
        message = {"type": "http.request", "body": request.body, "more_body": False}

        async def receive() -> Message:
            return message

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] != 200:
                raise Unserved(f"{request.method} {request.path} was answered with {message['status']}")

        async def repeat(count: int) -> None:
            for _ in range(count):
                scope = {**template, "headers": template["headers"].copy(), "state": {}}
                await app(scope, receive, send)

        return lambda count: self._loop.run_until_complete(repeat(count))


def _receiver(body: bytes) -> Callable[[], Awaitable[Message]]:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    return receive


async def null_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The cheapest application there is: what remains is the cost of what stands around it."""
    if scope["method"] == "POST":
        await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})
