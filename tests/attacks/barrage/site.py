"""The reference application for a barrage: `garrison serve` with two workers over a real Valkey, telling a webhook."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from garrison.detection.honey import draw, entry_of
from garrison.events.audit.log import FOLDER
from garrison.events.audit.segment import segments
from tests.attacks.barrage.visitor import Visitor
from tests.serve.authority import Authority
from tests.support.valkey import Server, free_port

ROOT: Final = Path(__file__).resolve().parents[3]
KEY: Final = "cT8hX2m_9vRkLw4ZpQy7NbE1sUfD6aGJ0oViC3tKx5M"
TRAP, TRAP_ACCOUNT = "/backup-2019/", "root@example.com"
PLANTED_KEY, PLANTED_RECORD = draw("key", "notes"), draw("id")
WIDE: Final = "6000/minute burst 600"
POLICY: Final = (
    (ROOT / "examples/notes/garrison.toml")
    .read_text("utf-8")
    .replace("30/minute burst 10", WIDE)
    .replace('rate = ["30/minute"]', f'rate = ["{WIDE}"]')
    .replace('issuer = "Notes"', 'issuer = "Notes"\nattempts = ["20/hour burst 20"]')
)
MORE: Final = """
[detection]
honey_paths = ["{trap}"]
honey_accounts = ["{account}"]
asn_header = "X-Client-ASN"

[detection.honey_tokens]
backup = "{key}"
invoice = "{record}"

[login]
account_free = 100
failures = 20
spray = "30/minute burst 230"

[load]
delay = "0.2 seconds"
least = 8
most = 8

[[alerts.receivers]]
to = "{receiver}"
least = "info"
confidence = "low"
gather = 0
"""
"""What differs from the policy of the reference application, so that a barrage takes a minute and not an hour: accounts
lock after 20 failures, the guard closes everywhere after 230, uploads go as fast as they can, codes may be
tried more often, the load limit is small
and recovers soon; and the traps."""


@dataclass
class Receiver:
    """A web server that is told of alerts. `told` holds (when, what) of everything, in order."""

    url: str
    told: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def first(self, rule: str, who: str = "") -> float | None:
        """When it was first told that `rule` spoke, about `who` if that is given."""
        for when, one in list(self.told):
            if one["name"] == "alert_raised" and one["rule"] == rule and who in ("", one["who"]):
                return when
        return None

    def ids(self, rule: str) -> list[str]:
        """Those of the alerts that it was told of `rule`."""
        return [one["alert"] for _, one in list(self.told) if one["name"] == "alert_raised" and one["rule"] == rule]

    def reaction(self, kind: str, rule: str) -> bool:
        """Whether it was told that a reaction of that kind followed from `rule`."""
        taken = [one for _, one in list(self.told) if one["name"] == "reaction_taken"]
        return any((one["kind"], one["rule"]) == (kind, rule) for one in taken)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.told.extend((time.monotonic(), one) for one in body["alerts"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_port}/alerts")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


class Site:
    """The application in `folder`, started and stopped as often as wanted; what it keeps stays."""

    def __init__(self, folder: Path, store: Server, told: Receiver) -> None:
        self.folder, self.port, self.told = folder, free_port(), told
        folder.mkdir(exist_ok=True)
        text = MORE.format(trap=TRAP, account=TRAP_ACCOUNT, receiver=told.url,
                           key=entry_of("key", PLANTED_KEY), record=entry_of("id", PLANTED_RECORD))  # fmt: skip
        (folder / "garrison.toml").write_text(POLICY + text, "utf-8")
        self.authority = Authority(folder / "authority", "first")
        self.pair = self.authority.pair("server")
        self.environ = {
            **os.environ, "PYTHONPATH": str(ROOT), "GARRISON_KEY": KEY, "GARRISON_STORE": store.url,
            "GARRISON_PROXIES": "127.0.0.1/32", "GARRISON_HOSTS": "localhost", "GARRISON_STATE": str(folder / "state"),
            "GARRISON_ENVIRONMENT": "development", "GARRISON_EVENTS__OUTPUT": "events.jsonl",
            "GARRISON_REACTIONS__MODE": "enforce", "GARRISON_REACTIONS__LEAST": "16",
        }  # fmt: skip

    @contextmanager
    def running(self, settings: Mapping[str, str] | None = None, workers: int = 2) -> Iterator[subprocess.Popen[bytes]]:
        """Serve it, with policy keys as environment variables laid over its policy."""
        command = [
            sys.executable, "-m", "garrison", "serve", "tests.attacks.barrage.planted:make()", "--port", str(self.port),
            "--host", "127.0.0.1", "--cert", str(self.pair.cert_file), "--key", str(self.pair.key_file),
            "--workers", str(workers), "--policy", "garrison.toml",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**self.environ, **(settings or {})}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        try:
            assert soon(lambda: self.answers() or process.poll() is not None, 100), self.log()
            assert process.poll() is None, self.log()
            yield process
        finally:
            if (ended := process.poll()) is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)
            assert ended is None, f"the server ended by itself ({ended}): {self.log()}"

    def answers(self) -> bool:
        try:
            return self.visitor("127.9.9.9").get("/healthz").status == 200
        except OSError:
            return False

    def visitor(self, address: str, agent: str = "curl/8.5.0") -> Visitor:
        return Visitor(self.port, address, agent)

    @property
    def audit_files(self) -> list[Path]:
        """The parts of the audit log, the newest last."""
        return segments(self.folder / "state" / FOLDER)

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8")[-4000:]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Events of that name on record, of all runs."""
        lines = (self.folder / "events.jsonl").read_text("utf-8").splitlines()
        return [event for event in map(json.loads, lines) if event["name"] == name]


def children(process: int) -> list[int]:
    """Processes that `process` started and that live."""
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()]


def soon(holds: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
