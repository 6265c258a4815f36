"""HTTP/1.1 on one connection: uvicorn's httptools protocol with deadlines, caps and strict framing.

Threat: clients that send or read so slowly that connections run out (CWE-400, CWE-770), header blocks that fill the
memory before anybody may judge them, requests that two parsers read differently (CWE-444), trailers that turn into
headers after the layers have looked. Assumption: `Sweep` looks at every connection twice a second. Lets pass: whatever
is within `Limits`; an application that itself takes long.

A connection is in one stage at a time, and for each stage the client owes something:

    HEAD    the header block, by the deadline; a new connection begins here, so silence counts
    BODY    the body, at the minimum rate, while the application reads
    DONE    nothing: the application works; once it has answered, the next request before the idle limit

Whatever the stage, what is written must be taken at the minimum rate once buffers are full, and a connection that was
closed is aborted when the peer does not let it end.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import strict
from .handshake import handshake_fault
from .progress import Progress
from .tls_extension import tls_extension

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

    from .runtime import Runtime

HEAD, BODY, DONE = range(3)
LINGER: Final = 0.5
"""Seconds in which what a refused client still sends is read and thrown away, so that it gets to see the answer."""
PARTING: Final = 1.0
"""Seconds in which an idle connection of a server that stops may still bring a request."""
CLOSING: Final = 1.0
"""Seconds a peer has to end a connection that was closed, once it has everything."""
_FRAMING: Final = strict.FRAMING
_PIPELINED: Final = 16
_OVERHEAD: Final = 16
_SPARE: Final = 65_536
_log = logging.getLogger("uvicorn.error")


class _Refused(Exception):
    """Raised out of a parser callback; the parser hands it on as a parser error."""


class GuardedHttp(HttpToolsProtocol):
    """One connection. `runtime` holds limits, sweep and clients; `key` is what the client is counted under."""

    # uvicorn's own attributes fill the small table that Python keeps for a class; more of them would make each slower.
    __slots__ = (
        "_began", "_body_bytes", "_closed_at", "_deaf", "_framing", "_got", "_leaving", "_limits", "_measured",
        "_most_bytes", "_most_lines", "_piece", "_progress", "_refusal", "_since", "_stage", "_sweep", "_websocket",
        "key", "runtime", "tls",
    )  # fmt: skip

    def __init__(
        self,
        runtime: Runtime,
        key: str,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        # uvicorn puts each line together before it asks whether anybody wants it
        self.access_log = self.access_log and self.access_logger.isEnabledFor(logging.INFO)
        self.runtime = runtime
        self.key = key
        self.tls: dict[str, object] | None = None
        self._limits = runtime.limits
        self._most_lines = runtime.limits.header_count
        self._most_bytes = runtime.limits.header_bytes
        self._sweep = runtime.sweep
        self._stage = HEAD
        self._since = runtime.sweep.now
        self._piece = 0  # bytes of the last piece
        self._got = 0  # bytes since the stage began; what came together with the stage's beginning does not count
        self._measured = 0  # of those, the ones that were there when the rate was last looked at
        self._body_bytes = 0
        self._framing: list[tuple[bytes, bytes]] = []
        self._refusal: tuple[int, str] | None = None
        self._began = self._websocket = False
        self._deaf = False  # nothing that comes from now on is a request
        self._leaving = False  # the server stops: each answer is the last one on its connection
        self._closed_at = 0.0

    # The connection's life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self.tls = tls_extension(self.transport)
        self._progress = Progress(transport, self._limits.write_grace, self._limits.write_rate)
        self._since = self._sweep.now
        self._sweep.watched.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sweep.watched.discard(self)
        self.runtime.clients.give(self.key)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """In place of uvicorn's, which asks for a timer each time."""
        if self._deaf:
            return
        self._got += len(data)
        self._piece = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:  # the parser objects, or a callback below
            self._refuse(*(self._refusal or (400, "malformed request")))
        except httptools.HttpParserUpgrade:
            if self._websocket:
                self.handle_websocket_upgrade()
        if self._stage == DONE or self._deaf:
            return
        if self._stage == HEAD:
            if self._got > self._most_bytes:
                self._refuse(431, "header block too large")
        elif self._got > _SPARE + _OVERHEAD * self._body_bytes:
            self._refuse(400, "a body that is mostly framing")
        elif len(self.headers) > self._most_lines:
            self._refuse(431, "too many trailers")

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, and with it the client's place in the count."""
        from .protocol_ws import GuardedWebSocket

        self._sweep.watched.discard(self)
        super().handle_websocket_upgrade()
        successor = self.transport.get_protocol()
        if isinstance(successor, GuardedWebSocket):
            successor.adopt(self.runtime, self.key, self.tls)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.tls is not None:
            cast("dict[str, Any]", self.scope)["extensions"] = {"tls": self.tls}
        self._framing = []
        self._stage = HEAD
        self._began = True
        self._since = self._sweep.now
        self._got = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """In place of uvicorn's: once the block is complete, `headers` is a list that nobody reads."""
        name = name.lower()
        if name in _FRAMING:
            self._framing.append((name, value))
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if len(self.headers) > self._most_lines:
            self._stop(431, "too many headers")
        if self._got + self._piece > self._most_bytes and self._size() > self._most_bytes:
            self._stop(431, "header block too large")
        parser = self.parser
        upgrade = parser.should_upgrade()
        self._websocket = upgrade and self._should_upgrade()
        wrong = strict.fault(parser.get_method(), self.url, parser.get_http_version(), self._framing, upgrade)
        if wrong:
            self._stop(400, wrong)
        if self._websocket and (no := self._no_handshake()):
            self._stop(*no)
        if self.pipeline and len(self.pipeline) >= _PIPELINED:
            self._stop(400, "too many requests at once")
        if upgrade and self.cycle is not None and not self.cycle.response_complete:
            self._stop(400, "an upgrade behind a request that is not answered")
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False
        self._stage = BODY
        self._since = self._sweep.now
        self._got = self._measured = self._body_bytes = 0
        if not upgrade:
            # Trailers come by the same callback, too late for the layers: nobody gets to see them.
            self.headers = []
        elif not self._websocket:
            # The parser stops here. Going on would read what follows by rules that the client does not know of.
            self._deaf = True
            self.cycle.keep_alive = False

    def _no_handshake(self) -> tuple[int, str] | None:
        parser = self.parser
        return handshake_fault(parser.get_method(), self.url, parser.get_http_version(), self.headers)

    def _size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """As uvicorn's, which asks the parser again whether this is an upgrade."""
        self._stage = DONE
        self._since = self._sweep.now
        if self._websocket:
            return
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()
        if not cycle.keep_alive:
            self._deaf = True

    def on_response_complete(self) -> None:
        """As uvicorn's, without a timer of its own for each answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._since = self._sweep.now
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: what a client would like to speak is no news."""

    # Leaving

    def shutdown(self) -> None:
        """In place of uvicorn's, which closes idle connections at once: a request may be on its way on one of them, and
        would be lost. It is answered, with `Connection: close`; silence for a moment ends the connection."""
        if self._leaving:
            return
        self._leaving = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_started and not self.pipeline:
            cycle.keep_alive = False
        self.loop.call_later(PARTING, self._part, self._got)

    def _part(self, got: int) -> None:
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._stage != BODY and got == self._got:
            self.transport.close()
        else:
            self.loop.call_later(PARTING, self._part, self._got)

    # Refusing

    def _stop(self, status: int, why: str) -> None:
        self._refusal = (status, why)
        raise _Refused

    def _refuse(self, status: int, why: str) -> None:
        """End the connection: with an answer where none has begun, and never in the middle of another one."""
        self._deaf = True
        self._sweep.dropped[why] += 1
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                # An earlier request is being answered. It gets its answer, and this one none.
                (self.pipeline[0][0] if self.pipeline else cycle).keep_alive = False
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started or self.pipeline:
                self.transport.abort()
                return
        if not self.transport.is_closing():
            self.transport.write(_answer(status, self.server_state.default_headers))
            self.loop.call_later(LINGER, self.transport.close)

    # Time

    def sweep(self, now: float, passed: float) -> None:
        """See `sweep.Swept`."""
        limits = self._limits
        if self.transport.is_closing():
            self._sweep_closing(now)
        elif self.cycle is not None and self._progress.late(now):
            self._drop("took the answer too slowly")
        elif self._deaf:
            return
        elif self.flow.read_paused or self._awaits_continue():
            self._since += passed  # the client waits for us
        elif self._stage == HEAD:
            if now - self._since > limits.header:
                self._late_header()
        elif self._stage == BODY:
            if now - self._since > limits.body_grace:
                self._measure_body(now)
        elif self._progress.waiting():
            self._since = now  # the answer is complete here, and under way
        elif now - self._since > limits.keep_alive and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def _measure_body(self, now: float) -> None:
        """Each stretch of time counts by itself: what came fast at first is no credit for being slow later."""
        if self._got - self._measured < self._limits.body_rate * self._limits.body_grace:
            self._refuse(408, "body too slow")
        self._since, self._measured = now, self._got

    def _late_header(self) -> None:
        if not self._began:  # not a byte came: browsers open connections in advance, and expect no answer
            self._drop("silent")
        else:
            self._refuse(408, "header block too slow")

    def _awaits_continue(self) -> bool:
        return self._stage == BODY and self.cycle is not None and self.cycle.waiting_for_100_continue

    def _sweep_closing(self, now: float) -> None:
        """A closed connection first writes what it has; its peer owes the same rate as before."""
        self._closed_at = self._closed_at or now
        if self._progress.late(now):
            self._drop("took the answer too slowly")
        elif now - self._closed_at > CLOSING and not self._progress.waiting():
            self._drop("did not let go")

    def _drop(self, why: str) -> None:
        self._sweep.dropped[why] += 1
        self.transport.abort()


def _answer(status: int, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    body = HTTPStatus(status).phrase.encode("ascii")
    head = b"HTTP/1.1 %d %s\r\n" % (status, body)
    lines = b"".join(b"%s: %s\r\n" % header for header in default_headers)
    return (
        head + lines + b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(body)
        + b"cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n" + body
    )  # fmt: skip
