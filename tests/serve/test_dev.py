"""The development server itself, over real sockets."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import Queue

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from garrison.serve.dev import Ready, serve_dev
from garrison.serve.devca import DevCA
from garrison.serve.errors import (
    AppRefusedError,
    BindRefusedError,
    OptionRefusedError,
    PortUnavailableError,
    StartupFailedError,
)
from tests.serve.conftest import client_context

pytestmark = pytest.mark.server


async def who(request: Request) -> JSONResponse:
    client = request.client.host if request.client else None
    return JSONResponse({"client": client, "scheme": request.url.scheme})


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket.iter_bytes():
        await websocket.send_bytes(message[:100])


app = Starlette(routes=[Route("/", who), WebSocketRoute("/echo", echo)])


@contextmanager
def serving(ca: DevCA, host: str = "127.0.0.1") -> Iterator[Ready]:
    ready: Queue[Ready] = Queue()
    options = {"host": host, "port": 0, "ca": ca, "log_level": "critical", "on_ready": ready.put}
    thread = threading.Thread(target=serve_dev, args=(app,), kwargs=options, daemon=True)
    thread.start()
    server = ready.get(timeout=20)
    try:
        yield server
    finally:
        server.stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture
def server(ca: DevCA) -> Iterator[Ready]:
    with serving(ca) as running:
        yield running


def test_it_serves_https_to_a_client_that_trusts_the_ca_file(server: Ready, trusting: ssl.SSLContext) -> None:
    answer = httpx.get(server.url, verify=trusting)

    assert answer.json() == {"client": "127.0.0.1", "scheme": "https"}
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):  # control: the CA is not trusted yet
        httpx.get(server.url, verify=client_context())


def test_plain_http_gets_no_answer(server: Ready) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(server.url.replace("https", "http"))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n", 200),  # control: both name the same
        ("GET https://other.example/ HTTP/1.1\r\nHost: localhost\r\n", 400),  # RFC 9112 section 3.2.2
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n", 400),
    ],
)
def test_what_two_parsers_may_read_differently_is_refused_as_in_production(
    server: Ready, trusting: ssl.SSLContext, head: str, status: int
) -> None:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    with trusting.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
        assert connection.recv(12) == f"HTTP/1.1 {status}".encode()


@pytest.mark.anyio
async def test_no_answer_names_the_server_s_software(server: Ready, trusting: ssl.SSLContext) -> None:
    for path in ("/", "/missing"):
        async with httpx.AsyncClient(verify=trusting) as client:
            headers = (await client.get(server.url + path)).headers
        assert "server" not in headers
        assert "date" in headers
    address = server.url.replace("https", "wss") + "/echo"
    async with connect(address, ssl=trusting) as socket_:
        assert socket_.response is not None
        assert "server" not in socket_.response.headers


def test_what_a_client_says_it_was_forwarded_from_is_not_believed(server: Ready, trusting: ssl.SSLContext) -> None:
    lies = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "http"}

    assert httpx.get(server.url, headers=lies, verify=trusting).json() == {"client": "127.0.0.1", "scheme": "https"}


@pytest.mark.anyio
async def test_websocket_messages_pass_up_to_a_mebibyte_and_no_further(server: Ready, trusting: ssl.SSLContext) -> None:
    address = server.url.replace("https", "wss") + "/echo"
    async with connect(address, ssl=trusting) as socket_, asyncio.timeout(30):
        assert not socket_.protocol.extensions  # compression would let a small message grow
        assert await answer(socket_, 1_048_576) == b"x" * 100
        with pytest.raises(ConnectionClosedError) as closed:
            await answer(socket_, 1_048_577)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009  # RFC 6455 section 7.4.1: message too big


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_is_refused_at_the_socket(server: Ready, ca: DevCA) -> None:
    for newest, served in [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)]:
        client = client_context(ca.certificate_file)
        client.minimum_version, client.maximum_version = ssl.TLSVersion.TLSv1_1, newest
        client.set_ciphers("ALL:@SECLEVEL=0")
        with closing(socket.create_connection(("127.0.0.1", server.port), timeout=20)) as plain:
            try:
                agreed = client.wrap_socket(plain, server_hostname="localhost").version()
            except ssl.SSLError:
                agreed = None
        assert (agreed is not None) is served  # control: the same client is served once it may speak TLS 1.2


def test_localhost_is_served_in_both_families_under_one_port(ca: DevCA, trusting: ssl.SSLContext) -> None:
    with serving(ca, "localhost") as server:
        assert server.url == f"https://localhost:{server.port}"
        assert server.addresses == ("127.0.0.1", "::1")
        for host in ("localhost", "127.0.0.1", "[::1]"):
            assert httpx.get(f"https://{host}:{server.port}", verify=trusting).status_code == 200


def test_an_unusual_loopback_address_is_in_the_certificate(ca: DevCA, trusting: ssl.SSLContext) -> None:
    with serving(ca, "127.0.0.53") as server:
        assert httpx.get(server.url, verify=trusting).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104
def test_a_host_off_loopback_is_refused_before_anything_listens(host: str, ca: DevCA) -> None:
    with pytest.raises(BindRefusedError):
        serve_dev(app, host=host, port=0, ca=ca, on_ready=unreachable)


def test_a_taken_port_is_named(server: Ready, ca: DevCA) -> None:
    with pytest.raises(PortUnavailableError) as refused:
        serve_dev(app, port=server.port, ca=ca, on_ready=unreachable)
    assert str(server.port) in str(refused.value)
    assert "--port" in str(refused.value)


def test_options_that_can_not_work_are_refused(ca: DevCA) -> None:
    with pytest.raises(OptionRefusedError, match="reference"):
        serve_dev(app, port=0, ca=ca, reload=True, on_ready=unreachable)
    for level in ("debug", "trace", "loud"):  # the first two would log cookies and messages
        with pytest.raises(OptionRefusedError, match="log level"):
            serve_dev(app, port=0, ca=ca, log_level=level, on_ready=unreachable)


def test_a_mistyped_reference_is_refused_before_anything_listens(ca: DevCA) -> None:
    with pytest.raises(AppRefusedError):
        serve_dev("tests.serve.test_dev:ap", port=0, ca=ca, on_ready=unreachable)


def test_an_application_that_fails_to_start_ends_the_server_with_a_typed_error(ca: DevCA) -> None:
    async def failing(scope: object, receive: object, send: Callable[..., Awaitable[object]]) -> None:
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(StartupFailedError):
        serve_dev(failing, port=0, ca=ca, log_level="critical", on_ready=unreachable)


async def answer(connection: ClientConnection, size: int) -> bytes | str:
    await connection.send(b"x" * size)
    return await connection.recv()


def unreachable(_: Ready) -> None:
    pytest.fail("the server came up")


SITE = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

@asynccontextmanager
async def lifespan(app):
    print("application up", flush=True)
    yield
    print("application down", flush=True)

async def answer(request):
    return PlainTextResponse("first")

app = Starlette(routes=[Route("/", answer)], lifespan=lifespan)
"""

