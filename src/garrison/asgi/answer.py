"""The answer on its way out: dressed, held where it may leak, or given by us in the application's place."""

from __future__ import annotations

from typing import Any

from ..core.exchange import Exchange
from ..core.verdict import Answer, Mode, Reason, Refuse
from ..layers.errors import safe_validation
from . import record
from .door import Door
from .dress import AmendFailed, dress, dress_plainly
from .types import Message, Send

HOLD_LIMIT = 64 * 1024
"""Bytes of a 422 or 500 kept back while it is decided whether they may go out. Beyond it: see `_overflow`."""
_VALIDATION_SHAPE = b'{"detail":[{'


class Answering:
    """A `send` for the application, and the only one that answers in its place.

    `muted` is true once we answered: what the application sends then goes nowhere. `started` tells whether a response
    has begun on the wire.
    """

    __slots__ = ("_body", "_door", "_exchange", "_held", "_send", "_size", "muted", "started")

    def __init__(self, door: Door, exchange: Exchange, send: Send) -> None:
        self._door = door
        self._exchange = exchange
        self._send = send
        self._held: Message | None = None
        self._body: list[Message] = []
        self._size = 0
        self.muted = False
        self.started = False

    async def send(self, message: Message) -> None:
        """The application's `send`. Messages Garrison does not know pass unchanged."""
        if self.muted:
            return
        kind = message["type"]
        if kind == "http.response.start":
            if self._exchange.refusal is not None:
                await self.give(self._exchange.refusal)
            elif message["status"] in self._door.hold:
                self._held = message
            else:
                await self._begin(message)
        elif self._held is None:
            await self._send(message)
        else:
            await self._keep(message)

    async def give(self, verdict: Refuse | Answer) -> None:
        """Answer in the application's place. Once a response has begun nothing can be said: it is cut."""
        self.muted = True
        if isinstance(verdict, Answer):
            await self._whole(verdict.status, list(verdict.headers), verdict.body)
            return
        record.refused(self._exchange.services.emit, self._exchange.facts, verdict, Mode.ENFORCE, self._door.name)
        if not self.started:
            headers, body = self._render(verdict)
            await self._whole(verdict.status, headers, body)

    async def crashed(self, error: Exception) -> None:
        """The application raised: record it, and answer with a plain 500 unless an answer has begun."""
        facts = self._exchange.facts
        record.unhandled(self._exchange.services.emit, facts, error, self._door.name)
        self._held = None
        self.muted = True
        if self.started:
            return
        if self._door.safe_errors:
            headers, body = self._render(Refuse(Reason.LAYER_FAILED, 500), reason="internal-error")
        else:
            headers, body = [(b"content-type", b"text/plain; charset=utf-8")], b"Internal Server Error"
        await self._whole(500, headers, body)

    async def finish(self) -> None:
        """The application returned: let go of what was held."""
        if self._held is not None and not self.muted:
            await self._release()

    async def _begin(self, message: Message) -> None:
        status = message["status"]
        try:
            headers = dress(self._door.stack, self._exchange, status, message.get("headers", ()))
        except AmendFailed as failure:
            await self._undressed(failure)
            return
        self.started = True
        await self._send({**message, "headers": headers})

    async def _undressed(self, failure: AmendFailed) -> None:
        """A layer failed on the answer: close the door with the headers that can't fail."""
        self.muted = True
        cause = failure.__cause__ or failure
        emit, facts = self._exchange.services.emit, self._exchange.facts
        record.layer_failed(emit, facts, failure.layer, cause, self._door.name)
        headers, body = self._render(Refuse(Reason.LAYER_FAILED, 503))
        await self._transmit(503, dress_plainly(self._door.stack, headers), body)

    async def _whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        if not any(name == b"content-length" for name, _ in headers) and status not in {204, 304}:
            headers.append((b"content-length", str(len(body)).encode("ascii")))
        try:
            dressed = dress(self._door.stack, self._exchange, status, headers, ours=True)
        except AmendFailed as failure:
            await self._undressed(failure)
            return
        await self._transmit(status, dressed, body)

    async def _transmit(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.started = True
        if self._exchange.facts.method == "HEAD":
            body = b""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _render(self, refusal: Refuse, *, reason: str = "") -> tuple[list[tuple[bytes, bytes]], bytes]:
        facts = self._exchange.facts
        headers, body = self._door.render.render(
            refusal.status,
            reason=reason or refusal.reason,
            accept=facts.headers.get(b"accept", b""),
            request_id=facts.request_id,
            hint=refusal.hint,
            retry_after=refusal.retry_after,
            method=facts.method,
        )
        headers += (*refusal.headers, (b"x-request-id", facts.request_id.encode("ascii")))
        return headers, body

    async def _keep(self, message: Message) -> None:
        """Keep a part of a held answer; let go when it grows too large or is not a plain body."""
        if message["type"] != "http.response.body":
            await self._release()
            await self._send(message)
            return
        self._body.append(message)
        self._size += len(message.get("body", b""))
        if self._size > HOLD_LIMIT:
            await self._overflow()
        elif self._held is not None and self._held["status"] == 422 and not message.get("more_body", False):
            await self._release()

    async def _overflow(self) -> None:
        """Too large to examine: a validation answer of this size echoes its input, anything else streams on."""
        held = self._held
        if held is not None and held["status"] == 422 and _may_echo(held, self._body):
            headers, body = self._render(Refuse(Reason.BODY_MALFORMED, 422), reason="validation")
            self._held = None
            self.muted = True
            await self._whole(422, headers, body)
        else:
            await self._release(as_it_is=True)

    async def _release(self, *, as_it_is: bool = False) -> None:
        held, body = self._held, self._body
        self._held, self._body, self._size = None, [], 0
        if held is None:
            return
        if held["status"] == 422 and not as_it_is and _is_json(held):
            safe = safe_validation(_joined(body), self._exchange.request_id, encoding=_encoding(held))
            if safe is not None:
                held = {**held, "headers": _problem_headers(held, len(safe))}
                body = [{"type": "http.response.body", "body": safe}]
        await self._begin(held)
        for message in body:
            if not self.muted:
                await self._send(message)


def _joined(messages: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)


def _may_echo(start: Message, body: list[Message]) -> bool:
    """Whether a 422 that is too large to examine looks like FastAPI's; an encoded one can't be looked at."""
    return _is_json(start) and (bool(_encoding(start)) or _joined(body).startswith(_VALIDATION_SHAPE))


def _encoding(start: Message) -> bytes:
    for name, value in start.get("headers", ()):
        if name.lower() == b"content-encoding":
            encoding: bytes = value
            return encoding
    return b""


def _is_json(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.lower().startswith(b"application/json")
        for name, value in start.get("headers", ())
    )


def _problem_headers(start: Message, length: int) -> list[tuple[Any, Any]]:
    replaced = {b"content-type", b"content-length", b"content-encoding"}
    kept = [pair for pair in start.get("headers", ()) if pair[0].lower() not in replaced]
    return [
        *kept,
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(length).encode("ascii")),
    ]
