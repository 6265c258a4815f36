"""The configuration that the documentation gives a syslog server is run: files for agents, and on to the next."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.events.exports.receiving import Rsyslog
from tests.events.exports.test_receivers import exporting, send, within

PAGE = Path(__file__).resolve().parents[3] / "docs" / "siem.md"


def documented() -> str:
    """The block below the mark that names this file."""
    found = re.search(r"test_siem\.py -->\n```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def next_one() -> Iterator[tuple[int, list[str]]]:
    """Whoever listens behind the server: a port, and the lines that came."""
    lines: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines.extend(line.decode() for line in self.rfile)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], lines
        server.shutdown()


class Documented(Rsyslog):
    """The documented configuration, with this folder's files and ports in the place of the page's."""

    def __init__(self, folder: Path, forward: int) -> None:
        super().__init__(folder)
        self.file = folder / "events.json"
        given, text = self._config.read_text(), documented()
        pair = re.findall(r'defaultNetstreamDriver(?:CA|Cert|Key)File="([^"]+)"', given)
        for old, new in (
            *zip(("/etc/ssl/siem/ca.pem", "/etc/ssl/siem/cert.pem", "/etc/ssl/siem/key.pem"), pair, strict=True),
            ("/var/log/garrison/events.json", str(self.file)), ('port="28330"', f'port="{forward}"'),
            ('port="6514"', f'port="{self.port}" address="127.0.0.1"'),
            ("global(", f'global(workDirectory="{folder}" '),
        ):  # fmt: skip
            assert old in text
            text = text.replace(old, new)
        self._config.write_text(text)


def test_the_documented_rsyslog_writes_json_for_agents_and_hands_cef_on(tmp_path: Path) -> None:
    with next_one() as (port, lines), Documented(tmp_path, port) as server:
        address = f"syslog+tls://localhost:{server.port}"
        for form in ("json", "cef"):
            with exporting({"to": address, "ca": str(server.authority.file), "format": form}) as (bus, _, _):
                send(bus)
                assert within(15, lambda: sum("authn_login_fail" in line for line in read(server.file)) >= 3)
        assert within(15, lambda: sum("CEF:0|Garrison|garrison|" in line for line in lines) >= 3), lines
    told = [json.loads(line) for line in read(server.file) if line.strip().startswith("{")]
    assert {(one["name"], one["node"]) for one in told if one["name"] == "authn_login_fail"} == {
        ("authn_login_fail", "web1")
    }


def read(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines() if file.exists() else []
