"""The Unix socket for a proxy in front: whose it is, who may connect, and whom the application believes."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from garrison import Policy, harden
from garrison.serve.errors import OptionRefusedError, SocketUnavailableError
from garrison.serve.production import serve_unix
from garrison.serve.unix import unix_listener
from tests.serve.running import app, in_thread

pytestmark = pytest.mark.server
FROM = {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}


@contextmanager
def served(folder: Path, **values: Any) -> Iterator[httpx.Client]:
    policy = Policy(
        preset="testing", environment="development", hosts=["localhost"], state=str(folder / "state"),
        events={"output": "none", "store": False}, **{"proxies": ["unix"], **values},
    )  # fmt: skip
    path = folder / "app.sock"
    hardened = harden(app, policy)
    with in_thread(lambda ready: serve_unix(hardened, path, log_level="critical", on_ready=ready)) as listening:
        assert listening.addresses == (str(path),)
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost") as client:
            yield client
    assert not path.exists()


def test_a_proxy_is_served_and_believed(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        assert client.get("/", headers=FROM).status_code == 200
        assert client.post("/", headers=FROM, json=[1]).json()["size"] == 3


def test_who_does_not_say_for_whom_he_asks_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        assert client.get("/").status_code == 400


def test_framing_is_as_strict_as_over_tls(tmp_path: Path) -> None:
    with served(tmp_path), socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(5)
        plain.connect(str(tmp_path / "app.sock"))
        plain.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert plain.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_a_policy_that_does_not_trust_the_proxy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionRefusedError, match="does not trust"), served(tmp_path, proxies=["10.0.0.0/8"]):
        pass


def test_only_owner_and_group_may_connect(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with unix_listener(tmp_path / "app.sock"):
            assert stat.S_IMODE((tmp_path / "app.sock").stat().st_mode) == 0o660
        assert os.umask(0) == 0
    finally:
        os.umask(before)


def test_what_a_killed_server_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with unix_listener(path), socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))


def test_a_server_that_lives_and_a_file_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with unix_listener(path):
        with pytest.raises(SocketUnavailableError, match="another program"), unix_listener(path):
            pass
        assert path.exists()
    path.write_text("precious")
    with pytest.raises(SocketUnavailableError, match="no socket"), unix_listener(path):
        pass
    assert path.read_text() == "precious"
    with pytest.raises(SocketUnavailableError, match="No such file"), unix_listener(tmp_path / "missing" / "x"):
        pass
