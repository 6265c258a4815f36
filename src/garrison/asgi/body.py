"""The request body on its way to the application: counted, judged, decoded, and replayed where a layer looked ahead.

Raising from `receive` is not enough to refuse a body: frameworks turn the exception into an answer of their own, or
have begun one. So the verdict is remembered, the answer is given by us, and the application only learns that the
client is gone.

A refused body is not read to its end here, and no `Connection: close` is sent: servers discard what is left, and
closing while a client still sends can cost it our answer (RFC 9112 section 9.6).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from ..core.exchange import Exchange
from ..core.verdict import Mode, Refuse
from ..layers.size import Decoder
from . import record
from .types import Message, Receive

Check = tuple[str, Mode, Callable[[bytes], Refuse | None]]
OnRefuse = Callable[[Refuse], Awaitable[None]]
"""Awaited once, at the first refusal of a body that is enforced."""


def expect(said: object, *kinds: type) -> None:
    """Raise TypeError when what a layer said is none of `kinds`: nobody knows what it was meant to be."""
    if not isinstance(said, kinds):
        raise TypeError(f"a layer must say None or a verdict, and said {type(said).__name__}")


class Judges:
    """The checks of one body or connection of `exchange`, whose route class is called `route`."""

    __slots__ = ("_checks", "_exchange", "_route")

    def __init__(self, checks: Sequence[Check], exchange: Exchange, route: str) -> None:
        self._checks = checks
        self._exchange = exchange
        self._route = route

    def judge(self, chunk: bytes) -> Refuse | None:
        """The first refusal of `chunk` that is enforced. What is monitored is noted once per check."""
        for check in self._checks:
            layer, mode, look = check
            try:
                refusal = look(chunk)
                if refusal is not None:
                    expect(refusal, Refuse)
            except Exception as error:  # noqa: BLE001  # a guard that breaks is a closed door, whatever broke it
                return record.failed(self._exchange.services.emit, self._exchange.facts, layer, error, self._route)
            if refusal is None:
                continue
            if mode is Mode.ENFORCE:
                return refusal
            record.refused(self._exchange.services.emit, self._exchange.facts, refusal, mode, self._route)
            self._checks = [one for one in self._checks if one is not check]
        return None


class Body:
    """What the application receives.

    Whoever asks brings `on_refuse`. Kept here, it would close a circle with the answer that asks, and everything that
    belongs to a request with a body would wait for the garbage collector.
    """

    __slots__ = ("_decoder", "_judge", "_receive", "_replay", "refused")

    def __init__(self, receive: Receive, judges: Judges, decoder: Decoder | None) -> None:
        self._receive = receive
        self._judge = judges.judge
        self._decoder = decoder
        self._replay: deque[Message] = deque()
        self.refused = False

    def next(self, on_refuse: OnRefuse) -> Awaitable[Message]:
        """The next message; most come by way of one coroutine only."""
        return self._again() if self.refused or self._replay else self._next(on_refuse)

    async def _again(self) -> Message:
        return {"type": "http.disconnect"} if self.refused else self._replay.popleft()

    async def prefix(self, limit: int, on_refuse: OnRefuse) -> tuple[bytes, bool]:
        """Up to `limit` bytes of the decoded body and whether that is all of it; the application still gets them.

        Several layers may ask, one after the other: what was read for one is there for the next.
        """
        seen, open_ended = bytearray(), True
        for message in self._replay:
            open_ended = _take(message, seen)
        while open_ended and len(seen) < limit and not self.refused:
            message = await self._next(on_refuse)
            self._replay.append(message)
            open_ended = _take(message, seen)
        whole = not open_ended and self._replay[-1]["type"] == "http.request"
        return bytes(seen[:limit]), whole and len(seen) <= limit

    async def _next(self, on_refuse: OnRefuse) -> Message:
        receive, judge = self._receive, self._judge
        message = await receive()
        if message["type"] != "http.request":
            return message
        chunk: bytes = message.get("body", b"")
        refusal = judge(chunk)
        if refusal is None and self._decoder is not None:
            decoded = self._decoder.feed(chunk, not message.get("more_body", False))
            if isinstance(decoded, Refuse):
                refusal = decoded
            else:
                message = {**message, "body": b"".join(decoded)}
        if refusal is None:
            return message
        self.refused = True
        self._replay.clear()
        await on_refuse(refusal)
        return {"type": "http.disconnect"}


def _take(message: Message, seen: bytearray) -> bool:
    """Add the message's part of the body to `seen`. False when nothing follows it."""
    if message["type"] != "http.request":
        return False
    seen += message.get("body", b"")
    return bool(message.get("more_body", False))
