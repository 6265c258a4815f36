"""WebSocket on one connection: uvicorn's websockets protocol with caps on what may wait and how slowly it may go.

Threat: messages without end (RFC 6455 section 10.4), messages in endless empty fragments, a flood of small messages in
one read, pings whose answers pile up because the peer does not read, peers that are gone without saying so. Assumption:
the application reads. Lets pass: a connection that stays silent and answers pings; that is what WebSockets are for.

Compression is off (`ws_per_message_deflate`): a small frame can't become a large one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from .progress import Progress
from .protocol_http import CLOSING

if TYPE_CHECKING:
    from .runtime import Runtime

_FRAGMENTS: Final = 1024
_POLICY: Final = 1008


class DenyingWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol, for which a handshake that got a denial response is answered.

    uvicorn writes an error to the log for each of them, as if the application had returned without a word: whoever is
    refused could fill it.
    """

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:
            self.transport.close()  # the library takes it for no request (see `handshake`), and would never answer

    async def run_asgi(self) -> None:
        app = self.app

        async def answered(scope: Any, receive: Any, send: Any) -> Any:
            result = await app(scope, receive, send)
            self.handshake_complete = self.handshake_complete or self.close_sent
            return result

        self.app = answered
        await super().run_asgi()


class GuardedWebSocket(DenyingWebSocket):
    """One connection; `adopt` is called right after the HTTP protocol has handed it over."""

    _runtime: Runtime | None = None
    _key = ""
    _tls: dict[str, object] | None = None
    _progress: Progress | None = None
    _closed_at = 0.0

    def adopt(self, runtime: Runtime, key: str, tls: dict[str, object] | None) -> None:
        """Take over the client's place in the count."""
        self._runtime, self._key, self._tls = runtime, key, tls
        self._progress = Progress(self.transport, runtime.limits.write_grace, runtime.limits.write_rate)
        runtime.sweep.watched.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._runtime is not None:
            self._runtime.sweep.watched.discard(self)
            self._runtime.clients.give(self._key)
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        if self._tls is not None:
            extensions: dict[str, object] = {**(self.scope.get("extensions") or {}), "tls": self._tls}
            self.scope["extensions"] = extensions  # type: ignore[typeddict-item]  # uvicorn's type names no values
        await super().run_asgi()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # what comes after the end is nobody's
        super().data_received(data)

    def send_receive_event_to_app(self) -> None:
        if self._runtime is not None and self.queue.qsize() >= self._runtime.limits.queue:
            self._end("too many messages at once")
            return
        super().send_receive_event_to_app()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= _FRAGMENTS:
            self._end("a message in too many fragments")
            return
        super().handle_cont(event)

    def _end(self, why: str) -> None:
        """Close as a violation of policy (RFC 6455 section 7.4.1), once."""
        if self.close_sent or self.transport.is_closing():
            return
        if self._runtime is not None:
            self._runtime.sweep.dropped[f"WebSocket: {why}"] += 1
        self.frames = []
        self.conn.fail(_POLICY, why)
        self.handle_parser_exception()

    # A peer that does not read gets nothing more to answer.

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def sweep(self, now: float, passed: float) -> None:
        """See `sweep.Swept`."""
        if self._progress is None:
            return
        if self._progress.late(now):
            self._drop("took messages too slowly")
        elif self.transport.is_closing():
            self._closed_at = self._closed_at or now
            if now - self._closed_at > CLOSING and not self._progress.waiting():
                self._drop("did not let go")

    def _drop(self, why: str) -> None:
        if self._runtime is not None:
            self._runtime.sweep.dropped[f"WebSocket: {why}"] += 1
        self.transport.abort()
