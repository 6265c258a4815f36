"""A small HTTP server for what is not the application: one answer for each connection, on a thread of its own.

Threat: slow or countless connections; an application that is busy and therefore looks dead. Everything about one
connection has a few seconds, each client a few connections, and none waits for the application's event loop.
Assumption: what is answered needs the request's head only. Lets pass: requests' bodies, unread.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final, TypeAlias

from .clients import Clients

SECONDS: Final = 5.0
"""A connection has this long for everything."""
MOST: Final = 512
"""Connections at once."""
_BYTES: Final = 16_384

Answer: TypeAlias = tuple[int, str, bytes]
"""Status, Location ("" for none), body."""
Respond: TypeAlias = Callable[[bytes], Answer]
"""The answer to a header block, which comes without its empty line. Pure, or nearly so: it must not wait."""


class SmallServer:
    """Answers on `listeners` by `respond`, from `start` to `stop`."""

    def __init__(self, name: str, listeners: list[socket.socket], clients: Clients, respond: Respond) -> None:
        self._listeners = listeners
        self._clients = clients
        self._answers = respond
        self._open = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name=f"garrison-{name}", daemon=True)
        self._ready = threading.Event()

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(5)

    def stop(self) -> None:
        """Close the listeners; what is being answered is cut off."""
        if self._loop is not None and self._ending is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(5)

    def _run(self) -> None:
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        for listener in self._listeners:
            listener.setblocking(False)
        servers = [await asyncio.start_server(self._serve, sock=one, limit=_BYTES) for one in self._listeners]
        self._ready.set()
        try:
            await self._ending.wait()
        finally:
            for server in servers:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        key = self._clients.take(str(peer[0]) if peer else None) if self._open < MOST else None
        if key is None:
            writer.transport.abort()
            return
        self._open += 1
        try:
            async with asyncio.timeout(SECONDS):
                await self._exchange(reader, writer)
        except (TimeoutError, OSError, EOFError, asyncio.LimitOverrunError):  # the client's own matter
            pass
        finally:
            writer.transport.abort()
            self._open -= 1
            self._clients.give(key)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status, location, body = self._answers(head[:-4])
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"content-length: {len(body)}", "connection: close"]
        lines += ["content-type: text/plain; charset=utf-8", "x-content-type-options: nosniff"] if body else []
        lines += [f"location: {location}"] if location else []
        writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + (b"" if head.startswith(b"HEAD ") else body))
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        await reader.read(1)  # until the client lets go: an abort could overtake the answer
