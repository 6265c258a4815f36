"""Real servers with several workers: everything works, and workers share neither nonces nor request ids."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0
WORKERS = 2
APP = "tests.frameworks.served:app"
UVICORN = [sys.executable, "-m", "uvicorn", APP, "--workers", str(WORKERS), "--log-level", "warning"]
GUNICORN = [sys.executable, "-m", "gunicorn", APP, "--workers", str(WORKERS), "--log-level", "warning", "--preload"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(server: str, port: int) -> list[str]:
    return {
        "uvicorn": [*UVICORN, "--host", "127.0.0.1", "--port", str(port)],
        "gunicorn with uvicorn's worker": [*GUNICORN, "-k", "uvicorn.workers.UvicornWorker", "-b", f"127.0.0.1:{port}"],
        "gunicorn with its own worker": [*GUNICORN, "-k", "asgi", "-b", f"127.0.0.1:{port}"],
        "hypercorn": [sys.executable, "-m", "hypercorn", APP, "-w", str(WORKERS), "-b", f"127.0.0.1:{port}"],
    }[server]


@contextmanager
def running(server: str, folder: Path) -> Iterator[str]:
    """The base address of a started server; its whole process group ends with the block."""
    port = free_port()
    environ = {**os.environ, "STATE_FOLDER": str(folder), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    process = subprocess.Popen(
        command(server, port), cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the server did not start")


def ask(base: str, path: str = "/", **more: object) -> httpx.Response:
    """A request on a connection of its own, so that any worker may get it."""
    return httpx.get(base + path, timeout=PATIENCE, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "server", ["uvicorn", "gunicorn with uvicorn's worker", "gunicorn with its own worker", "hypercorn"]
)
def test_a_server_with_two_workers_serves_hardened_answers(server: str, tmp_path: Path) -> None:
    with running(server, tmp_path) as base:
        told = [ask(base) for _ in range(12)]
        for _ in range(60):
            if len({json.loads(one.text)["pid"] for one in told}) == WORKERS:
                break
            told.append(ask(base))
        answers = [json.loads(one.text) for one in told]
        assert {one.status_code for one in told} == {200}
        assert len({one["pid"] for one in answers}) == WORKERS
        assert len({one["nonce"] for one in answers}) == len(answers)
        assert len({one["request_id"] for one in answers}) == len(answers)
        for one, answer in zip(told, answers, strict=True):
            assert f"'nonce-{answer['nonce']}'" in one.headers["content-security-policy"]
            assert one.headers["x-content-type-options"] == "nosniff"
        refused = ask(base, headers={"host": "evil.example"})
        assert (refused.status_code, refused.json()["reason"]) == (421, "host-unknown")
        crashed = ask(base, "/crash")
        assert (crashed.status_code, crashed.json()["reason"]) == (500, "internal-error")
        large = httpx.post(
            base, content=b"x" * 2_000_000, headers={"content-type": "application/json"}, timeout=PATIENCE
        )
        assert (large.status_code, large.json()["reason"]) == (413, "body-too-large")
