"""What a WebSocket message costs: received and echoed, through Garrison against the application alone.

In process, over an application that echoes, 100 bytes of text each way on one accepted connection: size and rate are
measured on receiving, nothing on sending. The limit is out of reach. A refusal is tried first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

from garrison import harden

from .asgi import ORIGIN, App, Message, Request, scope_of
from .contenders import NotRefused, policy
from .harness import Result, Size, interleave, middle_half, result

_TEXT = "x" * 100
_LIMIT = 1_000
_RATE = "100000000/second"


def measure(size: Size) -> list[Result]:
    hardened = harden(_echo, policy(websocket={"message": _LIMIT, "messages": _RATE}))
    loop = asyncio.new_event_loop()
    try:
        if _ask(loop, hardened, "x" * (_LIMIT + 1)) != "websocket.close":
            raise NotRefused("a message above the limit was let through")
        samples = interleave({"alone": _batch(loop, _echo), "garrison": _batch(loop, hardened)}, size)
    finally:
        loop.close()
    added = samples.each(lambda ours, alone: (ours - alone) * 1e6, "garrison", "alone")
    versus = f"added per message and its echo; alone {samples.microseconds('alone'):.3g} us"
    return [result("websocket_message", median(added), "us", versus=versus, spread=middle_half(added))]


async def _echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def _scope() -> dict[str, Any]:
    request = Request(path="/live", extra=((b"origin", ORIGIN.encode()),))
    scope = scope_of(replace(request, drop=frozenset({b"content-length"})))
    del scope["method"]
    return {**scope, "type": "websocket", "scheme": "wss", "subprotocols": []}


def _batch(loop: asyncio.AbstractEventLoop, app: App) -> Callable[[int], None]:
    """`batch(n)`: one connection with n messages. Connecting is shared out among them."""

    async def connection(count: int) -> None:
        left = count
        message: Message = {"type": "websocket.receive", "text": _TEXT}

        async def receive() -> Message:
            nonlocal left
            left -= 1
            if left == count - 1:
                return {"type": "websocket.connect"}
            return message if left >= 0 else {"type": "websocket.disconnect", "code": 1000}

        async def send(message: Message) -> None:
            pass

        await app(_scope(), receive, send)

    return lambda count: loop.run_until_complete(connection(count))


def _ask(loop: asyncio.AbstractEventLoop, app: App, text: str) -> str:
    """The type of the last message sent when `text` was received."""
    sent: list[str] = []
    incoming = [{"type": "websocket.receive", "text": text}, {"type": "websocket.connect"}]

    async def receive() -> Message:
        return incoming.pop() if incoming else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    loop.run_until_complete(app(_scope(), receive, send))
    return sent[-1]
