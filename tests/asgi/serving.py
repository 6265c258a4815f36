"""Real uvicorn on loopback, in a thread, stopped at the end; and raw sockets to talk to it byte by byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn

PATIENCE = 15.0
"""Seconds until something that hangs fails."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[int]:
    """Serve `app` over plain HTTP on loopback; the port. `options` are uvicorn's: `http="h11"`, `ws="wsproto"`, …"""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    chosen = {"lifespan": "off", "timeout_graceful_shutdown": 2, "log_level": "critical", **options}
    server = _Server(uvicorn.Config(app, interface="asgi3", **chosen))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert server.ready.wait(PATIENCE)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A plain connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        yield plain


def read_answer(plain: socket.socket, method: str = "GET") -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """The next whole answer on the connection: status, headers, body. Raises h11.RemoteProtocolError when it is cut."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    status, headers, body = 0, [], b""
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            client.receive_data(plain.recv(65536))
        elif isinstance(event, h11.Response):
            status, headers = event.status_code, [(bytes(n), bytes(v)) for n, v in event.headers]
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, headers, body


def raw_request(method: str, target: bytes = b"/", *headers: bytes, body: bytes = b"") -> bytes:
    """The bytes of a request for `testserver`."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"host: testserver", *headers]
    if body and not any(line.lower().startswith((b"content-length", b"transfer-encoding")) for line in headers):
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])
