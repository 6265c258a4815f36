"""`garrison bans`: what it changes is in force everywhere, recorded, and can be undone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest

from tests.cli.running import KEY, Here
from tests.cli.serving import Served, serving

POLICY = """
hosts = ["localhost", "127.0.0.1"]
proxies = ["10.9.0.0/16"]

[bans]
allow = ["198.51.100.7"]
"""
APP = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("hello"))])
"""


@pytest.fixture
def site(here: Here) -> Here:
    here.write("garrison.toml", POLICY)
    return here


def targets(here: Here) -> list[str]:
    return sorted(ban["target"] for ban in here.run("bans", "list", "--format", "json").json)


def test_what_is_added_is_listed_with_who_and_why_and_until_when(site: Here) -> None:
    ran = site.run(
        "bans", "add", "203.0.113.7", "2001:db8::1", "principal:alice", "--for", "1 h", "--reason", "probing"
    )
    assert ran.code == 0
    assert ran.out.count("banned ") == 3
    bans = site.run("bans", "list", "-f", "json").json
    assert {ban["target"] for ban in bans} == {"203.0.113.7", "2001:db8::/64", "principal:alice"}
    for ban in bans:
        assert ban["by"].startswith("cli")
        assert ban["reason"] == "probing"
        assert 3500 < ban["until"] - time.time() <= 3600
    assert "principal:alice" in site.run("bans", "list").flat


@pytest.mark.parametrize("by", ["id", "target"])
def test_a_ban_is_lifted_by_its_id_or_its_target(site: Here, by: str) -> None:
    (ban,) = site.run("bans", "add", "203.0.113.7", "-f", "json").json
    assert site.run("bans", "lift", ban[by]).code == 0
    assert targets(site) == []


def test_nobody_to_lift_is_an_error_and_nobody_else_is_lifted(site: Here) -> None:
    site.run("bans", "add", "203.0.113.8")
    ran = site.run("bans", "lift", "203.0.113.8", "203.0.113.7")
    assert ran.code == 3
    assert "No ban goes by" in ran.said
    assert targets(site) == ["203.0.113.8"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("10.9.1.1", "trusted proxy"), ("10.0.0.0/8", "trusted proxy"), ("198.51.100.7", "bans.allow"),
        ("127.0.0.1", "loopback"), ("128.0.0.0/1", "large part"), ("alice", "no identity"),
    ],
)  # fmt: skip
def test_what_must_not_be_banned_is_refused_and_with_it_everything_beside(site: Here, target: str, said: str) -> None:
    ran = site.run("bans", "add", "203.0.113.7", target)
    assert ran.code == 3
    assert said in ran.said
    assert targets(site) == []


def test_loopback_is_banned_by_somebody_who_insists_and_a_proxy_by_nobody(site: Here) -> None:
    assert site.run("bans", "add", "127.0.0.1", "--force").code == 0
    assert site.run("bans", "add", "10.9.1.1", "--force").code == 3


@pytest.mark.parametrize("arguments", [("--for", "soon"), ("--for", "0 s")])
def test_a_time_that_is_none_is_wrong_usage(site: Here, arguments: tuple[str, ...]) -> None:
    assert site.run("bans", "add", "203.0.113.7", *arguments).code == 2


