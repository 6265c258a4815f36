"""A production server and stock uvicorn in threads, on loopback; and bytes sent to them as they are."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from garrison import Policy, harden
from garrison.serve.devca import DevCA
from garrison.serve.production import Listening, Pair, serve_production
from tests.serve.conftest import client_context

HUGE = 8 * 1024 * 1024


async def count(request: Request) -> Response:
    """How many bytes came, and which headers can be seen once they are all there."""
    size = len(await request.body())
    return JSONResponse({"size": size, "headers": [name for name, _ in request.headers.items()]})


async def huge(request: Request) -> Response:
    return Response(bytes(HUGE), media_type="application/octet-stream")


async def tls(request: Request) -> Response:
    return JSONResponse(request.scope["extensions"]["tls"])


async def unread(request: Request) -> Response:
    return PlainTextResponse("not read")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(message)


async def name(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.scope["extensions"]["tls"])
    await websocket.close()


async def deaf(websocket: WebSocket) -> None:
    """Accepts, and reads nothing until the peer is gone."""
    await websocket.accept()
    while await websocket.receive() is None:
        pass


routes = [
    Route("/", count, methods=["GET", "POST"]),
    Route("/huge", huge),
    Route("/tls", tls),
    Route("/unread", unread, methods=["GET", "POST"]),
    WebSocketRoute("/echo", echo),
    WebSocketRoute("/name", name),
]
app = Starlette(routes=routes)

OPEN = {"requests": 10_000, "websockets": 10_000, "least": 10_000, "most": 10_000}
"""The `load` layer lets all in: what is tested is the server below it."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server to talk to; `context` trusts it."""

    port: int
    context: ssl.SSLContext
    name: str = "localhost"

    def connect(self, source: str = "127.0.0.1", timeout: float = 10.0) -> ssl.SSLSocket:
        server = "::1" if ":" in source else "127.0.0.1"
        plain = socket.create_connection((server, self.port), timeout, source_address=(source, 0))
        return self.context.wrap_socket(plain, server_hostname=self.name)

    def ask(self, data: bytes, source: str = "127.0.0.1") -> bytes:
        """All that comes back for these bytes until the server closes the connection."""
        heard = bytearray()
        with self.connect(source) as connection, suppress(OSError):
            connection.sendall(data)
            while part := connection.recv(65_536):
                heard += part
        return bytes(heard)

    def send(self, data: bytes, patience: float = 1.5) -> tuple[list[int], bool]:
        """The status of each answer to `data`, and whether the server closed the connection."""
        with self.connect(timeout=3.0) as connection:
            with suppress(OSError):  # it may have heard enough before the end
                connection.sendall(data)
            return self.hear(connection, patience)

    def hear(self, connection: ssl.SSLSocket, patience: float = 1.5) -> tuple[list[int], bool]:
        """What `send` says, of a connection on which something was sent."""
        connection.settimeout(patience)
        heard = bytearray()
        try:
            while data := connection.recv(65_536):
                heard += data
        except TimeoutError:
            return statuses(heard), False
        except OSError:
            return statuses(heard), True
        return statuses(heard), True


def statuses(heard: bytes | bytearray) -> list[int]:
    return [int(part[:3]) for part in bytes(heard).split(b"HTTP/1.1 ")[1:]]


@contextmanager
def production(
    folder: Path, ca: DevCA, *, pair: Pair | None = None, serve: dict[str, Any] | None = None, **sections: Any
) -> Iterator[Running]:
    """`app` behind a policy that limits nothing but what `serve` and `sections` say."""
    leaf = ca.issue(["127.0.0.1", "localhost"])
    policy = Policy(
        preset="testing", environment="development", hosts=["localhost"], state=str(folder / "state"),
        events={"output": "none", "store": False}, serve=serve or {},
        **{"load": OPEN, "websocket": {"messages": "1000000/second"}, **sections},
    )  # fmt: skip
    files = pair or Pair(leaf.cert_file, leaf.key_file)
    hardened = harden(app, policy)

    def run(on_ready: Callable[[Listening], None]) -> None:
        serve_production(hardened, files, host="127.0.0.1", port=0, log_level="critical", on_ready=on_ready)

    with in_thread(run) as listening:
        yield Running(listening.port, client_context(ca.certificate_file))


@contextmanager
def in_thread(run: Callable[[Callable[[Listening], None]], None]) -> Iterator[Listening]:
    """Run a server in a thread until the block ends. Raises what kept it from listening."""
    ready: Queue[Listening | None] = Queue()
    problems: list[BaseException] = []

    def attempt() -> None:
        try:
            run(ready.put)
        except BaseException as error:
            problems.append(error)
            ready.put(None)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    listening = ready.get(timeout=20)
    if listening is None:
        raise problems[0]
    try:
        yield listening
    finally:
        listening.stop()
        thread.join(timeout=40)
        assert not thread.is_alive()
    assert problems == []


@contextmanager
def stock(ca: DevCA) -> Iterator[Running]:
    """The control: the same application under uvicorn as it comes, without Garrison."""
    leaf = ca.issue(["127.0.0.1", "localhost"])
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http="httptools", log_level="critical", timeout_graceful_shutdown=1,
        ssl_certfile=leaf.cert_file, ssl_keyfile=leaf.key_file,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    try:
        yield Running(server.servers[0].sockets[0].getsockname()[1], client_context(ca.certificate_file))
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=20)
