"""A drill is never taken for an attack, and an attack never for a drill: the real application, receiver and command.

The control: the same requests with a mark that holds are told of as a drill and nothing follows, so it is the
signature that makes the difference.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from garrison import Policy
from garrison.core.clock import SYSTEM
from garrison.core.drill import HEADER, LIFE, PURPOSE, mark
from garrison.core.ports import Sign
from garrison.secrets.keyring import Keyring
from tests.attacks.barrage.site import KEY, Receiver, receiver, soon
from tests.cli.running import Here, Ran
from tests.support.valkey import free_port

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("drill"), pytest.mark.timeout(200)]
SCAN = ("/.env", "/.git/config", "/phpinfo.php", "/web.config")
OTHER_KEY = "x7Kq2vN9wLpR4tYb8cZd3fGh6jMn1sQa5uWe0iOkTyU"
APP = """
from starlette.applications import Starlette
from garrison import harden
app = harden(Starlette())
"""
POLICY = """
hosts = ["127.0.0.1"]
proxies = ["127.0.0.1/32"]
[events]
output = "none"
[reactions]
mode = "enforce"
least = 50
[[routes]]
name = "export"
paths = ["/export/**"]
[[alerts.receivers]]
to = "{receiver}"
confidence = "low"
gather = 0
"""
SETTINGS = {"GARRISON_KEY": KEY, "GARRISON_ENVIRONMENT": "development", "COLUMNS": "120", "NO_COLOR": "1"}
SLACK = 30.0
"""Seconds that a busy machine is given."""


@dataclass
class Site:
    """The application behind a trusted proxy on this machine, and the commands of its operator."""

    folder: Path
    port: int
    told: Receiver

    def run(self, *arguments: str, **environ: str) -> Ran:
        with chdir(self.folder):
            return Here(self.folder).run(*arguments, **{**SETTINGS, **environ})

    def data(self, *arguments: str) -> Any:
        ran = self.run(*arguments, "-f", "json")
        assert ran.code in (0, 1), ran.err
        return ran.json

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, client: str, *marks: str) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.putrequest("GET", path)
            for name, value in (("X-Forwarded-For", client), ("X-Forwarded-Proto", "https"), ("User-Agent", "curl/8")):
                connection.putheader(name, value)
            for value in marks:
                connection.putheader(HEADER.decode(), value)
            connection.endheaders()
            return connection.getresponse().status

    def marked(self, drill: str, path: str, *, at: float = 0.0, root: str = KEY) -> str:
        """A mark as the operator's command makes it: of another time or with another key it does not hold."""
        return mark(signer(root), drill, time.time() + at, "GET", f"127.0.0.1:{self.port}", path)

    def heard(self, who: str) -> list[dict[str, Any]]:
        """What the receiver was told about `who`, once it was told of anything."""
        soon(lambda: any(one.get("who") == who for _, one in self.told.told), SLACK)
        return [one for _, one in list(self.told.told) if one.get("who") == who]

    def is_banned(self, client: str) -> bool:
        return soon(lambda: self.ask("/", client) == 403, SLACK)


