"""A certificate is renewed under a running server, and nobody notices."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tests.cli.conftest import here
from tests.cli.running import Here
from tests.cli.serving import Served, serving
from tests.serve.authority import Authority
from tests.serve.issuing.conftest import Machine
from tests.support.pebble import Pebble, directory_of, free_port, pebble

__all__ = ["here"]
pytestmark = [pytest.mark.server]
NAME = "shop.example.test"
APP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"WORD"})
""".replace("HEADERS", '[(b"content-type", b"text/plain"), (b"content-length", b"4")]')


class Client:
    """Connections to a server under its public name, trusting what signs its certificates and nothing else."""

    def __init__(self, port: int, root: Path) -> None:
        self.port = port
        self.context = ssl.create_default_context(cafile=str(root))

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        return self.context.wrap_socket(plain, server_hostname=NAME)

    def serial(self) -> int:
        with self.connect() as connection:
            der = connection.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


def ask(connection: ssl.SSLSocket) -> bytes:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: shop.example.test\r\n\r\n")
    said = b""
    while not said.endswith(b"WORD"):
        piece = connection.recv(4096)
        assert piece, said
        said += piece
    return said


class Asking(threading.Thread):
    """Somebody who keeps asking, each time on a new connection."""

    def __init__(self, client: Client) -> None:
        super().__init__(daemon=True)
        self.client, self.done, self.failed, self.over = client, 0, [], threading.Event()  # type: ignore[var-annotated]

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with self.client.connect() as connection:
                    assert ask(connection).startswith(b"HTTP/1.1 200 ")
                self.done += 1
            except Exception as error:
                self.failed.append(repr(error))
            time.sleep(0.01)


@contextmanager
def served(here: Here, authority: Pebble, *more: str) -> Iterator[tuple[Served, Client]]:
    port = free_port()
    here.write("live.py", APP)
    here.write(
        "garrison.toml",
        f"""
        preset = "api"
        hosts = ["{NAME}"]
        [rate]
        address = ["100000/second"]
        [load]
        requests = 10000
        least = 10000
        most = 10000
        [acme]
        directory = "{authority.directory}"
        staging = ""
        ca_file = "{authority.trusted}"
        http_port = {authority.http_port}
        """,
    )
    options = ("--domain", NAME, "--host", "127.0.0.1", "--port", str(port), *more)
    key = secrets.token_urlsafe(32)
    with serving(here, "serve", "live:app", *options, until="Serving on", GARRISON_KEY=key) as process:
        yield process, Client(port, authority.root())


def test_three_renewals_fail_no_request_and_end_no_connection(here: Here, tmp_path: Path, web: Authority) -> None:
    with (
        pebble(tmp_path / "pebble", web.file, http_port=free_port(), nonces=15) as authority,
        served(here, authority) as (process, client),
    ):
        asking = Asking(client)
        asking.start()
        serials, old = [client.serial()], client.connect()
        for _ in range(3):
            assert here.run("certs", "renew").code == 0
            deadline = time.monotonic() + 15
            while client.serial() == serials[-1]:
                assert time.monotonic() < deadline, process.text
                time.sleep(0.1)
            serials.append(client.serial())
            assert ask(old).startswith(b"HTTP/1.1 200 ")
        asking.over.set()
        asking.join(20)
        assert asking.failed == []
        assert asking.done > 30
        assert len(set(serials)) == 4
        [entry] = here.run("certs", "list", "--format", "json").json
        assert entry["serial"] == f"{serials[-1]:x}"
        assert [one["what"] for one in here.run("certs", "history", "--format", "json").json] == ["issued"] * 4
        assert process.stop() == 0
    # It starts again with what it had, although the authority can't be asked now.
    with served_again(here) as again:
        assert "Serving on" in again.text


