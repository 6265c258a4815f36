"""A guard around an application that can't ask by itself: mounted files, other people's applications, plain routes.

It asks before a byte of the application runs. Assumption: the whole is behind `harden`; without it there is nobody to
ask about, and every request is an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..core.exchange import Exchange
from ..core.names import STATE_KEY
from ..core.verdict import Mode, Refuse
from . import record
from .types import App, Receive, Scope, Send


class Guarded:
    """`app`, once `judge(exchange)` has nothing to say. `garrison_access` is what it declares to the start-up check."""

    def __init__(self, app: App, judge: Callable[[Exchange], Awaitable[Refuse | None]], access: object) -> None:
        self.app = app
        self.garrison_access = access
        self._judge = judge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] not in {"http", "websocket"}:
            return await self.app(scope, receive, send)
        exchange: Exchange | None = scope.get("state", {}).get(STATE_KEY)
        if exchange is None:
            raise RuntimeError("This application is not behind Garrison: serve `harden(app)` instead of `app`.")
        refusal = await self._judge(exchange)
        if refusal is None:
            return await self.app(scope, receive, send)
        return await _refuse(exchange, refusal, scope, receive, send)


async def _refuse(exchange: Exchange, refusal: Refuse, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        record.refused(exchange.services.emit, exchange.facts, refusal, Mode.ENFORCE, "")
        await receive()
        await send({"type": "websocket.close", "code": refusal.close, "reason": refusal.hint})
        return
    exchange.refuse(refusal)
    # The onion puts the refusal in place of this; servers and middleware in between want an answer.
    await send({"type": "http.response.start", "status": refusal.status, "headers": [*refusal.headers]})
    await send({"type": "http.response.body", "body": b""})
