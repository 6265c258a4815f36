"""The request body on its way to the application: counted, judged, decoded, and replayed where a layer looked ahead.

Raising from `receive` is not enough to refuse a body: frameworks turn the exception into an answer of their own, or
have begun one. So the verdict is remembered, the answer is given by us, and the application only learns that the
client is gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from ..core.verdict import Mode, Reason, Refuse
from ..layers.size import Decoder
from .types import Message, Receive

Check = tuple[str, Mode, Callable[[bytes], Refuse | None]]
DISCONNECT: Message = {"type": "http.disconnect"}


class Body:
    """A `receive` for the application. `on_refuse` is awaited once, at the first refusal that is enforced."""

    __slots__ = ("_checks", "_decoder", "_note", "_on_refuse", "_receive", "_replay", "refused")

    def __init__(
        self,
        receive: Receive,
        checks: Sequence[Check],
        decoder: Decoder | None,
        on_refuse: Callable[[Refuse], Awaitable[None]],
        note: Callable[[Refuse, Mode], None],
    ) -> None:
        self._receive = receive
        self._checks = list(checks)
        self._decoder = decoder
        self._on_refuse = on_refuse
        self._note = note
        self._replay: deque[Message] = deque()
        self.refused = False

    async def __call__(self) -> Message:
        if self.refused:
            return DISCONNECT
        if self._replay:
            return self._replay.popleft()
        return await self._next()

    async def prefix(self, limit: int) -> tuple[bytes, bool]:
        """Up to `limit` bytes of the decoded body and whether that is all of it; the application still gets them."""
        seen, complete = bytearray(), False
        while len(seen) < limit and not complete and not self.refused:
            message = await self._next()
            self._replay.append(message)
            if message["type"] != "http.request":
                break
            seen += message.get("body", b"")
            complete = not message.get("more_body", False)
        return bytes(seen[:limit]), complete and len(seen) <= limit

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        chunk: bytes = message.get("body", b"")
        refusal = self._judge(chunk)
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
        await self._on_refuse(refusal)
        return DISCONNECT

    def _judge(self, chunk: bytes) -> Refuse | None:
        for check in tuple(self._checks):
            layer, mode, judge = check
            try:
                refusal = judge(chunk)
            except Exception as error:  # noqa: BLE001  # a guard that breaks is a closed door, whatever broke it
                return Refuse(Reason.LAYER_FAILED, 503, layer=layer, detail=type(error).__name__)
            if refusal is None:
                continue
            if mode is Mode.ENFORCE:
                return refusal
            self._note(refusal, mode)
            self._checks.remove(check)  # say it once per request
        return None