class TestLists:
    def test_a_list_is_taken_over_and_undone_as_one(self, site: Here) -> None:
        site.run("bans", "add", "203.0.113.7")
        site.write("drop.txt", "# a list\n198.51.100.0/26 ; SBL1\n203.0.113.7\n\n2001:db8:1::/48 # again\n")
        done = site.run("bans", "import", "drop.txt", "-f", "json").json
        assert (done["listed"], done["banned"], done["ended"]) == (3, 2, 0)
        assert targets(site) == ["198.51.100.0/26", "2001:db8:1::/48", "203.0.113.7"]
        assert site.run("bans", "lift", done["batch"]).code == 0
        assert targets(site) == ["203.0.113.7"]

    def test_a_list_from_an_editor_that_marks_its_encoding_is_read(self, site: Here) -> None:
        (site.folder / "list.txt").write_bytes("\ufeff203.0.113.5\r\n# theirs\r\n\r\n203.0.113.6\r\n".encode())
        assert "2 banned" in site.run("bans", "import", "list.txt").out

    def test_one_fault_and_nobody_is_banned_and_every_fault_is_told(self, site: Here) -> None:
        site.write("drop.txt", "203.0.113.7\n10.9.0.1\nnonsense\n127.0.0.1\n")
        ran = site.run("bans", "import", "drop.txt")
        assert ran.code == 3
        for place in ("line 2", "line 3", "line 4"):
            assert place in ran.said
        assert targets(site) == []

    def test_what_is_exported_can_be_imported_without_loss(self, site: Here, tmp_path: Path) -> None:
        site.run("bans", "add", "203.0.113.7", "principal:alice", "--for", "1 h", "--reason", "probing")
        site.run("bans", "add", "2001:db8::1/128")
        whole = site.run("bans", "export").out
        before = {(ban["target"], ban["reason"], ban["until"]) for ban in json.loads(whole)["bans"]}
        for target in targets(site):
            site.run("bans", "lift", target)
        site.write("bans.json", whole)
        assert site.run("bans", "import", "bans.json").code == 0
        assert {
            (ban["target"], ban["reason"], ban["until"]) for ban in site.run("bans", "export").json["bans"]
        } == before

    def test_a_plain_export_has_one_target_on_each_line(self, site: Here) -> None:
        site.run("bans", "add", "203.0.113.7", "--reason", "probing")
        assert site.run("bans", "export", "-f", "plain").out == "203.0.113.7  # probing\n"

    def test_what_has_run_out_is_counted_and_left_out(self, site: Here) -> None:
        site.write("bans.json", json.dumps([{"target": "203.0.113.7", "until": 1.0}, "203.0.113.8"]))
        done = site.run("bans", "import", "bans.json", "-f", "json").json
        assert (done["banned"], done["ended"]) == (1, 1)

    @pytest.mark.parametrize(
        "text", ['{"bans": []}', "[1]", '[{"target": 1}]', '[{"target": "203.0.113.7", "until": "x"}]', "[", "{"]
    )
    def test_a_list_of_another_form_is_refused(self, site: Here, text: str) -> None:
        site.write("bans.json", text)
        assert site.run("bans", "import", "bans.json").code == 3

    def test_a_file_that_is_not_there_is_wrong_usage(self, site: Here) -> None:
        assert site.run("bans", "import", "nowhere.txt").code == 2


def test_every_change_is_an_event_that_says_who(site: Here) -> None:
    site.run("bans", "add", "203.0.113.7", "--reason", "probing")
    site.run("bans", "lift", "203.0.113.7")
    events = [json.loads(line) for line in site.run("events", "tail", "-f", "json").out.splitlines()]
    assert [event["name"] for event in events] == ["ban_set", "ban_lifted"]
    assert all("203.0.113.7" in json.dumps(event) and "cli" in json.dumps(event) for event in events)


def test_bans_in_a_process_memory_are_out_of_reach_and_that_is_said(here: Here) -> None:
    here.write("garrison.toml", 'hosts = ["localhost"]\nstore = "memory"\n')
    ran = here.run("bans", "list")
    assert ran.code == 3
    assert "memory" in ran.said


@pytest.mark.server
def test_a_ban_holds_in_every_running_process_within_five_seconds(site: Here) -> None:
    """Two servers over one store; the command line is a third process."""
    site.write("shop.py", APP)
    arguments = ("serve", "shop:app", "--dev", "--port", "0")
    with serving(site, *arguments, until="https://") as one, serving(site, *arguments, until="https://") as other:
        assert [status(server) for server in (one, other)] == [200, 200]
        assert site.process("bans", "add", "127.0.0.1", "::1/128", "--force", GARRISON_KEY=KEY).code == 0
        asked = time.monotonic()
        while {status(server) for server in (one, other)} != {403}:
            assert time.monotonic() - asked < 5.0
        assert site.process("bans", "lift", "127.0.0.1", "::1/128", GARRISON_KEY=KEY).code == 0
        asked = time.monotonic()
        while {status(server) for server in (one, other)} != {200}:
            assert time.monotonic() - asked < 5.0


def status(server: Served) -> int:
    with server.client as client:
        answer: httpx.Response = client.get("/")
        return answer.status_code
