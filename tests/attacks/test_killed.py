"""Killed in the middle of an attack: a worker, the store, the receiver of alerts, the disk. Nothing is lost beyond what
the documentation says, and nothing is done or told twice.

Real processes of an application over a real Valkey, and a real web server that is told. Each loss has its
control: the same interruption without what meets it.
"""

from __future__ import annotations

import http.server
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attacks.test_detection import KEY, Node, alerts, nodes, soon
from tests.events.exports.receiving import web
from tests.reactions.test_delivery import World, raised
from tests.support.valkey import Server

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("detection"), pytest.mark.timeout(300)]
ATTACKER, OTHER = "203.0.113.66", "198.51.100.20"
PROBES = ("/.env", "/.git/config", "/wp-login.php")
"""Exactly as many as the rule needs: if one is lost, it says nothing."""
STREAM, LEASE = "garrison:{detection}:events", "garrison:{detection}:lease"
Got = list[tuple[dict[str, str], bytes]]


def told(got: Got, rule: str = "probing-known") -> list[str]:
    """Ids of the alerts in all messages that the receiver took."""
    sent = [one for _, body in got for one in json.loads(body)["alerts"]]
    return [one["alert"] for one in sent if one["name"] == "alert_raised" and one["rule"] == rule]


def receivers(url: str) -> str:
    return json.dumps([{"to": url, "gather": 0}])


def kill(node: Node) -> None:
    assert node.process is not None
    node.process.send_signal(signal.SIGKILL)
    node.process.wait(20)


def leader(found: list[Node], server: Server) -> Node:
    """Who folds for all, once there is one: the lease names its process."""
    by_pid = {str(node.process.pid): node for node in found if node.process is not None}

    def pid() -> str:
        return server.ask("GET", LEASE).split()[-1].partition("-")[0]

    assert soon(lambda: pid() in by_pid)
    return by_pid[pid()]


def folded(server: Server, *paths: str) -> bool:
    """Whether requests for all of `paths` are in the stream, and the leader has dealt with all that is in it."""
    if "detection" not in (groups := server.ask("XINFO", "GROUPS", STREAM).split()):
        return False
    left = [groups[groups.index(name) + 1] for name in ("pending", "lag")]
    held = server.ask("XRANGE", STREAM, "-", "+")
    return left == [":0", ":0"] and all(f'"{path}"' in held for path in paths)


def banned(node: Node) -> bool:
    return node.ask("/log-in", ATTACKER).status_code == 403


def whole(node: Node) -> bool:
    """Whether the audit log of a node verifies, what its end left open included."""
    command = [sys.executable, "-m", "garrison", "audit", "verify", "--state", "state"]
    environ = {**os.environ, "GARRISON_KEY": KEY, "GARRISON_ENVIRONMENT": "development"}
    done = subprocess.run(
        command, cwd=node.folder, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode == 0


def done_once(found: list[Node], got: Got) -> None:
    """One alert, told once, and one reaction. A ban holds a moment before the event about it is on record."""
    assert soon(lambda: told(got) and [one for node in found for one in node.events("reaction_taken")])
    assert len(alerts(found, "probing-known")) == 1
    assert len(told(got)) == 1
    assert len([one for node in found for one in node.events("reaction_taken")]) == 1


def test_a_worker_that_is_killed_while_it_folds_for_all_costs_no_alert_and_none_comes_twice(tmp_path: Path) -> None:
    with Server(tmp_path / "valkey") as server, web() as (url, got):
        with nodes(tmp_path, server, GARRISON_ALERTS__RECEIVERS=receivers(url)) as found:
            first = leader(found, server)
            (second,) = [node for node in found if node is not first]
            for path in PROBES[:2]:
                first.ask(path, ATTACKER)
            assert soon(lambda: folded(server, *PROBES[:2]))
            kill(first)
            second.ask(PROBES[2], ATTACKER)
            assert soon(lambda: alerts(found, "probing-known"))
            assert soon(lambda: banned(second))
            done_once(found, got)
            assert second.ask("/log-in", OTHER).status_code == 200
        assert all(whole(node) for node in found)


@pytest.mark.parametrize("kept", [True, False], ids=["with a journal", "control: without one"])
def test_a_store_that_is_killed_and_comes_back_costs_what_it_forgot_and_nothing_else(
    tmp_path: Path, kept: bool
) -> None:
    journal = ("--appendonly", "yes", "--appendfsync", "always") if kept else ()
    server = Server(tmp_path / "valkey", *journal)
    with server, web() as (url, got), nodes(tmp_path, server, GARRISON_ALERTS__RECEIVERS=receivers(url)) as found:
        for path in PROBES[:2]:
            found[0].ask(path, ATTACKER)
        assert soon(lambda: folded(server, *PROBES[:2]))
        server.stop()
        assert soon(lambda: all(node.events("service_degraded") for node in found))
        assert found[0].ask("/log-in", OTHER).status_code == 200
        server.start()
        assert soon(lambda: all(recovered(node) for node in found))
        found[1].ask(PROBES[2], ATTACKER)
        if kept:
            assert soon(lambda: all(banned(node) for node in found))
            done_once(found, got)
        else:
            assert soon(lambda: folded(server, PROBES[2]))
            assert alerts(found, "probing-known") == []


def recovered(node: Node) -> bool:
    return any(one["details"].get("service") == "detection stream" for one in node.events("service_recovered"))


def test_a_full_disk_stops_neither_alert_nor_reaction_and_the_record_is_made_up_for(tmp_path: Path) -> None:
    with Server(tmp_path / "valkey") as server, web() as (url, got):
        with nodes(tmp_path, server, 1, GARRISON_ALERTS__RECEIVERS=receivers(url)) as found:
            (node,) = found
            assert node.process is not None
            _, most = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            for path in PROBES:
                node.ask(path, ATTACKER)
            assert soon(lambda: told(got))
            assert soon(lambda: banned(node))
            assert alerts(found, "probing-known") == [], "control: the file has nothing of it yet"
            resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (most, most))
            assert soon(lambda: node.events("reaction_taken"))
            done_once(found, got)
        assert whole(node)


@contextmanager
def dying(deaths: int) -> Iterator[tuple[str, Got]]:
    """A receiver that takes a message whole and dies before it says so, `deaths` times; all that it took."""
    got: Got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(({key.lower(): value for key, value in self.headers.items()}, body))
            if len(got) > deaths:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("deaths", [2, 0], ids=["attack", "control"])
def test_a_receiver_that_dies_after_it_took_a_message_gets_the_same_one_again_under_the_same_id(deaths: int) -> None:
    with dying(deaths) as (url, got):
        world = World(url)
        world.send(raised("stuffing"))
        assert soon(lambda: len(got) > deaths)
        time.sleep(1.5)  # longer than until it would be sent again
        world.close()
    assert len(got) == deaths + 1, "and not once more than it had to be"
    assert len({headers["webhook-id"] for headers, _ in got}) == 1
    assert len({body for _, body in got}) == 1
