"""The shop as a process of its own, wrk against it, and other clients beside them."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.components import need

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("flood.lua")
PATIENCE = 20.0
SECOND = "127.0.0.2"
"""Another client's address: all of 127.0.0.0/8 is loopback."""

POLICY: Mapping[str, Any] = {
    "preset": "testing",
    "environment": "development",
    "hosts": ["127.0.0.1", "testserver"],
    "events": {"output": "none", "store": False},
    "routes": [{"name": "probe", "paths": ["/health"], "health": True}],
}


def policy(**changes: Any) -> dict[str, Any]:
    """The shop's policy with `changes`; limits that a test is not about are out of the way."""
    free = {"mode": "off", "allow_insecure_off": "the test is about something else"}
    return {**POLICY, "rate": free, "load": free, **changes}


@contextmanager
def serving(policy: Mapping[str, Any] | None, state: Path) -> Iterator[int]:
    """The shop behind `policy`, or as it is; the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        port = int(listener.getsockname()[1])
        given = {"listener": listener.fileno(), "policy": None if policy is None else {**policy, "state": str(state)}}
        command = [sys.executable, "-m", "tests.load.shop", json.dumps(given)]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[listener.fileno()])
    try:
        _wait_for(process, port)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it answers: the socket takes connections before anybody serves it."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        plain.sendall(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        answer = plain.recv(1024)
    assert answer.startswith(b"HTTP/1.1 200"), (process.poll(), answer)


@contextmanager
def flood(
    port: int, path: str, seconds: int, *, connections: int = 64, pause: int = 0, **headers: str
) -> Iterator[Callable[[], dict[str, int]]]:
    """wrk from 127.0.0.1, with `pause` milliseconds between a connection's requests. `report()` waits for its end."""
    lines = [word for name, value in headers.items() for word in ("-H", f"{name.replace('_', '-')}: {value}")]
    command = [
        need("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), *lines,
        f"http://127.0.0.1:{port}{path}", "--", str(pause),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield lambda: _report(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _report(process: subprocess.Popen[str]) -> dict[str, int]:
    """Answers by status, and those without what they must carry."""
    text, _ = process.communicate(timeout=PATIENCE)
    counts: dict[str, int] = json.loads(text.splitlines()[-1])
    return counts


@dataclass
class Heard:
    """One answer."""

    status: int
    headers: dict[str, str]
    took: float
    at: float = field(default_factory=time.monotonic)


class Visitor:
    """A client at `source` with one connection, kept alive."""

    def __init__(self, port: int, source: str = SECOND) -> None:
        self._port = port
        self._source = source
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, headers: Mapping[str, str] | None = None, *, due: float | None = None) -> Heard:
        """One request. What it took is counted from `due` (a time of `perf_counter`), if it went out late."""
        begin = time.perf_counter() if due is None else due
        async with asyncio.timeout(PATIENCE):
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(self._source, 0))
            reader, writer = self._streams
            more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
            writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            pairs = dict(line.split(": ", 1) for line in lines)
            await reader.readexactly(int(pairs["content-length"]))
        return Heard(int(status.split()[1]), pairs, time.perf_counter() - begin)

    async def visit(self, path: str, seconds: float, *, per_second: float = 20.0) -> list[Heard]:
        """Requests at a fixed rate; what waited for those before it took that much longer."""
        begin, heard = time.perf_counter(), []
        for number in range(int(seconds * per_second)):
            due = begin + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            heard.append(await self.get(path, due=due))
        return heard

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


def visit(port: int, path: str, seconds: float) -> list[Heard]:
    """What a second client hears at 20 requests a second."""

    async def all_of_them() -> list[Heard]:
        visitor = Visitor(port)
        try:
            return await visitor.visit(path, seconds)
        finally:
            visitor.close()

    return asyncio.run(all_of_them())


def p99(heard: Sequence[Heard]) -> float:
    """The time that 99 of 100 answers took at most, in seconds."""
    times = sorted(one.took for one in heard)
    return times[min(len(times) - 1, int(len(times) * 0.99))]
