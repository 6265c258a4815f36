"""One layer in front of an application, and requests as a server would hand them over.

`Gate` is the least that a layer needs to be seen at work: it asks `decide`, and `watch` for each chunk. The same
request to the bare application is a test's control. The whole stack is the onion's, and is tested there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from garrison.asgi.facts import ReadFacts
from garrison.core.exchange import Exchange
from garrison.core.layer import Layer
from garrison.core.ports import Services
from garrison.core.verdict import Refuse
from garrison.policy.model import Policy

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `headers` keep their lines; `refusal` is set when the layer closed the door."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    refusal: Refuse | None = None

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)


async def request(
    app: App,
    method: str = "GET",
    raw_path: bytes = b"/",
    headers: Sequence[tuple[bytes, bytes]] = ((b"host", b"example.com"),),
    body: Sequence[bytes] = (b"",),
    *,
    query: bytes = b"",
    client: tuple[str, int] | None = ("203.0.113.9", 40000),
) -> Reply:
    """Send one request as a server hands it over: the path decoded once, body chunks as they arrived."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": list(headers),
        "client": client,
        "server": ("127.0.0.1", 8443),
    }
    chunks = list(body)
    sent: list[Message] = []

    async def receive() -> Message:
        if not chunks:
            return {"type": "http.disconnect"}
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    content = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Reply(start["status"], tuple(start.get("headers", ())), content)


async def through(layer: Layer, policy: Policy, app: App, *args: Any, **more: Any) -> Reply:
    """As `request`, with `layer` in front of `app`; the arguments after `app` are those of `request`."""
    gate = Gate(layer, policy, app)
    reply = await request(gate, *args, **more)
    return Reply(reply.status, reply.headers, reply.body, gate.refusal)


class Gate:
    """`layer` in front of `app`."""

    def __init__(self, layer: Layer, policy: Policy, app: App) -> None:
        self.layer = layer
        self.app = app
        self.read = ReadFacts(policy, policy.routes)
        self.refusal: Refuse | None = None

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        facts = self.read(scope)
        verdict = self.layer.decide(facts) if self.layer.decide else None
        if isinstance(verdict, Refuse):
            await self._refuse(verdict, send)
            return
        watch = self.layer.watch(facts, Exchange(facts, Services())) if self.layer.watch else None
        muted = False

        async def counted() -> Message:
            nonlocal muted
            message: Message = await receive()
            if watch and not muted and (refusal := watch(message.get("body", b""))) is not None:
                muted = True
                await self._refuse(refusal, send)
            return {"type": "http.disconnect"} if muted else message

        async def answer(message: Message) -> None:
            if not muted:
                await send(message)

        try:
            await self.app(scope, counted, answer)
        except Exception:
            if not muted:
                raise

    async def _refuse(self, refusal: Refuse, send: Any) -> None:
        self.refusal = refusal
        await send({"type": "http.response.start", "status": refusal.status, "headers": list(refusal.headers)})
        await send({"type": "http.response.body", "body": b""})