@cache
def signer(root: str) -> Sign:
    policy = Policy(hosts=["127.0.0.1"])
    return Keyring.from_policy(policy, {"GARRISON_KEY": root}, Path(policy.state), SYSTEM).signer(PURPOSE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("drill"), free_port()
    with receiver() as told:
        (folder / "garrison.toml").write_text(POLICY.format(receiver=told.url), "utf-8")
        (folder / "served.py").write_text(APP, "utf-8")
        command = [sys.executable, "-m", "uvicorn", "served:app", "--port", str(port), "--no-proxy-headers"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=folder, env={**os.environ, **SETTINGS}, stdout=log, stderr=log)
        made = Site(folder, port, told)
        try:
            assert soon(lambda: answers(made), 60), (folder / "log").read_text("utf-8")
            yield made
        finally:
            process.terminate()
            process.wait(20)


def answers(site: Site) -> bool:
    try:
        return site.ask("/", "198.51.100.1") == 404
    except OSError:
        return False


def test_a_drill_is_measured_says_everywhere_that_it_is_one_and_nothing_follows(site: Site) -> None:
    made = site.data("incident", "drill", site.url, "--within", "30s")
    drill, incident = made["id"], made["incident"]
    assert (made["rule"], made["requests"], made["to_contain"]) == ("probing-known", 4, None)
    assert 0 < made["to_detect"] <= made["to_alert"] < 30
    told = site.heard("192.0.2.1")
    assert {one["drill"] for one in told if one["name"] == "alert_raised"} == {drill}
    assert site.ask("/", "192.0.2.1") == 404  # what follows from an alert follows with it, or not at all
    contained = site.run("incident", "contain", incident, "--ban", "192.0.2.1")
    assert "rehearsed, not done: ban 192.0.2.1" in contained.out
    assert site.data("bans", "list") == []
    shown = site.data("incident", "show", incident)
    assert (shown["drill"], shown["state"]) == (drill, "contained")
    assert shown["names"]["alert_raised"] == shown["names"]["reaction_withheld"] == 1
    assert "by the rule probing-known" in shown["measured"]["detected after"]
    assert site.data("incident", "drill", "--list")[0]["to_contain"] > made["to_alert"]
    found = site.run("events", "query", "name=alert* or name=reaction* or name=incident*", "-f", "json").out
    events = [json.loads(line) for line in found.splitlines()]
    assert {(one["details"].get("drill"), one["name"]) for one in events} >= {
        (drill, name) for name in ("alert_raised", "alert_delivered", "reaction_withheld", "incident_opened")
    }
    assert {one["details"].get("drill") for one in events} == {drill}
    assert f"**DRILL {drill}: this was an exercise" in site.run("incident", "report", incident).out.replace("\\", "")


def test_an_attack_that_calls_itself_a_drill_is_told_of_as_an_attack_and_banned(site: Site) -> None:
    drill = "d0123456789ab"
    forgeries: dict[str, Callable[[str], list[str]]] = {
        "203.0.113.1": lambda path: [f"{drill}.{int(time.time()) + 30}.{'A' * 48}"],  # made up
        "203.0.113.2": lambda path: [site.marked(drill, "/")],  # of another request
        "203.0.113.3": lambda path: [site.marked(drill, path, at=-LIFE)],  # expired
        "203.0.113.4": lambda path: [site.marked(drill, path, at=LIFE)],  # for later
        "203.0.113.5": lambda path: [site.marked(drill, path, root=OTHER_KEY)],
        "203.0.113.6": lambda path: [site.marked(drill, path)] * 2,  # which of them was signed, nobody can tell
        "203.0.113.7": lambda path: [f"{drill}'; DROP TABLE drills --"],
    }
    for client, forge in forgeries.items():
        for path in SCAN:
            site.ask(path, client, *forge(path))
    for client in forgeries:
        assert site.is_banned(client), client
        assert [one.get("drill") for one in site.heard(client) if one["name"] == "alert_raised"] == [None], client


def test_the_control_the_same_requests_with_a_mark_that_holds_are_a_drill_and_nobody_is_banned(site: Site) -> None:
    client, drill = "203.0.113.99", "dfedcba987654"
    assert {site.ask(path, client, site.marked(drill, path)) for path in SCAN} == {404}
    assert [one.get("drill") for one in site.heard(client)] == [drill]
    withheld = json.loads(site.run("events", "query", f"name=reaction* details.target={client}", "-f", "json").out)
    assert (withheld["name"], withheld["details"]["why"]) == ("reaction_withheld", "a drill: nothing is done")
    assert site.ask("/", client) == 404


def test_what_an_operator_contains_is_met_by_the_running_application_and_let_go_when_undone(site: Site) -> None:
    def asks(client: str, status: int) -> bool:
        return soon(lambda: site.ask("/", client) == status, SLACK)

    what = site.data("incident", "open", "by hand", "--where", "client=203.0.113.50")["id"]
    assert site.ask("/", "203.0.113.50") == site.ask("/", "203.0.113.51") == 404  # the control: nothing is done yet
    steps = site.data("incident", "contain", what, "--ban", "203.0.113.50", "--slow", "203.0.113.51")
    assert asks("203.0.113.50", 403)
    assert asks("203.0.113.51", 429)
    assert site.ask("/", "203.0.113.52") == 404
    steps += site.data("incident", "contain", what, "--close-route", "export")
    assert soon(lambda: site.ask("/export/all", "203.0.113.52") == 503, SLACK)
    assert site.ask("/other", "203.0.113.52") == 404
    for step in steps:
        assert site.run(*step["undo"].split()[1:]).code == 0
    assert soon(lambda: site.ask("/export/all", "203.0.113.52") == 404, SLACK)
    assert asks("203.0.113.50", 404)
    assert asks("203.0.113.51", 404)


def test_no_drill_is_begun_where_its_mark_would_not_hold(site: Site) -> None:
    before = len(site.data("incident", "list"))
    ran = site.run("incident", "drill", site.url, GARRISON_KEY=OTHER_KEY)
    assert ran.code not in (0, 1)
    assert "did not recognise the mark" in ran.said
    assert len(site.data("incident", "list")) == before
    assert site.ask("/.garrison/drill", "198.51.100.2") == 404  # to everybody else it is not there


def test_a_drill_goes_nowhere_but_to_this_machine_and_hosts_that_prove_to_be_ours(site: Site) -> None:
    for target in ("https://example.org", "http://192.0.2.7", "ftp://localhost", "https://u:p@localhost"):
        assert site.run("incident", "drill", target).code == 2, target