MAIN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from garrison.serve.dev import serve_dev
from garrison.serve.devca import DevCA

if __name__ == "__main__":
    ca = DevCA.open(Path(sys.argv[1]), datetime.now(UTC))
    reload = sys.argv[2] == "reload"
    serve_dev("site_app:app", port=0, ca=ca, reload=reload, on_ready=lambda ready: print(ready.url, flush=True))
    print("returned", flush=True)
"""


class Program:
    """The server in a process of its own, with the user's application in its working directory."""

    def __init__(self, folder: Path, ca: DevCA, *flags: str) -> None:
        (folder / "site_app.py").write_text(SITE)
        (folder / "run.py").write_text(MAIN)
        self.errors = folder / "errors.txt"
        command = [sys.executable, "run.py", str(ca.folder), *(flags or ("plain",))]
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, map(os.path.abspath, sys.path))))
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def next(self) -> str:
        return self.lines.get(timeout=30)

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # with the child of a reloading one
        self.process.wait(timeout=20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_gracefully_and_its_caller_goes_on(number: signal.Signals, ca: DevCA, folder: Path) -> None:
    with closing(Program(folder, ca)) as program:
        assert program.next() == "application up"
        assert program.next().startswith("https://127.0.0.1:")
        program.process.send_signal(number)
        assert program.next() == "application down"
        assert program.next() == "returned"
        assert program.process.wait(timeout=20) == 0


def test_the_log_shows_paths_without_their_queries(ca: DevCA, folder: Path, trusting: ssl.SSLContext) -> None:
    with closing(Program(folder, ca)) as program:
        program.next()
        url = program.next()
        assert httpx.get(f"{url}/?token=hunter2", verify=trusting).status_code == 200
        program.process.send_signal(signal.SIGTERM)
        program.process.wait(timeout=20)
        log = program.errors.read_text()
    assert '"GET /?… HTTP/1.1" 200' in log
    assert "hunter2" not in log


def test_a_changed_file_is_served_anew_and_a_broken_one_is_reported(
    ca: DevCA, folder: Path, trusting: ssl.SSLContext
) -> None:
    with closing(Program(folder, ca, "reload")) as program:
        url = max(program.next(), program.next())  # beside "application up", in either order
        assert httpx.get(url, verify=trusting, timeout=30).text == "first"
        change(folder / "site_app.py", SITE + "broken = (\n")
        until(lambda: "SyntaxError" in program.errors.read_text())
        change(folder / "site_app.py", SITE.replace("first", "second"))
        until(lambda: httpx.get(url, verify=trusting, timeout=30).text == "second")
        program.process.send_signal(signal.SIGTERM)
        until(lambda: program.next() == "returned")


def change(path: Path, text: str) -> None:
    """Write a file so that its time stamp, of which compiled files keep whole seconds, differs."""
    later = path.stat().st_mtime + 2
    path.write_text(text)
    os.utime(path, (later, later))


def until(true: Callable[[], bool], seconds: float = 40) -> None:
    """Ask until the answer is yes: what is waited for here happens in another process."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.1)


@pytest.mark.parametrize("package", ["uvicorn", "httptools", "websockets"])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(package: str, ca: DevCA) -> None:
    code = f"""
import sys
sys.modules[{package!r}] = None  # as if it were not installed
from datetime import UTC, datetime
from pathlib import Path
from garrison.serve.dev import serve_dev
from garrison.serve.devca import DevCA
from garrison.serve.errors import ExtraMissingError
try:
    serve_dev(print, port=0, ca=DevCA.open(Path(sys.argv[1]), datetime.now(UTC)))
except ExtraMissingError as error:
    print(error.package, error)
"""
    command = [sys.executable, "-c", code, str(ca.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.startswith(package)
    assert 'pip install "garrison[serve]"' in done.stdout
