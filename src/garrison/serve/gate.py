"""What a connection meets first: the count of its client's connections, then the TLS handshake under a deadline.

Threat: connections that never finish their handshake, which a server that counts afterwards never sees; one client that
takes all file descriptors. So connections are accepted here and not by the event loop. Assumption: the loop ends a
handshake at its deadline, whatever trickles in. Lets pass: a client within its count, whose handshake is timely.

A client over its count is reset without a word: an answer would cost a handshake.

Without a context there is no TLS: for a Unix socket, whose peer is a trusted proxy and is not counted.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any, Final

from .runtime import Runtime

FLUSH: Final = 86_400.0
"""Seconds the loop itself would give a closed TLS connection. The sweep bounds it by progress instead."""
_AT_ONCE: Final = 64
_PAUSE: Final = 0.1
_LAST: Final = 2.0
"""Seconds for handshakes that were under way when the gate closed: their clients did nothing wrong."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RESET: Final = struct.pack("ii", 1, 0)
_log = logging.getLogger("uvicorn.error")

MakeProtocol = Callable[[str], asyncio.Protocol]


class Gate:
    """Accepts the connections of one listener. `make(key)` gives the protocol for a connection whose handshake is done.

    `close` takes no more connections; `wait_closed` gives handshakes under way a moment to finish, then ends them.
    """

    def __init__(
        self,
        runtime: Runtime,
        context: ssl.SSLContext | None,
        make: MakeProtocol,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
    ) -> None:
        self._runtime = runtime
        self._tls: dict[str, Any] = {}
        if context is not None:
            handshake = runtime.limits.handshake
            self._tls = {"ssl": context, "ssl_handshake_timeout": handshake, "ssl_shutdown_timeout": FLUSH}
        self._make = make
        self._loop = loop
        self._listener = listener
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        listener.setblocking(False)
        loop.add_reader(listener, self._accept)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        if self._opening:
            await asyncio.wait(self._opening, timeout=_LAST)
        for task in tuple(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._rest(error)
                return
            self._admit(connection, str(peer[0]) if peer else None)

    def _rest(self, error: OSError) -> None:
        """Out of file descriptors or memory: asking again at once would only spin."""
        self._runtime.sweep.dropped[f"could not be accepted ({errno.errorcode.get(error.errno or 0, '?')})"] += 1
        self._loop.remove_reader(self._listener)
        self._loop.call_later(_PAUSE, self._resume)

    def _resume(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._accept)

    def _admit(self, connection: socket.socket, peer: str | None) -> None:
        key = self._runtime.clients.take(peer)
        if key is None:
            self._runtime.sweep.dropped["over their client's connections"] += 1
            _reset(connection)
            return
        connection.setblocking(False)
        if peer is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._open(connection, key))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket, key: str) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: self._make(key), connection, **self._tls)
        except OSError as error:  # what a client does wrong is its own matter: no common suite, too slow, gone
            self._runtime.sweep.dropped[why_failed(error)] += 1
            self._runtime.clients.give(key)
            connection.close()
        except BaseException:  # cancelled at shutdown, or a fault of ours: the count must be right all the same
            self._runtime.clients.give(key)
            connection.close()
            raise


def why_failed(error: OSError) -> str:
    """What the log says of a handshake: a certificate that was refused is as often the operator's mistake."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"client certificate refused ({error.verify_message})"  # one of OpenSSL's own few sentences
    if isinstance(error, ssl.SSLError) and error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return "no client certificate"
    return "failed TLS handshake"


def _reset(connection: socket.socket) -> None:
    """Close so that the peer sees a reset, and nothing of the connection stays behind here."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()
