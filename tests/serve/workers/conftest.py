"""`garrison serve` with workers as a real process, and somebody who keeps asking."""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import wait
from pathlib import Path

from garrison.serve.devca import DevCA
from tests.cli.conftest import here
from tests.cli.running import Here
from tests.cli.serving import Served, serving
from tests.support.pebble import free_port

__all__ = ["here"]
APP = """
import os
WORD = "first"

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = f"{WORD} {os.getpid()}".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
POLICY = """
preset = "api"
hosts = ["localhost"]
state = "state"
[events]
output = "none"
[rate]
address = ["1000000/second"]
[load]
requests = 10000
least = 10000
most = 10000
[serve]
health = "127.0.0.1:{health}"
"""


class Client:
    """Connections to a server on loopback that trust the development CA and nothing else."""

    def __init__(self, port: int) -> None:
        self.port = port
        authority = DevCA.open(None, datetime.now(UTC)).certificate_file
        self.context = ssl.create_default_context(cafile=str(authority))

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), 30)
        return self.context.wrap_socket(plain, server_hostname="localhost")

    def get(self, path: str = "/") -> tuple[int, str]:
        with self.connect() as connection:
            status, body, _ = ask(connection, path)
        return status, body


def ask(connection: ssl.SSLSocket, path: str = "/") -> tuple[int, str, bool]:
    """Status, body, and whether the server ends the connection after it. Raises `OSError` for half an answer."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    said = b""
    while b"\r\n\r\n" not in said:
        said += _more(connection, said)
    head, _, body = said.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    while len(body) < length:
        body += _more(connection, said)
    return int(head[9:12]), body.decode(), b"connection: close" in lines


def _more(connection: ssl.SSLSocket, said: bytes) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise ConnectionError(f"the connection ended after {said!r}")
    return piece


class Asking(threading.Thread):
    """Asks all the time: on a connection that is kept while the server keeps it, or each time on a new one."""

    def __init__(self, client: Client, path: str = "/", *, keep: bool) -> None:
        super().__init__(daemon=True)
        self.client, self.path, self.keep = client, path, keep
        self.words: list[str] = []
        self.failed: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        connection: ssl.SSLSocket | None = None
        while not self.over.is_set():
            try:
                if connection is not None and wait([connection], 0):
                    connection.close()  # ended while it was idle, which every client has to look for
                    connection = None
                connection = connection or self.client.connect()
                status, body, ends = ask(connection, self.path)
                assert status == 200, status
                self.words.append(body)
                if ends or not self.keep:
                    connection.close()
                    connection = None
            except Exception as error:
                self.failed.append(repr(error))
                connection = None
            time.sleep(0.005)
        if connection is not None:
            connection.close()


@contextmanager
def asking(client: Client, path: str = "/") -> Iterator[list[Asking]]:
    """Four of them; at the end none may have failed."""
    some = [Asking(client, path, keep=keep) for keep in (True, True, False, False)]
    for one in some:
        one.start()
    try:
        yield some
    finally:
        for one in some:
            one.over.set()
        for one in some:
            one.join(30)
    assert [one.failed for one in some] == [[]] * 4
    assert all(len(one.words) > 20 for one in some)


def copied(here: Here) -> str:
    """A certificate for loopback and its key, away from the development CA's folder."""
    leaf = DevCA.open(None, datetime.now(UTC)).issue(["127.0.0.1", "localhost"])
    pair = here.folder / "pair.pem"
    pair.write_bytes(leaf.cert_file.read_bytes())
    pair.chmod(0o600)
    return str(pair)


@contextmanager
def workers(
    here: Here, *options: str, app: str = APP, policy: str = "", **environ: str
) -> Iterator[tuple[Served, Client, int]]:
    """A server with `options`, the client for it, and the port of its health."""
    pair = copied(here)
    health, port = free_port(), free_port()
    here.write("crowd.py", app)
    here.write("garrison.toml", POLICY.format(health=health) + policy)
    options = ("--cert", pair, "--key", pair, "--host", "127.0.0.1", *options)
    environ = {"GARRISON_KEY": secrets.token_urlsafe(32), **environ}
    with serving(here, "serve", "crowd:app", *options, "--port", str(port), until="Serving on", **environ) as served:
        yield served, Client(port), health


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that another user can enter. Not pytest's: each session that starts closes the one above all of them."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def children(process: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def health_of(port: int, what: str) -> tuple[int, str]:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(f"GET /{what} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        said = b""
        while piece := connection.recv(4096):
            said += piece
    return int(said[9:12]), said.decode().rpartition("\r\n\r\n")[2]


def wait_until(true: object, seconds: float = 30.0) -> None:
    assert callable(true)
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


ROOT = os.geteuid() == 0
