"""WebSocket connections have caps on what may wait, and end when their peer does not read."""

from __future__ import annotations

import base64
import logging
import os
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ConnectionClosedError, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from garrison.serve.devca import DevCA
from garrison.serve.protocol_ws import DenyingWebSocket
from tests.serve.running import Running, production, stock

pytestmark = pytest.mark.server

SERVE = {"queue": 50, "write_grace": 2.0, "write_rate": 100_000, "ping": 1.0, "keep_alive": 2.0, "header": 2.0}


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> DevCA:
    return DevCA.open(tmp_path_factory.mktemp("ca"), datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, ca: DevCA) -> Iterator[Running]:
    sections = {"websocket": {"message": "32 KB", "messages": "1000000/second"}}
    with production(tmp_path_factory.mktemp("served"), ca, serve=SERVE, **sections) as running:
        yield running


def echoing(running: Running, **options: str) -> ClientConnection:
    return connect(f"wss://localhost:{running.port}/echo", ssl=running.context, **options)  # type: ignore[arg-type]


def raw(running: Running, path: str = "/echo") -> ssl.SSLSocket:
    """A connection after its handshake, for frames that no library sends."""
    connection = running.connect()
    key = base64.b64encode(os.urandom(16))
    connection.sendall(
        b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % (path.encode(), key)
    )
    assert b" 101 " in connection.recv(65_536)
    return connection


def frame(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    """A masked frame (RFC 6455 section 5.2) whose mask is zero."""
    return struct.pack("!BB4x", (0x80 if last else 0) | opcode, 0x80 | len(payload)) + payload


def code_of(connection: ssl.SSLSocket) -> int:
    """The code the server closes with; 0 when it ends the connection without one."""
    connection.settimeout(5)
    heard = b""
    try:
        while data := connection.recv(65_536):
            heard += data
    except OSError:
        pass
    at = heard.rfind(b"\x88")
    return int.from_bytes(heard[at + 2 : at + 4]) if at >= 0 else 0


def test_messages_come_back(served: Running) -> None:
    with echoing(served) as connection:
        for text in ("", "a", "ü" * 10_000):
            connection.send(text)
            assert connection.recv(5) == text


def test_compression_is_not_agreed_to(served: Running, ca: DevCA) -> None:
    with echoing(served) as connection:
        assert connection.response is not None
        assert "sec-websocket-extensions" not in connection.response.headers
    with stock(ca) as running, echoing(running) as connection:  # control
        assert connection.response is not None
        assert "permessage-deflate" in connection.response.headers["sec-websocket-extensions"]


def test_a_handshake_that_is_refused_writes_no_error_to_the_log(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: Queue[str] = Queue()
    with errors_to(told.put):
        refused(served)
        refused(served)  # by now the first one is over on the server, too
        assert told.empty()
        monkeypatch.setattr(DenyingWebSocket, "run_asgi", WebSocketsSansIOProtocol.run_asgi)  # control
        refused(served)
        assert "without completing handshake" in told.get(timeout=30)


@contextmanager
def errors_to(tell: Callable[[str], None]) -> Iterator[None]:
    """What the server writes as an error goes to `tell`."""
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: tell(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("uvicorn.error")
    before = log.level
    log.setLevel(logging.ERROR)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def refused(running: Running) -> None:
    """A handshake for a path that nobody serves."""
    with pytest.raises(InvalidStatus) as denied:
        connect(f"wss://localhost:{running.port}/nobody", ssl=running.context)
    assert denied.value.response.status_code == 403
    assert denied.value.response.headers["x-content-type-options"] == "nosniff"


def test_a_message_over_the_limit_ends_the_connection(served: Running, ca: DevCA) -> None:
    def sent(running: Running) -> None:
        with echoing(running) as connection:
            connection.send("x" * 40_000)
            assert len(connection.recv(5)) == 40_000

    with pytest.raises(ConnectionClosedError, match="1009"):
        sent(served)
    with stock(ca) as running:  # control
        sent(running)


def test_a_flood_of_messages_in_one_piece_is_cut_off(served: Running) -> None:
    with raw(served) as connection:
        connection.sendall(frame(1, b"x") * 2000)
        assert code_of(connection) == 1008


def test_a_few_messages_in_one_piece_are_not(served: Running) -> None:
    with raw(served) as connection:
        connection.sendall(frame(1, b"x") * 40 + frame(8, b"\x03\xe8"))
        assert code_of(connection) == 1000


def test_a_message_of_empty_fragments_ends(served: Running) -> None:
    """They add nothing to the message's size, and would be kept for ever."""
    with raw(served) as connection:
        connection.sendall(frame(1, b"x", last=False) + frame(0, b"", last=False) * 3000)
        assert code_of(connection) == 1008


def test_a_peer_that_pings_and_reads_no_pongs_is_dropped(served: Running) -> None:
    with raw(served) as connection:
        assert _ended(connection, frame(9, b"x" * 125) * 500)


def test_a_peer_that_answers_no_ping_is_dropped(served: Running) -> None:
    with raw(served) as connection:
        began = time.monotonic()
        code_of(connection)
        assert time.monotonic() - began < 4.5


def test_a_silent_peer_that_answers_pings_stays(served: Running) -> None:
    """Longer than every deadline for HTTP on the same server."""
    with echoing(served) as connection:
        with pytest.raises(TimeoutError):
            connection.recv(4.5)
        connection.send("here")
        assert connection.recv(5) == "here"


def test_a_connection_that_becomes_a_websocket_is_counted_once(tmp_path: Path, ca: DevCA) -> None:
    with production(tmp_path, ca, serve={"connections": 2}) as running:
        for _ in range(5):
            with _both(running) as pair:
                for connection in pair:
                    connection.send("x")
                    assert connection.recv(5) == "x"
                with pytest.raises(OSError, match=r".*"):
                    running.connect()


@contextmanager
def _both(running: Running) -> Iterator[tuple[ClientConnection, ClientConnection]]:
    """Two connections, as soon as the server has seen the end of those before."""
    deadline = time.monotonic() + 5
    with ExitStack() as kept:
        while True:
            try:
                with ExitStack() as opening:
                    pair = opening.enter_context(echoing(running)), opening.enter_context(echoing(running))
                    kept.push(opening.pop_all())
                break
            except (OSError, EOFError, WebSocketException):
                assert time.monotonic() < deadline, "two connections are allowed, and do not find room"
                time.sleep(0.05)
        yield pair


def _ended(connection: ssl.SSLSocket, data: bytes) -> bool:
    """Send again and again, never read, until the server ends it."""
    connection.settimeout(0.5)
    deadline = time.monotonic() + 9
    while time.monotonic() < deadline:
        try:
            connection.sendall(data)
        except TimeoutError:
            continue
        except OSError:
            return True
    return False
