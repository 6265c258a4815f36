"""Requests that could not even be read into `Facts`: the door stays closed, without any layer's help.

Servers hand over what the ASGI specification says, so this is for servers that don't. What clients send malformed is
readable all the same, and refused or passed by the layers.
"""

from __future__ import annotations

from ..core.ports import Emit
from . import record
from .door import Door
from .dress import dress_plainly
from .types import Receive, Send

_BODY = b"The request could not be read."
_CLOSE = 1008


async def refuse_unread(door: Door, emit: Emit, error: Exception, kind: str, receive: Receive, send: Send) -> None:
    """A plain 400 with the headers that depend on the policy alone; for a WebSocket, no connection."""
    record.failed(emit, None, "facts", error, door.name)
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": _CLOSE})
        return
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_BODY))]
    await send({"type": "http.response.start", "status": 400, "headers": dress_plainly(door.stack, plain)})
    await send({"type": "http.response.body", "body": _BODY})
