"""Workers come and go, and nobody who asks notices."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from garrison.serve.devca import DevCA
from tests.cli.running import Here
from tests.serve.workers.conftest import APP, POLICY, Client, asking, children, health_of, wait_until, workers
from tests.support.pebble import free_port

pytestmark = [pytest.mark.server]


def test_a_reload_serves_new_code_and_fails_no_request(here: Here) -> None:
    with workers(here, "--workers", "2") as (served, client, health):
        before = set(children(served.process.pid))
        assert len(before) == 2
        with asking(client) as some:
            wait_until(lambda: all(len(one.words) > 20 for one in some))
            here.write("crowd.py", APP.replace("first", "second"))
            served.process.send_signal(signal.SIGHUP)
            wait_until(lambda: all("second" in one.words[-1] for one in some), 60)
            wait_until(lambda: not before & set(children(served.process.pid)), 60)
            assert health_of(health, "ready")[0] == 200
        assert len(children(served.process.pid)) == 2
        assert served.stop() == 0
    assert "Traceback" not in served.text


def test_a_reload_with_broken_code_keeps_what_works(here: Here) -> None:
    with workers(here, "--workers", "2") as (served, client, _):
        before = set(children(served.process.pid))
        with asking(client):
            here.write("crowd.py", "raise RuntimeError('broken')")
            served.process.send_signal(signal.SIGHUP)
            served.wait_for("Reloading failed")
            wait_until(lambda: set(children(served.process.pid)) == before)
        here.write("crowd.py", APP)


def test_a_worker_that_is_killed_is_replaced(here: Here) -> None:
    with workers(here, "--workers", "2") as (served, client, health):
        assert health_of(health, "ready") == (200, "ok: 2 of 2 workers\n")
        victim, other = children(served.process.pid)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in children(served.process.pid) and len(children(served.process.pid)) == 2)
        wait_until(lambda: health_of(health, "ready")[0] == 200)
        assert other in children(served.process.pid)
        assert client.get()[0] == 200
        assert "A worker died" in served.text


def test_workers_that_die_together_are_all_told_of_before_any_is_replaced(here: Here) -> None:
    """Replacing takes seconds for each: an alert about three deaths must not wait for two of them."""
    with workers(here, "--workers", "3", GARRISON_EVENTS__OUTPUT="events.jsonl") as (served, _, health):
        wait_until(lambda: len(when(here, "sys_startup")) == 3)  # on record, not only in a worker's memory
        for pid in children(served.process.pid):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(when(here, "sys_startup")) >= 6, 90)
        wait_until(lambda: health_of(health, "ready")[0] == 200)
        died, began = when(here, "sys_crash"), when(here, "sys_startup")
    assert len(died) == 3
    assert max(died) < min(began[3:])


def when(here: Here, name: str) -> list[float]:
    """At what times something happened."""
    lines = (here.folder / "events.jsonl").read_text("utf-8").splitlines()
    return sorted(event["when"] for event in map(json.loads, lines) if event["name"] == name)


def test_workers_end_with_a_supervisor_that_is_killed(here: Here) -> None:
    with workers(here, "--workers", "2") as (served, _, _):
        left = children(served.process.pid)
        served.process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))


def test_the_start_says_what_does_not_hold(here: Here) -> None:
    """Limits that are counted apart, and HSTS that is not sent."""
    with workers(here, "--workers", "2") as (served, _, _):
        served.wait_for("counts by itself")
        assert served.text.count("does not trust the certificate") == 1


def test_health_is_told_apart_from_the_application(here: Here) -> None:
    trusted = str(DevCA.open(None, datetime.now(UTC)).certificate_file)
    with workers(here, SSL_CERT_FILE=trusted) as (served, client, health):
        assert "does not trust the certificate" not in served.text  # control: the start above
        assert "counts by itself" not in served.text  # control: one worker counts everything
        assert health_of(health, "health") == (200, "ok: 1 of 1 workers\n")
        assert health_of(health, "ready?x=1")[0] == 200
        assert health_of(health, "")[0] == health_of(health, "admin")[0] == 404
        assert client.get("/health")[1].startswith("first")  # the application's own path stays its own


def test_an_application_that_does_not_start_stops_the_start(here: Here) -> None:
    leaf = DevCA.open(None, datetime.now(UTC)).issue(["localhost"])
    here.write("crowd.py", "raise RuntimeError('broken')")
    here.write("garrison.toml", POLICY.format(health=free_port()))
    options = ("--cert", str(leaf.cert_file), "--key", str(leaf.key_file), "--workers", "2", "--port", "0")
    ran = here.process("serve", "crowd:app", *options, GARRISON_KEY=secrets.token_urlsafe(32))
    assert ran.code == 3
    assert "broken" in ran.said


ACTIVATED = """
import os, sys
os.dup2({number}, 3)
os.environ |= {{"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}}
os.execv(sys.argv[1], sys.argv[1:])
"""
"""What systemd does: the socket is descriptor 3, and the process is told that it is meant."""


def test_a_restart_under_socket_activation_fails_no_request(here: Here, tmp_path: Path) -> None:
    leaf = DevCA.open(None, datetime.now(UTC)).issue(["127.0.0.1", "localhost"])
    here.write("crowd.py", APP)
    here.write("garrison.toml", POLICY.format(health=free_port()))
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(60)
    environ = {**os.environ, "GARRISON_KEY": secrets.token_urlsafe(32), "NOTIFY_SOCKET": str(tmp_path / "notify")}
    command = [sys.executable, "-m", "garrison", "serve", "crowd:app", "--cert", str(leaf.cert_file)]
    command += ["--key", str(leaf.key_file)]

    def start() -> subprocess.Popen[bytes]:
        script = ACTIVATED.format(number=listener.fileno())
        running = subprocess.Popen(
            [sys.executable, "-c", script, *command], env=environ, cwd=here.folder, pass_fds=[listener.fileno()],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while b"READY=1" not in told.recv(4096):
            pass
        return running

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        first = start()
        try:
            with asking(Client(listener.getsockname()[1])) as some:
                wait_until(lambda: all(len(one.words) > 20 for one in some))
                first.terminate()
                assert first.wait(60) == 0
                seen = [len(one.words) for one in some]
                first = start()
                wait_until(lambda: all(len(one.words) > count + 20 for one, count in zip(some, seen, strict=True)))
        finally:
            first.terminate()
            first.wait(60)
    told.close()
