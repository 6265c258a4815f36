"""Attacks on the reference application, served by two processes over a real Valkey: seen, met everywhere, undone.

The controls are the same attack with detection off, where nobody hears of it, and with nodes that look each for itself.
They are made on a smaller application; the same attack is told of there in `test_killed`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.valkey import Server, free_port

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("detection"), pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
KEY = "cT8hX2m_9vRkLw4ZpQy7NbE1sUfD6aGJ0oViC3tKx5M"
SCAN = ("/.env", "/.git/config", "/phpinfo.php", "/wp-login.php")
REFERENCE = """
from pathlib import Path
from examples.notes import Settings, hardened
app = hardened(Settings(environment="development", data=Path("data"), allow_insecure_fast_hash=True))
"""
PLAIN = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from garrison import harden

async def page(request):
    return PlainTextResponse("here")

app = harden(Starlette(routes=[Route("/healthz", page), Route("/log-in", page)]))
"""
"""An application that starts in a third of the time, where it does not matter which one it is."""
SOON = 5.0
"""Seconds that an alert, and a reaction on every node, may take (what the documentation promises)."""
SLACK = 25.0
"""Seconds more that a busy machine is given before a test fails."""


_CLIENT = httpx.Client(timeout=20, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass
class Node:
    """One process of the application."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def ask(self, path: str, client: str, **headers: str) -> httpx.Response:
        """As a trusted proxy would hand on a request of `client`."""
        sent = {"x-forwarded-for": client, "x-forwarded-proto": "https", "user-agent": "curl/8.5.0", **headers}
        return _CLIENT.get(f"http://127.0.0.1:{self.port}{path}", headers=sent)

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = (self.folder / "events.jsonl").read_text("utf-8").splitlines()
        return [event for event in map(json.loads, lines) if event["name"] == name]


@contextmanager
def nodes(tmp_path: Path, server: Server, count: int = 2, app: str = PLAIN, **settings: str) -> Iterator[list[Node]]:
    """`count` processes of `app` over one store. `settings` are policy keys as environment variables."""
    with ExitStack() as stack:
        found = []
        for number in range(count):
            node = Node(free_port(), tmp_path / f"node{number}")
            node.folder.mkdir()
            (node.folder / "served.py").write_text(app, encoding="utf-8")
            environ = {
                **os.environ, **environment(server), "GARRISON_EVENTS__OUTPUT": "events.jsonl", "PYTHONPATH": str(ROOT),
                **settings,
            }  # fmt: skip
            command = [sys.executable, "-m", "uvicorn", "served:app", "--port", str(node.port), "--no-proxy-headers"]
            with (node.folder / "log").open("wb") as log:
                process = subprocess.Popen(command, cwd=node.folder, env=environ, stdout=log, stderr=log)
            node.process = process
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            found.append(node)
        for node in found:
            assert soon(lambda node=node: answers(node), 100), (node.folder / "log").read_text()  # type: ignore[misc]
        yield found


def environment(server: Server) -> dict[str, str]:
    return {
        "GARRISON_KEY": KEY, "GARRISON_STORE": server.url, "GARRISON_PROXIES": "127.0.0.1/32",
        "GARRISON_HOSTS": "127.0.0.1,localhost", "GARRISON_REACTIONS__MODE": "enforce",
        "GARRISON_ENVIRONMENT": "development", "GARRISON_STATE": "state",
    }  # fmt: skip


def answers(node: Node) -> bool:
    try:
        return node.ask("/healthz", "198.51.100.1").status_code == 200
    except httpx.HTTPError:
        return False


def soon(holds: Callable[[], object], seconds: float = SOON + SLACK) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False


def alerts(found: list[Node], rule: str) -> list[dict[str, Any]]:
    return [one for node in found for one in node.events("alert_raised") if one["details"]["rule"] == rule]


def undo(node: Node, server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "garrison", "undo", *arguments]
    environ = {**os.environ, **environment(server), "GARRISON_EVENTS__OUTPUT": "none"}
    return subprocess.run(
        command, cwd=node.folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[list[Node]]:
    """Two processes of the reference application."""
    with nodes(tmp_path_factory.mktemp("nodes"), server, app=REFERENCE) as running:
        yield running


def about(seen: list[dict[str, Any]], who: str) -> list[dict[str, Any]]:
    """Those of some alerts or reactions that are about `who`."""
    return [one for one in seen if who in (one["details"].get("who"), one["details"].get("target"))]


def test_a_scanner_is_seen_banned_on_all_nodes_and_undone(found: list[Node], server: Server) -> None:
    attacker, bystander = "203.0.113.66", "198.51.100.20"
    first, second = found
    for number, path in enumerate(SCAN):  # neither node sees enough of it alone
        assert found[number % 2].ask(path, attacker).status_code in (404, 403)  # the last may meet the ban
    assert soon(lambda: about(alerts(found, "probing-known"), attacker))
    assert len(about(alerts(found, "probing-known"), attacker)) == 1
    assert soon(lambda: all(node.ask("/log-in", attacker).status_code == 403 for node in found))
    assert {node.ask("/log-in", bystander).status_code for node in found} == {200}
    assert soon(lambda: reactions(found, attacker))
    (taken,) = reactions(found, attacker)
    assert undo(first, server, str(taken["details"]["reaction"])).returncode == 0
    assert soon(lambda: all(node.ask("/log-in", attacker).status_code == 200 for node in found))
    assert "undone" in undo(second, server).stdout.partition("holds")[2]


def reactions(found: list[Node], who: str, name: str = "reaction_taken") -> list[dict[str, Any]]:
    return about([one for node in found for one in node.events(name)], who)


def test_a_page_elsewhere_can_not_have_its_visitors_banned(found: list[Node]) -> None:
    """FACTS of the field: any site can make a browser touch a trap."""
    victim, firefox = "203.0.113.77", "Mozilla/5.0 (X11; rv:143.0) Gecko/20100101 Firefox/143.0"
    for path in SCAN:
        found[0].ask(path, victim, **{"sec-fetch-site": "cross-site", "user-agent": firefox})
    assert soon(lambda: about(alerts(found, "probing-known"), victim))
    assert soon(lambda: reactions(found, victim, "reaction_withheld"))
    assert reactions(found, victim) == []
    assert found[0].ask("/log-in", victim).status_code == 200


def test_nodes_that_look_each_for_itself_miss_what_is_spread_over_them(tmp_path: Path, server: Server) -> None:
    """The control of what nodes see together."""
    attacker = "203.0.113.88"
    with nodes(tmp_path, server, GARRISON_DETECTION__SHARED="false") as found:
        for number, path in enumerate(SCAN):
            assert found[number % 2].ask(path, attacker).status_code == 404
        time.sleep(2)
        assert alerts(found, "probing-known") == []


def test_with_detection_off_the_scanner_goes_on_and_nobody_hears_of_it(tmp_path: Path, server: Server) -> None:
    """The control."""
    attacker = "203.0.113.99"
    with nodes(tmp_path, server, 1, GARRISON_DETECTION__ENABLED="false", GARRISON_REACTIONS__MODE="off") as found:
        for path in SCAN * 3:
            assert found[0].ask(path, attacker).status_code == 404
        time.sleep(2)
        assert found[0].events("alert_raised") == []
        assert found[0].ask("/log-in", attacker).status_code == 200