def test_all_workers_show_the_new_certificate_and_none_can_read_the_account_key(
    here: Here, tmp_path: Path, web: Authority
) -> None:
    with (
        pebble(tmp_path / "pebble", web.file, http_port=free_port()) as authority,
        served(here, authority, "--workers", "2", "--sandbox") as (process, client),
    ):
        first = client.serial()
        assert here.run("certs", "renew").code == 0
        deadline = time.monotonic() + 20
        while first in {client.serial() for _ in range(12)}:
            assert time.monotonic() < deadline, process.text
            time.sleep(0.2)
        assert process.stop() == 0
        accounts = list((here.folder / ".garrison-acme" / "accounts").iterdir())
        assert len(accounts) == 1  # what the workers' own test of their sandbox had to fail to read
        events = here.run("events", "list", "--format", "json").out
        assert events.count('"certificate_renewed"') == 2


@contextmanager
def served_again(here: Here) -> Iterator[Served]:
    options = ("--domain", NAME, "--host", "127.0.0.1", "--port", str(free_port()))
    key = secrets.token_urlsafe(32)
    with serving(here, "serve", "live:app", *options, until="Serving on", GARRISON_KEY=key) as process:
        yield process


def test_a_window_that_the_authority_suggests_moves_the_renewal(tmp_path: Path, web: Authority) -> None:
    minutes = timedelta(minutes=1)
    with pebble(tmp_path / "pebble", web.file, http_port=free_port(), life=3600) as authority:
        with Machine(tmp_path / "control", authority) as machine:
            machine.issuer.issue(rehearse=False)
            assert not machine.issuer.turn()  # control: without a suggestion a fresh certificate stays
        past = (-120 * minutes, -60 * minutes)
        with (
            directory_of(authority, suggest=past) as front,
            Machine(tmp_path / "now", authority, directory=front) as machine,
        ):
            machine.issuer.issue(rehearse=False)
            assert machine.issuer.turn()
            assert [entry["what"] for entry in machine.sets.history()] == ["issued", "issued"]
            assert any(path.startswith("/renewal/") for path in authority.asked)
        soon = (10 * minutes, 12 * minutes)
        with (
            directory_of(authority, suggest=soon) as front,
            Machine(tmp_path / "soon", authority, directory=front) as machine,
        ):
            machine.issuer.issue(rehearse=False)
            assert not machine.issuer.turn()
            kept, progress, now = machine.sets.read(), machine.sets.progress(), datetime.now(UTC)
            assert not machine.issuer.due(kept, progress, now + 9 * minutes)
            assert machine.issuer.due(kept, progress, now + 13 * minutes)  # a third of its life is left after 40


def test_a_renewal_that_is_due_is_made_by_itself(tmp_path: Path, web: Authority) -> None:
    with (
        pebble(tmp_path / "pebble", web.file, http_port=free_port(), life=6) as authority,
        Machine(tmp_path / "state", authority) as machine,
    ):
        machine.issuer.issue(rehearse=False)
        first = machine.sets.read()
        machine.issuer.start()
        deadline = time.monotonic() + 15
        while machine.sets.read() == first:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        machine.issuer.stop()
        assert first is not None
        assert datetime.now(UTC) < first.ends + timedelta(seconds=2)


def test_a_first_certificate_that_is_refused_stops_the_start_and_says_why(
    here: Here, tmp_path: Path, web: Authority
) -> None:
    with pebble(tmp_path / "pebble", web.file, http_port=free_port()) as authority:
        wrong = free_port()
        here.write("live.py", APP)
        here.write(
            "garrison.toml",
            f"""
            hosts = ["{NAME}"]
            [acme]
            directory = "{authority.directory}"
            staging = ""
            ca_file = "{authority.trusted}"
            http_port = {wrong}
            """,
        )
        key = secrets.token_urlsafe(32)
        options = ("--domain", NAME, "--host", "127.0.0.1", "--port", "0")
        ran = here.process("serve", "live:app", *options, GARRISON_KEY=key)
        assert ran.code == 3
        assert "issued no certificate" in ran.said
        assert "Traceback" not in ran.err
        assert here.process("serve", "live:app", "--domain", "other.example.test", GARRISON_KEY=key).code == 3
        assert here.process("serve", "live:app", "--domain", NAME, "--dev").code == 2
