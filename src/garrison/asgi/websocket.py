"""WebSocket connections: the handshake is judged like a request, then each message is measured.

Passing a message costs one comparison of its length and one subtraction for the rate; both are per connection.
"""

from __future__ import annotations

from typing import Any

from ..core.exchange import Exchange
from ..core.names import STATE_KEY
from ..core.verdict import Answer, Mode, Reason, Refuse
from ..layers.websocket import Meter
from . import record
from .door import Door
from .dress import AmendFailed, dress
from .judge import Stands, judge, resolve_principal
from .types import App, Message, Receive, Scope, Send

_DENIAL = "websocket.http.response"


async def serve_websocket(app: App, door: Door, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> Any:
    """Judge the handshake, then run `app` with guarded `receive` and `send`."""
    verdict = await _judge_handshake(door, exchange)
    if verdict is not None:
        await _deny(door, exchange, scope, receive, send, verdict)
        return None
    connection = _Connection(door, exchange, scope, receive, send)
    inner = {**scope, "state": {**scope.get("state", {}), STATE_KEY: exchange}}
    try:
        return await app(inner, connection.receive, connection.send)
    except Exception as error:
        if connection.closed:
            return None  # we closed it: what the application raised is an echo of that
        record.unhandled(exchange.services.emit, exchange.facts, error, door.name)
        raise


async def _judge_handshake(door: Door, exchange: Exchange) -> Stands:
    facts = exchange.facts
    verdict = await judge(door, door.stack.gate, facts, exchange)
    if verdict is None and exchange.services.principal is not None:
        verdict = await resolve_principal(door, facts, exchange)
    if verdict is None and door.stack.admits:
        verdict = await judge(door, door.stack.admits, facts, exchange)
    return verdict


async def _deny(
    door: Door, exchange: Exchange, scope: Scope, receive: Receive, send: Send, verdict: Refuse | Answer
) -> None:
    """Refuse the handshake: with a full HTTP answer where the server can (denial response extension), else 403."""
    facts = exchange.facts
    if isinstance(verdict, Answer):
        verdict = Refuse(Reason.METHOD_NOT_ALLOWED, 400)
    record.refused(exchange.services.emit, facts, verdict, Mode.ENFORCE, door.name)
    await receive()  # websocket.connect: servers expect it to be taken before an answer
    if _DENIAL not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": verdict.close})
        return
    headers, body = door.render.render(
        verdict.status,
        reason=verdict.reason,
        accept=facts.headers.get(b"accept", b""),
        request_id=facts.request_id,
        hint=verdict.hint,
        retry_after=verdict.retry_after,
        method="GET",
    )
    dressed = _dressed(door, exchange, verdict.status, [*headers, *verdict.headers])
    await send({"type": f"{_DENIAL}.start", "status": verdict.status, "headers": dressed})
    await send({"type": f"{_DENIAL}.body", "body": body})


def _dressed(
    door: Door, exchange: Exchange, status: int, headers: list[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    try:
        return dress(door.stack, exchange, status, headers, ours=True)
    except AmendFailed as failure:
        # The answer is a refusal already: it goes out without the failed layer's headers, and loudly.
        cause = failure.__cause__ or failure
        record.layer_failed(exchange.services.emit, exchange.facts, failure.layer, cause, door.name)
        return headers


class _Connection:
    """The application's `receive` and `send` for one accepted connection."""

    __slots__ = ("_door", "_exchange", "_meter", "_mode", "_receive", "_send", "closed")

    def __init__(self, door: Door, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        self._door = door
        self._exchange = exchange
        self._receive = receive
        self._send = send
        section = door.policy.websocket
        self._mode = section.mode
        self._meter = None if section.mode is Mode.OFF else Meter(section, exchange.services.clock.monotonic)
        self.closed = False

    async def receive(self) -> Message:
        if self.closed:
            return {"type": "websocket.disconnect", "code": 1008, "reason": ""}
        message = await self._receive()
        if self._meter is None or message["type"] != "websocket.receive":
            return message
        refusal = self._meter.judge(message.get("text"), message.get("bytes"))
        if refusal is None:
            return message
        emit, facts = self._exchange.services.emit, self._exchange.facts
        record.refused(emit, facts, refusal, self._mode, self._door.name)
        if self._mode is not Mode.ENFORCE:
            return message
        await self._send({"type": "websocket.close", "code": refusal.close, "reason": refusal.hint})
        self.closed = True
        return {"type": "websocket.disconnect", "code": refusal.close, "reason": ""}

    async def send(self, message: Message) -> None:
        if self.closed:
            return
        if message["type"] == f"{_DENIAL}.start":
            headers = list(message.get("headers", ()))
            message = {**message, "headers": _dressed(self._door, self._exchange, message["status"], headers)}
        elif message["type"] == "websocket.accept" and self._exchange.cookies:
            cookies = [(b"set-cookie", line) for line in self._exchange.cookies]
            message = {**message, "headers": [*message.get("headers", ()), *cookies]}
        await self._send(message)
