"""Receivers for export tests: a web server, a real rsyslog, a real Prometheus."""

from __future__ import annotations

import http.server
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from garrison.events.event import Event
from garrison.events.terms import Outcome, Severity
from garrison.events.vocabulary import EventName
from tests.events.making import event
from tests.scanners import tools
from tests.serve.authority import Authority
from tests.support.components import need
from tests.support.valkey import free_port

HOSTILE = 'a|b\\c=d "e" \\n<34>1 - - - forged ]'


def samples() -> list[Event]:
    """An event of each category of receiver's interest, and one with hostile text."""
    request = {
        "kind": "http", "method": "POST", "host": "shop.example.com", "client": "203.0.113.9", "status": 403,
        "client_key": "203.0.113.9", "request_id": "a1-1", "run": "r1", "node": "web 1", "pid": 7,
    }  # fmt: skip
    return [
        event(EventName.CSRF_REFUSED, seq=1, layer="csrf", reason="csrf-missing", path=f"/{HOSTILE}", **request),
        event(EventName.AUTHN_LOGIN_FAIL, seq=2, outcome=Outcome.FAILURE, details={"account": "o'brien"}, **request),
        event(EventName.STARTUP, seq=3, severity=Severity.NOTICE, outcome=Outcome.SUCCESS, node="web 1"),
        event(EventName.MALICIOUS_ATTACK_TOOL, seq=4, agent=HOSTILE, details={"x": HOSTILE, "n": 2**40, "f": 0.5,
              "b": True}, trace_id="a" * 32, span_id="b" * 16, **request),
    ]  # fmt: skip


@contextmanager
def web(status: Callable[[], int] = lambda: 200) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A web server's address and the requests it said 200 to: headers in lower case, body."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = status()
            if code == 200:
                got.append(({key.lower(): value for key, value in self.headers.items()} | {"path": self.path}, body))
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


class Rsyslog:
    """A real rsyslogd that takes RFC 5424 over TLS and writes what it understood, one JSON object a line."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "ca", "syslog")
        pair = self.authority.pair("server")
        self.port = free_port()
        self.file = folder / "received"
        self._config = folder / "rsyslog.conf"
        self._pid = folder / "pid"
        fields = "".join(
            f'property(name="{name}" outname="{name}" format="jsonf") constant(value=",")'
            for name in ("pri", "hostname", "app-name", "procid", "msgid", "timereported")
        )
        self._config.write_text(
            f'global(workDirectory="{folder}" defaultNetstreamDriverCAFile="{self.authority.file}"\n'
            f' defaultNetstreamDriverCertFile="{pair.cert_file}" defaultNetstreamDriverKeyFile="{pair.key_file}"\n'
            f' maxMessageSize="64k")\n'
            f'module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")\n'
            f'input(type="imtcp" port="{self.port}" address="127.0.0.1")\n'
            f'template(name="all" type="list") {{ constant(value="{{") {fields}\n'
            f' property(name="msg" outname="msg" format="jsonf") constant(value="}}\\n") }}\n'
            f'action(type="omfile" file="{self.file}" template="all")\n'
        )

    def __enter__(self) -> Rsyslog:
        command = [need("rsyslog"), "-n", "-f", str(self._config), "-i", str(self._pid)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)


@contextmanager
def collector(folder: Path, onward: str) -> Iterator[str]:
    """A real OpenTelemetry collector that hands what it understood to `onward`, in protobuf; its own address."""
    address, grpc = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    command = [
        tools.collector(), "start", f"--otlp-http-endpoint={address}", f"--otlp-grpc-endpoint={grpc}",
        "--exporter=otlp", f"--otlp-exporter-endpoint={onward}", "--otlp-exporter-protocol=http",
        "--otlp-exporter-retry-initial-backoff=1s",
    ]  # fmt: skip
    with (folder / "collector.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """A real Prometheus that scrapes `target` every second; its own address."""
    port = free_port()
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: garrison\n"
        "    metrics_path: /.garrison/metrics\n"
        f"    static_configs: [{{targets: ['{target}']}}]\n"
    )
    command = [need("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
               f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def within(seconds: float, condition: Callable[[], object]) -> bool:
    """Whether `condition` comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())
