"""WebSocket connections: the handshake is judged like a request, then each message is measured.

Whoever refuses a handshake, the answer carries the headers of every answer where the server has the denial response:
the layers' refusals, the application's own, and the 500 of one that raised or returned without a word. Lets pass: the
bare answers of a server without that extension.

Passing a message costs one comparison of its length and one subtraction for the rate; both are per connection. Layers
that `watch` are asked about each message too, as bytes.
"""

from __future__ import annotations

from typing import Any

from ..core.exchange import Exchange
from ..core.headers import RawHeaders
from ..core.verdict import Answer, Mode, Reason, Refuse
from ..layers.websocket import Meter
from . import record
from .ahead import watchers
from .body import Judges
from .door import Door
from .dress import AmendFailed, dress, dress_plainly
from .inner import inner_scope
from .judge import let_in, settled
from .types import App, Message, Receive, Scope, Send

_DENIAL = "websocket.http.response"
_ABNORMAL = 1008
_NEVER_OPEN = 1006
_SET_COOKIE = b"set-cookie"


async def serve_websocket(app: App, door: Door, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> Any:
    """Judge the handshake, then run `app` with guarded `receive` and `send`."""
    verdict = await settled(let_in(door, exchange.facts, exchange))
    checks = watchers(door, exchange) if verdict is None else ()
    if isinstance(checks, Refuse):
        verdict = checks
    connection = _Connection(door, exchange, scope, receive, send)
    if verdict is not None:
        await receive()  # websocket.connect: servers expect it to be taken before an answer
        await connection.deny(_as_refusal(verdict))
        return None
    connection.watch = Judges(checks, exchange, door.name) if checks and not isinstance(checks, Refuse) else None
    inner = inner_scope(scope, exchange)
    try:
        result = await app(inner, connection.receive, connection.send)
    except Exception as error:
        if connection.closed or await connection.refuse_within():
            return None  # we closed it: what the application raised is an echo of that
        record.unhandled(exchange.services.emit, exchange.facts, error, door.name)
        await connection.crash()
        raise
    if not await connection.refuse_within():
        await connection.crash()
    return result


def _as_refusal(verdict: Refuse | Answer) -> Refuse:
    """A handshake can't be answered in the application's place, only refused."""
    return verdict if isinstance(verdict, Refuse) else Refuse(Reason.METHOD_NOT_ALLOWED, 400)


class _Connection:
    """The application's `receive` and `send` for one connection. `closed` is true once we refused or closed it.

    `_answered` is true once the handshake has its answer, `_declined` where that was the application's refusal,
    `_ended` once the application closed.
    """

    __slots__ = (
        "_answered",
        "_can_deny",
        "_declined",
        "_door",
        "_ended",
        "_exchange",
        "_meter",
        "_mode",
        "_receive",
        "_send",
        "closed",
        "watch",
    )

    def __init__(self, door: Door, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        self._door = door
        self._exchange = exchange
        self._can_deny = _DENIAL in (scope.get("extensions") or {})
        self._receive = receive
        self._send = send
        section = door.policy.websocket
        self._mode = section.mode
        self._meter = None if section.mode is Mode.OFF else Meter(section, exchange.services.clock.monotonic)
        self._answered = self._declined = self._ended = False
        self.watch: Judges | None = None
        self.closed = False

    async def receive(self) -> Message:
        if self.closed:
            return {"type": "websocket.disconnect", "code": _ABNORMAL, "reason": ""}
        if self._declined:
            return {"type": "websocket.disconnect", "code": _NEVER_OPEN, "reason": ""}
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._answered = self._answered or message["type"] == "websocket.disconnect"  # nobody is left to answer
            return message
        refusal = self._judge(message.get("text"), message.get("bytes"))
        if refusal is None or self._ended:
            return message
        self.closed = True  # before the next await: a sending task must not speak after the close
        self._record(refusal)
        await self._send({"type": "websocket.close", "code": refusal.close, "reason": refusal.hint})
        return {"type": "websocket.disconnect", "code": refusal.close, "reason": ""}

    def _judge(self, text: str | None, data: bytes | None) -> Refuse | None:
        """A refusal of this message that is enforced."""
        refusal = None if self._meter is None else self._meter.judge(text, data)
        if refusal is not None and self._mode is not Mode.ENFORCE:
            record.refused(self._exchange.services.emit, self._exchange.facts, refusal, self._mode, self._door.name)
            refusal = None
        if refusal is None and self.watch is not None:
            content = data if data is not None else (text or "").encode("utf-8", "surrogatepass")
            refusal = self.watch.judge(content)
        return refusal

    async def send(self, message: Message) -> None:
        if self.closed:
            return
        kind = message["type"]
        if kind == "websocket.send":
            await self._send(message)
            return
        if kind == "websocket.close":
            await self._close(message)
            return
        try:
            if kind == f"{_DENIAL}.start":
                if await self.refuse_within():
                    return
                dressed = self._dress(message["status"], message)
                message = {**message, "headers": dressed}
            elif kind == "websocket.accept":
                message = self._accept(message)
        except AmendFailed as failure:
            await self.deny(self._failed(failure))
            return
        self._answered = True
        await self._send(message)

    def _dress(self, status: int, message: Message) -> RawHeaders:
        return dress(self._door.stack, self._exchange, status, message.get("headers") or ())

    def _accept(self, message: Message) -> Message:
        """Cookies set with the handshake are cookies like others; headers for pages mean nothing on a 101."""
        given = message.get("headers") or ()
        if not given and not self._exchange.cookies:
            return message
        owned = self._door.stack.owned
        cookies = [pair for pair in self._dress(101, message) if pair[0] == _SET_COOKIE]
        rest = [(low, v) for name, v in given if (low := name.lower()) != _SET_COOKIE and low not in owned]
        return {**message, "headers": [*rest, *cookies]}

    async def _close(self, message: Message) -> None:
        """The application closes. Before it accepted that is a 403 (ASGI), which servers give without our headers."""
        self._ended = True
        refusal = self._exchange.refusal
        if self._answered and refusal is not None:
            self._record(refusal)
        elif await self.refuse_within():
            return
        elif not self._answered and self._can_deny:
            self._declined = True
            await self._answer(403, [(b"content-length", b"0")], b"")
            return
        self._answered = True
        await self._send(message)

    async def refuse_within(self) -> bool:
        """Answer a handshake that the application refused through the exchange. True when that was the answer."""
        refusal = self._exchange.refusal
        if refusal is None or self._answered:
            return False
        await self.deny(refusal)
        return True

    async def crash(self) -> None:
        """Answer a handshake that the application left without an answer: a 500 with the headers of every answer."""
        if self._answered or not self._can_deny:
            return
        headers, body = self._door.crash(self._exchange.facts)
        await self._answer(500, headers, body)

    async def deny(self, refusal: Refuse) -> None:
        """Refuse the handshake: with a full HTTP answer where the server can (denial response), else by its 403."""
        self.closed = True
        self._record(refusal)
        if self._can_deny:
            await self._answer(refusal.status, *self._door.refusal(refusal, self._exchange.facts))
            return
        self._answered = True
        await self._send({"type": "websocket.close", "code": refusal.close})

    def _record(self, refusal: Refuse) -> None:
        emit, facts = self._exchange.services.emit, self._exchange.facts
        record.refused(emit, facts, refusal, Mode.ENFORCE, self._door.name, self._exchange)

    async def _answer(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self._answered = True
        try:
            headers = dress(self._door.stack, self._exchange, status, headers, ours=True)
        except AmendFailed as failure:
            self._failed(failure)  # it is a refusal already: only loudly, and with the headers that can't fail
            headers = dress_plainly(self._door.stack, headers)
        await self._send({"type": f"{_DENIAL}.start", "status": status, "headers": headers})
        await self._send({"type": f"{_DENIAL}.body", "body": body})

    def _failed(self, failure: AmendFailed) -> Refuse:
        emit, facts = self._exchange.services.emit, self._exchange.facts
        return record.failed(emit, facts, failure.layer, failure.cause, self._door.name)
