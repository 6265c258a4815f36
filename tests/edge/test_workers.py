"""Workers behind each proxy: a reload loses no request, readiness is told, and nothing of the socket stays behind."""

from __future__ import annotations

import secrets
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from garrison.edge import trial
from garrison.edge.site import site_of
from garrison.policy import Policy
from tests.cli.conftest import here
from tests.cli.running import Here
from tests.cli.serving import serving
from tests.edge.topologies import LOOSE, PROXIES
from tests.serve.authority import Authority
from tests.serve.conftest import client_context
from tests.serve.workers.conftest import APP, ask
from tests.support.components import need

pytestmark = pytest.mark.server
__all__ = ["here"]
POLICY = """
preset = "api"
hosts = ["localhost"]
proxies = ["unix"]
state = "state"
[events]
output = "none"
[rate]
address = ["1000000/second"]
[load]
requests = 10000
least = 10000
most = 10000
"""


class Asker(threading.Thread):
    """Asks again and again on a kept connection, and notes every answer and every failure."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self.port, self.context = port, context
        self.answers: list[str] = []
        self.failures: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with (
                    socket.create_connection(("127.0.0.1", self.port), 20) as plain,
                    self.context.wrap_socket(plain, server_hostname="localhost") as connection,
                ):
                    self._ask(connection)
            except OSError as error:
                self.failures.append(repr(error))
                return

    def _ask(self, connection: ssl.SSLSocket) -> None:
        closing = False
        while not closing and not self.stop.is_set():
            status, body, closing = ask(connection)
            (self.answers if status == 200 else self.failures).append(f"{status} {body}")


@pytest.mark.parametrize("name", PROXIES)
def test_a_reload_behind_a_proxy_fails_no_request(name: str, here: Here) -> None:
    folder = here.folder
    folder.chmod(0o755)
    authority = Authority(folder / "authority", "Edge")
    pair = authority.pair("server")
    here.write("crowd.py", APP)
    here.write("garrison.toml", POLICY)
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(folder / "notify"))
    told.settimeout(30)
    program = need(name)
    site = site_of(Policy(hosts=["localhost"], proxies=["unix"], rate=LOOSE))
    site = trial.on_trial(site, trial.Files(folder, pair.cert_file, pair.key_file, folder / "app.sock"))
    environ = {"GARRISON_KEY": secrets.token_urlsafe(32), "NOTIFY_SOCKET": str(folder / "notify")}
    command = ("serve", "crowd:app", "--unix", "app.sock", "--workers", "2")
    with (
        told,
        serving(here, *command, until="Serving on unix:", **environ) as served,
        trial.running(name, trial.write(name, site), site, program),
    ):
        assert b"READY=1" in told.recv(4096)
        askers = [Asker(site.https_port, client_context(authority.file)) for _ in range(3)]
        for one in askers:
            one.start()
        _until(lambda: all(len(one.answers) > 20 for one in askers))
        here.write("crowd.py", APP.replace("first", "second"))
        served.process.send_signal(signal.SIGHUP)
        _until(lambda: all("second" in one.answers[-1] for one in askers))
        time.sleep(0.5)
        for one in askers:
            one.stop.set()
        for one in askers:
            one.join(10)
        assert [failure for one in askers for failure in one.failures] == []
        assert served.stop() == 0
    assert not (folder / "app.sock").exists()
    assert "Traceback" not in served.text


def _until(true: object, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def test_a_policy_that_does_not_trust_the_proxy_stops_workers_too(here: Here) -> None:
    here.write("crowd.py", APP)
    here.write("garrison.toml", POLICY.replace('"unix"', '"10.0.0.0/8"'))
    said = here.process(
        "serve", "crowd:app", "--unix", str(Path("app.sock")), "--workers", "2", GARRISON_KEY=secrets.token_urlsafe(32)
    )
    assert said.code == 3
    assert "does not trust" in said.said
