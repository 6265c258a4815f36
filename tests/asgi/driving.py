"""Applications driven message by message, as a server would, with and without Garrison.

Like a server, `receive` waits once the request is read, and tells of a disconnect when the answer is complete or when
the test says that the client left.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import anyio

from garrison import harden
from garrison.asgi.onion import Onion
from garrison.core.layer import Layer
from garrison.testing import testing_policy

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[Any]]
Headers = Sequence[tuple[bytes, bytes]]

HOST = (b"host", b"testserver")
EMPTY: Message = {"type": "http.request", "body": b"", "more_body": False}
_ENDS = frozenset({"websocket.close", "http.response.pathsend", "http.response.zerocopysend"})
PATIENCE = 10.0
"""Seconds after which a test that hangs fails."""


def http_scope(method: str = "GET", path: bytes = b"/", headers: Headers = (), **more: Any) -> Message:
    """A request's scope as uvicorn makes it. A `host` among `headers` replaces the usual one."""
    lines = list(headers) if any(name == b"host" for name, _ in headers) else [HOST, *headers]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": unquote(path.decode("latin-1")),
        "raw_path": path,
        "query_string": b"",
        "root_path": "",
        "headers": lines,
        "client": ("203.0.113.9", 40000),
        "server": ("127.0.0.1", 8443),
        "state": {},
        **more,
    }


def websocket_scope(path: bytes = b"/", headers: Headers = (), *, denial: bool = True, **more: Any) -> Message:
    """A handshake's scope, of the own page unless `headers` say otherwise."""
    lines = list(headers) or [(b"origin", b"https://testserver")]
    scope = http_scope("GET", path, lines, scheme="wss", subprotocols=[], **more)
    del scope["method"]
    extensions: dict[str, Any] = {"websocket.http.response": {}} if denial else {}
    return {**scope, "type": "websocket", "extensions": extensions}


def request_body(*chunks: bytes) -> list[Message]:
    """The messages of a body that arrives in `chunks`."""
    last = len(chunks) - 1
    return [{"type": "http.request", "body": part, "more_body": at < last} for at, part in enumerate(chunks)]


@dataclass
class Driven:
    """What went out, what came back, and how the application ended."""

    sent: list[Message] = field(default_factory=list)
    returned: object = None
    raised: BaseException | None = None
    unread: int = 0

    def starts(self) -> list[Message]:
        return [one for one in self.sent if one["type"] in {"http.response.start", "websocket.http.response.start"}]

    @property
    def status(self) -> int:
        (start,) = self.starts()
        return int(start["status"])

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        (start,) = self.starts()
        return [(bytes(name), bytes(value)) for name, value in start.get("headers", ())]

    def values(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]

    @property
    def body(self) -> bytes:
        return b"".join(one.get("body", b"") for one in self.sent if one["type"].endswith("response.body"))

    @property
    def complete(self) -> bool:
        """Exactly one whole answer went out."""
        ends = [one for one in self.sent if one["type"].endswith("response.body") and not one.get("more_body", False)]
        return len(self.starts()) == 1 and len(ends) == 1


async def drive(
    app: Any, scope: Message, incoming: Iterable[Message] = (EMPTY,), *, leaves: int | None = None
) -> Driven:
    """Run `app` once. `leaves`: the client goes after `incoming` and so many sent messages. Keeps exceptions."""
    driven, waiting, over = Driven(), [dict(one) for one in incoming], asyncio.Event()
    if leaves == 0:
        over.set()
    gone = "http.disconnect" if scope["type"] == "http" else "websocket.disconnect"

    async def receive() -> Message:
        if waiting:
            await asyncio.sleep(0)
            return waiting.pop(0)
        await over.wait()
        return {"type": gone} if scope["type"] == "http" else {"type": gone, "code": 1005, "reason": ""}

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        driven.sent.append(message)
        if len(driven.sent) == leaves or _is_end(message):
            over.set()

    with anyio.fail_after(PATIENCE):
        try:
            driven.returned = await app(scope, receive, send)
        except Exception as error:  # the server would log it; the test judges it
            driven.raised = error
    driven.unread = len(waiting)
    return driven


def _is_end(message: Message) -> bool:
    kind: str = message["type"]
    return kind in _ENDS or (kind.endswith("response.body") and not message.get("more_body", False))


def hardened(app: Any, *layers: Layer | Callable[..., Any], **policy: Any) -> Onion:
    """`app` behind the testing policy with `policy` laid over it, and `layers` after the built-in ones."""
    return harden(app, testing_policy(**policy), layers=layers)


def claimed(app: Onion) -> frozenset[bytes]:
    """Response headers that belong to Garrison in the default route class."""
    return frozenset(name for layer in app.doors[0].stack.layers for name in layer.claims)


def without(messages: Sequence[Message], names: frozenset[bytes]) -> list[Message]:
    """`messages`, their starts without the headers `names`."""
    kept = []
    for message in messages:
        if message["type"] == "http.response.start":
            headers = [(n.lower(), v) for n, v in message.get("headers", ()) if n.lower() not in names]
            message = {**message, "headers": headers}
        kept.append(message)
    return kept


async def both(
    app: Any, scope: Message, incoming: Sequence[Message] = (EMPTY,), *, leaves: int | None = None, **policy: Any
) -> tuple[Driven, Driven]:
    """`app` driven bare and hardened, the claimed headers taken out of both records."""
    onion = hardened(app, **policy)
    bare = await drive(app, copy.deepcopy(scope), incoming, leaves=leaves)
    behind = await drive(onion, copy.deepcopy(scope), incoming, leaves=leaves)
    names = claimed(onion)
    bare.sent, behind.sent = without(bare.sent, names), without(behind.sent, names)
    return bare, behind


def assert_same(bare: Driven, behind: Driven) -> None:
    """The application did and said the same."""
    assert behind.sent == bare.sent
    assert behind.returned == bare.returned
    assert type(behind.raised) is type(bare.raised)
    assert str(behind.raised) == str(bare.raised)
    assert behind.unread == bare.unread
