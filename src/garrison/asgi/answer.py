"""The answer on its way out: dressed, held where it may leak, or given by us in the application's place."""

from __future__ import annotations

from collections.abc import Awaitable

from ..core.exchange import Exchange
from ..core.headers import RawHeaders
from ..core.verdict import Answer, Mode, Refuse
from . import record
from .body import Body
from .door import Door
from .dress import AmendFailed, dress, dress_plainly
from .held import Held
from .types import Message, Receive, Send


class Answering:
    """A `send` for the application, and the only one that answers in its place; and a `receive` that knows of it.

    `muted` is true once we answered: what the application sends then goes nowhere. `started` tells whether a response
    has begun on the wire. `cut` is true once the application was told that its client is gone: what it raises then is
    an echo of that. `body` is what `receive` asks, where the body is guarded.
    """

    __slots__ = ("_door", "_exchange", "_held", "_receive", "_send", "body", "cut", "muted", "started")

    def __init__(self, door: Door, exchange: Exchange, receive: Receive, send: Send) -> None:
        self._door = door
        self._exchange = exchange
        self._send = send
        self._receive = receive
        self.body: Body | None = None
        self._held: Held | None = None
        self.cut = False
        self.muted = False
        self.started = False

    def send(self, message: Message) -> Awaitable[None]:
        """The application's `send`. Messages Garrison does not know pass unchanged.

        Returns the awaitable of whoever takes the message on, mostly the server's own: a coroutine of ours around it
        would cost more than this.
        """
        if self.muted:
            return _nothing()
        if message["type"] == "http.response.start":
            if self._exchange.refusal is not None:
                return self.give(self._exchange.refusal)
            if message["status"] in self._door.hold:
                self._held = Held(message)
                return _nothing()
            return self._begin(message)
        if self._held is None:
            send = self._send
            return send(message)
        return self._keep(self._held, message)

    def receive(self) -> Awaitable[Message]:
        """The application's `receive`.

        A 500 is held until the application returns. One that goes on to listen may wait for its client to leave, and
        the client for the answer: so it is let go.
        """
        if self._held is not None and self._held.start["status"] == 500:
            return self._release_and_receive(self._held)
        receive = self._receive
        return receive() if self.body is None else self.body.next(self.cut_off)

    async def _release_and_receive(self, held: Held) -> Message:
        await self._release(held)
        return await self.receive()

    async def give(self, verdict: Refuse | Answer) -> None:
        """Answer in the application's place. Once a response has begun nothing can be said: it is cut."""
        self.muted = True
        self._held = None
        if isinstance(verdict, Answer):
            await self._whole(verdict.status, list(verdict.headers), verdict.body)
            return
        emit, facts = self._exchange.services.emit, self._exchange.facts
        record.refused(emit, facts, verdict, Mode.ENFORCE, self._door.name, self._exchange)
        if not self.started:
            await self._whole(verdict.status, *self._door.refusal(verdict, facts))

    async def cut_off(self, refusal: Refuse) -> None:
        """Refuse while the application is reading the body."""
        self.cut = True
        if not self.muted:
            await self.give(refusal)

    async def crashed(self, error: Exception) -> None:
        """The application raised: record it, and answer with a plain 500 unless an answer has begun."""
        facts = self._exchange.facts
        record.unhandled(self._exchange.services.emit, facts, error, self._door.name, self._exchange)
        unanswered = not self.started and not self.muted
        self._held = None
        self.muted = True
        if unanswered:
            await self._whole(500, *self._door.crash(facts))

    async def finish(self) -> None:
        """The application returned: let go of what was held."""
        if self.muted or self.started:
            return
        if self._exchange.refusal is not None:
            await self.give(self._exchange.refusal)
        elif self._held is not None:
            await self._release(self._held)

    def _begin(self, message: Message) -> Awaitable[None]:
        try:
            headers = dress(self._door.stack, self._exchange, message["status"], message.get("headers", ()))
        except AmendFailed as failure:
            return self._undressed(failure)
        self.started = True
        send = self._send
        return send({**message, "headers": headers})

    async def _undressed(self, failure: AmendFailed) -> None:
        """A layer failed on the answer: close the door with the headers that can't fail."""
        self.muted = True
        emit, facts = self._exchange.services.emit, self._exchange.facts
        shut = record.failed(emit, facts, failure.layer, failure.cause, self._door.name)
        headers, body = self._door.refusal(shut, facts)
        await self._transmit(shut.status, dress_plainly(self._door.stack, headers), body)

    async def _whole(self, status: int, headers: RawHeaders, body: bytes) -> None:
        if status not in {204, 304} and not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", b"%d" % len(body)))
        try:
            dressed = dress(self._door.stack, self._exchange, status, headers, ours=True)
        except AmendFailed as failure:
            await self._undressed(failure)
            return
        await self._transmit(status, dressed, body)

    async def _transmit(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self.started = True
        if self._exchange.facts.method == "HEAD":
            body = b""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _keep(self, held: Held, message: Message) -> None:
        """Keep a part of a held answer; let go when waiting gains nothing, or when it is not a plain body."""
        if message["type"] == "http.response.body":
            if held.keep(message):
                await self._release(held)
            return
        await self._release(held)
        if not self.muted:
            await self._send(message)

    async def _release(self, held: Held) -> None:
        self._held = None
        replaced = held.without_input(self._exchange.request_id)
        await self._begin(held.start)
        for part in held.body:
            if not self.muted:
                await self._send(part)
        self.muted = self.muted or replaced  # more of a body that was replaced must not follow


async def _nothing() -> None:
    """What sending comes to when nothing is sent."""
