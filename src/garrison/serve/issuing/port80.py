"""Port 80: challenges of the authority, and a redirect to https for the names that are ours. Nothing else.

Threat: an open redirect to a host of the attacker's choice, plain http that leads into the application, slow or
countless connections. The target is passed on byte for byte and may hold visible ASCII only, so nothing can be
smuggled into the answer's header (CWE-113, CWE-601). Assumption: challenges' tokens are the authority's secrets until
they are used. Lets pass: what a client sent to port 80 in the first place was sent in the clear.

Source: RFC 8555 section 8.3, RFC 9110 section 15.4.9 (308 keeps the method).
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from ...core.facts import Host
from ...core.host import parse_host
from ..clients import Clients

SECONDS: Final = 5.0
"""A connection has this long for everything."""
MOST: Final = 512
"""Connections at once."""
_BYTES: Final = 16_384
_LINE: Final = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]{0,8191}) HTTP/1\.[01]").fullmatch
_HOST: Final = re.compile(rb"host:[ \t]*([\x21-\x7e]*)[ \t]*", re.IGNORECASE).fullmatch
_CHALLENGES: Final = "/.well-known/acme-challenge/"

Known = Callable[[Host], bool]


def answer(head: bytes, challenges: Mapping[str, str], known: Known, https_port: int) -> tuple[int, str, bytes]:
    """Status, Location ("" for none) and body for the header block `head`, which ends before its empty line."""
    first, *rest = head.split(b"\r\n")
    line = _LINE(first)
    if line is None or b"#" in line[2]:
        return 400, "", b"malformed request\n"
    method, target = line[1], line[2].decode("ascii")
    hosts = [found[1] for found in map(_HOST, rest) if found is not None]
    host = parse_host(hosts[0]) if len(hosts) == 1 else None
    if host is None:
        return 400, "", b"no usable Host\n"
    if target.startswith(_CHALLENGES):
        found = challenges.get(target.removeprefix(_CHALLENGES))
        if found is None or method not in (b"GET", b"HEAD"):
            return 404, "", b"no such challenge\n"
        return 200, "", found.encode("ascii")
    if not known(host) or host.ip:
        return 421, "", b"not a name of this server\n"
    port = "" if https_port == 443 else f":{https_port}"
    return 308, f"https://{host.name}{port}{target}", b""


class Port80:
    """The listener, on a thread of its own with a loop of its own, so that it answers whatever the rest does."""

    def __init__(self, listeners: list[socket.socket], clients: Clients, known: Known, https_port: int) -> None:
        self._listeners = listeners
        self._clients = clients
        self._known = known
        self._https_port = https_port
        self._challenges: dict[str, str] = {}
        self._open = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="garrison-port80", daemon=True)
        self._ready = threading.Event()

    def show(self, token: str, text: str | None) -> None:
        """Answer `text` for a challenge's `token`; None takes it away. From any thread."""
        if text is None:
            self._challenges.pop(token, None)
        else:
            self._challenges[token] = text

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
        key = self._clients.take(str(peer[0])) if peer and self._open < MOST else None
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
        status, location, body = answer(head[:-4], self._challenges, self._known, self._https_port)
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"content-length: {len(body)}", "connection: close"]
        lines += ["content-type: text/plain; charset=utf-8", "x-content-type-options: nosniff"] if body else []
        lines += [f"location: {location}"] if location else []
        writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + (b"" if head.startswith(b"HEAD ") else body))
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        await reader.read(1)  # until the client lets go: an abort could overtake the answer
