"""`garrison edge` prints what it writes, writes where it is told to, and says what is wrong."""

from __future__ import annotations

import json

import pytest

from tests.cli.running import Here

POLICY = 'hosts = ["shop.example.com"]\nproxies = ["unix"]\n'
COMMANDS = [("nginx",), ("haproxy",), ("caddy",), ("systemd", "main:app")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_what_is_printed_is_what_is_written(here: Here, command: tuple[str, ...]) -> None:
    here.write("garrison.toml", POLICY)
    printed = here.run("edge", *command)
    assert printed.code == 0
    assert "garrison edge" in printed.out.splitlines()[0]
    written = here.run("edge", *command, "--output", "written")
    assert (written.code, written.out) == (0, "")
    assert (here.folder / "written").read_text() == printed.out


def test_a_policy_that_does_not_trust_the_proxy_is_refused_with_the_remedy(here: Here) -> None:
    here.write("garrison.toml", 'hosts = ["shop.example.com"]\n')
    said = here.run("edge", "nginx")
    assert said.code == 3
    assert 'Add "unix" to `proxies`' in said.said


def test_a_check_that_could_not_be_done_is_no_success(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.write("garrison.toml", POLICY)
    monkeypatch.setattr("garrison.edge.check.program", lambda _server: None)
    said = here.run("edge", "haproxy", "--check", "--format", "json")
    assert said.code == 3
    assert "not installed" in json.dumps(said.json)


def test_a_file_that_cannot_be_written_is_told(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    assert here.run("edge", "caddy", "--output", "missing/folder").code == 2
