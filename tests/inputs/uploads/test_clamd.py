"""Files pass ClamAV's daemon, or they are not taken: whatever else it does but say OK."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.core.verdict import Reason
from garrison.inputs.uploads import Clamd, UploadRule
from garrison.inputs.uploads.clamd import EICAR, ScannerAddress
from garrison.inputs.uploads.selftest import ControlFailed
from garrison.testing import assert_refused
from tests.support.clamd import running
from tests.support.components import need

from .site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.server]


async def test_the_real_daemon_refuses_what_it_knows_and_its_absence_refuses_everything(tmp_path: Path) -> None:
    with running(need("clamd"), tmp_path) as (address, process):
        site = Site(tmp_path / "store", UploadRule(scanner=Clamd(address, seconds=2)))
        bare = Site(tmp_path / "bare")
        assert (await bare.send(EICAR)).status_code == 200  # the control: nobody scans
        assert_refused(await site.send(EICAR), Reason.UPLOAD_REFUSED)
        assert (await site.send(b"hello")).status_code == 200
        async with site.client() as client:
            files = {"file": ("a.txt", b"hello")}
            over = {"file": ("a.txt", b"x" * 4_500_000)}
            assert_refused(await client.post("/files", files=over), Reason.SCANNER_AWAY)  # more than it takes
            os.kill(process.pid, signal.SIGSTOP)
            assert_refused(await client.post("/files", files=files), Reason.SCANNER_AWAY)  # hung
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.wait()
            assert_refused(await client.post("/files", files=files), Reason.SCANNER_AWAY, 503)
        assert site.lying() == (0, 1)


async def test_a_scanner_that_is_away_or_knows_nothing_refuses_the_start(tmp_path: Path) -> None:
    away = Site(tmp_path / "a", UploadRule(scanner=Clamd(f"unix:{tmp_path}/nobody")))
    with pytest.raises(ControlFailed, match="does not answer"):
        await away.uploads.prepare()
    with running(need("clamd"), tmp_path, signature=b"something else entirely") as (address, _):
        blind = Site(tmp_path / "b", UploadRule(scanner=Clamd(address)))
        with pytest.raises(ControlFailed, match="its own test file"):
            await blind.uploads.prepare()


NO_MORE = b"\0\0\0\0"


@pytest.fixture
def speaking(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that answers PING, finds the test file of the start, and says what the test wants of the upload."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for end, answer in ((b"zPING\0", b"PONG\0"), (NO_MORE, b"stream: Eicar FOUND\0"), (NO_MORE, request.param)):
            link, _ = server.accept()
            with link:
                data = b""
                while not data.endswith(end):
                    data += link.recv(65536)
                link.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"tcp:127.0.0.1:{server.getsockname()[1]}"
    thread.join(5)
    server.close()


ODD = [b"", b"stream: OK", b"stream: OK ERROR\0", b"OK\0", b"stream: ERROR\0", b"\xff\xfe\0", b"stream: OKAY\0", b"\0"]


@pytest.mark.parametrize("speaking", ODD, ids=repr, indirect=True)
async def test_an_answer_that_is_not_plainly_ok_refuses(speaking: str, tmp_path: Path) -> None:
    site = Site(tmp_path, UploadRule(scanner=Clamd(speaking, seconds=5)))
    assert_refused(await site.send(b"hello"), Reason.SCANNER_AWAY)


@pytest.mark.parametrize("speaking", [b"stream: OK\0"], ids=["ok"], indirect=True)
async def test_ok_is_ok(speaking: str, tmp_path: Path) -> None:
    assert (await Site(tmp_path, UploadRule(scanner=Clamd(speaking))).send(b"hello")).status_code == 200


@pytest.mark.parametrize("address", ["", "unix:relative", "tcp:10.0.0.1:3310", "tcp:localhost:3310", "tcp:127.0.0.1:0"])
def test_an_address_that_is_none_or_not_here_is_refused(address: str) -> None:
    with pytest.raises(ScannerAddress):
        Clamd(address)
    assert Clamd("tcp:127.0.0.1:3310") != Clamd("unix:/run/clamav/clamd.ctl")  # the control: both are taken
