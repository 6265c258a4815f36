"""A real ACME authority for tests: pebble, with every name leading to this machine, and a directory in front of it
that adds what pebble lacks (a renewal window, RFC 9773)."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.support.components import need


def free_port() -> int:
    """A port below those that outgoing connections are given: nobody takes it before it is listened to."""
    for _ in range(100):
        port = random.randint(20_000, 32_000)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@dataclass
class Pebble:
    """A running authority. `http_port` is where it asks for challenges; `asked` lists what came to the directory."""

    folder: Path
    trusted: Path
    port: int
    management: int
    http_port: int
    asked: list[str] = field(default_factory=list)
    window: tuple[datetime, datetime] | None = None
    front: str = ""

    @property
    def directory(self) -> str:
        return f"https://localhost:{self.port}/dir"

    def root(self) -> Path:
        """The root that signs what this authority issues, as a file."""
        path = self.folder / "root.pem"
        context = ssl.create_default_context(cafile=str(self.trusted))
        address = f"https://localhost:{self.management}/roots/0"
        path.write_bytes(httpx.get(address, verify=context, trust_env=False).content)
        return path


@contextmanager
def pebble(
    folder: Path, trusted: Path, *, http_port: int, life: int = 3600, nonces: int = 0, **config: Any
) -> Iterator[Pebble]:
    """pebble on loopback; it rejects `nonces` percent of good nonces, and issues for `life` seconds.

    `trusted` is the file of who signed the directory's own certificate, with `server.pem` and `server.key` beside it.
    """
    program = need("pebble")
    names = shutil.which("pebble-challtestsrv")
    assert names is not None, "pebble's DNS server comes in the same package"
    folder.mkdir(parents=True, exist_ok=True)
    dns, port, management = free_port(), free_port(), free_port()
    pair = {"certificate": str(trusted.with_name("server.pem")), "privateKey": str(trusted.with_name("server.key"))}
    listening = {"listenAddress": f"127.0.0.1:{port}", "managementListenAddress": f"127.0.0.1:{management}"}
    settings = {
        **pair, **listening, "httpPort": http_port, "tlsPort": free_port(), "ocspResponderURL": "",
        "externalAccountBindingRequired": False, "certificateValidityPeriod": life, **config,
    }  # fmt: skip
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    environ = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(nonces), "PEBBLE_AUTHZREUSE": "0"}
    resolver = [names, "-dns01", f"127.0.0.1:{dns}", "-http01", "", "-https01", "", "-tlsalpn01", "",
                "-management", f"127.0.0.1:{free_port()}", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]  # fmt: skip
    if "-doh" in subprocess.run([names, "-help"], capture_output=True, text=True, check=False).stderr:
        resolver += ["-doh", ""]
    server = [program, "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"]
    with (folder / "log").open("wb") as log:
        running = [subprocess.Popen(one, env=environ, stdout=log, stderr=log) for one in (resolver, server)]
    try:
        _wait(port, running, folder / "log")
        _wait(management, running, folder / "log")
        yield Pebble(folder, trusted, port, management, http_port)
    finally:
        for process in running:
            process.kill()
            process.wait(10)


def _wait(port: int, running: list[subprocess.Popen[bytes]], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert all(process.poll() is None for process in running), log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@contextmanager
def directory_of(authority: Pebble, *, suggest: tuple[timedelta, timedelta] | None = None) -> Iterator[str]:
    """The address of a directory that leads to `authority` and suggests to renew between these times from now."""
    trusting = ssl.create_default_context(cafile=str(authority.trusted))
    entries = httpx.get(authority.directory, verify=trusting, trust_env=False).json()
    port = free_port()
    entries["renewalInfo"] = f"https://localhost:{port}/renewal"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authority.asked.append(self.path)
            body: dict[str, Any] = entries
            if self.path.startswith("/renewal/") and suggest is not None:
                start, end = (datetime.now(UTC) + one for one in suggest)
                body = {"suggestedWindow": {"start": start.isoformat(), "end": end.isoformat()}}
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Retry-After", "21600")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.trusted.with_name("server.pem"), authority.trusted.with_name("server.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{port}/dir"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
