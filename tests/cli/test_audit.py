"""`garrison audit` on a real log: verify, prove, export, sign, erase."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from garrison import harden
from garrison.events.audit.segment import segments
from tests.cli.running import Here
from tests.events.audit.making import SIGNER

POLICY = """\
environment = "development"
hosts = ["localhost"]
events.output = "none"
"""


@pytest.fixture
def log(here: Here) -> Path:
    here.write("garrison.toml", POLICY)
    with TestClient(harden(Starlette()), base_url="https://localhost") as client:
        for number in range(20):
            client.get(f"/{number}", headers={"host": "evil.example"})
    return here.folder / ".garrison" / "audit"


def test_a_whole_log_passes_and_an_edited_one_does_not_and_the_place_is_shown(here: Here, log: Path) -> None:
    ran = here.run("audit", "verify")
    assert ran.code == 0, ran.out
    assert "whole and unchanged" in ran.flat
    with sqlite3.connect(segments(log)[0]) as connection:
        connection.execute("UPDATE entries SET public = replace(public, 'evil', 'good') WHERE id = 1")
        connection.execute("DELETE FROM entries WHERE id = 9")
    ran = here.run("audit", "verify")
    assert ran.code == 1
    assert "missing at 9: 1 entries are missing." in ran.flat
    told = here.run("audit", "verify", "--format", "json")
    assert told.code == 1
    assert {one["kind"] for one in told.json[0]["problems"]} >= {"missing"}


def test_a_proof_and_an_export_are_checked_without_the_log_or_its_policy(here: Here, log: Path) -> None:
    key = here.run("audit", "key").out.strip()
    assert here.run("audit", "export", "-o", "log.jsonl").code == 0
    proof = here.run("audit", "proof", "5")
    here.write("proof.json", proof.out)
    elsewhere = here.folder / "elsewhere"
    elsewhere.mkdir()
    there = Here(elsewhere)
    for name in ("proof.json", "log.jsonl"):
        (elsewhere / name).write_bytes((here.folder / name).read_bytes())
    ran = there.process("audit", "verify", "proof.json", "log.jsonl", "--key", key)
    assert ran.code == 0, ran.err + ran.out
    assert '"name": "host_refused"' in ran.out
    text = (elsewhere / "log.jsonl").read_text().replace("host_refused", "host_allowed", 1)
    (elsewhere / "log.jsonl").write_text(text)
    assert there.process("audit", "verify", "log.jsonl", "--key", key).code == 1
    changed = json.loads(proof.out)
    changed["public"] = changed["public"].replace("refused", "allowed")
    (elsewhere / "proof.json").write_text(json.dumps(changed))
    assert there.process("audit", "verify", "proof.json", "--key", key).code == 1


def test_a_checkpoint_is_printed_and_finds_an_end_that_is_cut_off(here: Here, log: Path) -> None:
    ran = here.run("audit", "checkpoint")
    assert ran.code == 0
    here.write("kept", ran.out)
    assert here.run("audit", "verify", "--checkpoint", "kept").code == 0
    for path in log.iterdir():
        path.unlink()
    with TestClient(harden(Starlette()), base_url="https://localhost"):
        pass
    assert here.run("audit", "verify").code == 0
    ran = here.run("audit", "verify", "--checkpoint", "kept")
    assert ran.code == 1
    assert "truncated" in ran.flat


def test_erasing_asks_whose_and_is_recorded_with_who_did_it(here: Here, log: Path) -> None:
    assert here.run("audit", "erase", "--why", "x").code == 2
    assert here.run("audit", "erase", "--why", "x", "--older", "soon").code == 2
    assert b'"/19"' in b"".join(path.read_bytes() for path in log.glob("*.db*"))
    assert "/19" in here.run("events", "tail", "-n", "1000").out
    ran = here.run("audit", "erase", "--client", "nobody", "--why", "request 17")
    assert ran.code == 0
    assert "fields of 0 entries erased, 0 events" in ran.flat
    ran = here.run("audit", "erase", "--older", "0.001 seconds", "--why", "request 18")
    assert ran.code == 0, ran.said
    assert "/19" not in here.run("events", "tail", "-n", "1000").out
    assert b'"/19"' not in b"".join(path.read_bytes() for path in [*log.glob("*.db*"), *log.parent.glob("events.db*")])
    assert here.run("audit", "checkpoint").code == 0
    report = here.run("audit", "verify", "--format", "json").json[0]
    assert report["ok"]
    assert report["erased"] >= 20


def test_bans_made_by_command_are_in_the_log(here: Here, log: Path) -> None:
    assert here.run("bans", "add", "203.0.113.7", "--reason", "scans").code == 0
    proof = here.run("audit", "checkpoint")
    size = int(proof.out.split("\n")[1])
    told = here.run("audit", "proof", str(size - 1)).json
    assert json.loads(told["public"])["name"] == "ban_set"


def test_where_there_is_no_log_that_is_said(here: Here) -> None:
    here.write("garrison.toml", POLICY)
    for command in (("verify",), ("proof", "1"), ("checkpoint",), ("export", "-o", "x")):
        ran = here.run("audit", *command)
        assert ran.code == 3
        assert "There is no audit log" in ran.said


@pytest.mark.parametrize(
    "arguments",
    [("verify", "--key", "rubbish"), ("verify", "--checkpoint", "absent"), ("proof", "999999"), ("verify", "absent")],
)
def test_what_can_not_be_is_answered_without_a_traceback(here: Here, log: Path, arguments: tuple[str, ...]) -> None:
    ran = here.run("audit", *arguments)
    assert ran.code in (2, 3)
    assert "Traceback" not in ran.err


def test_who_verifies_elsewhere_without_a_key_is_told_to_bring_the_verifier_key_and_not_to_make_one(
    here: Here, log: Path
) -> None:
    ran = here.run("audit", "verify", str(log), GARRISON_ENVIRONMENT="production", GARRISON_KEY="")
    assert ran.code not in (0, 1)
    assert "--key" in ran.err
    assert "Make one" not in ran.err


def test_the_webhook_key_is_the_one_that_signs(here: Here, log: Path) -> None:
    import base64
    import os

    from garrison.core.clock import SYSTEM
    from garrison.events.exports.build import WEBHOOK
    from garrison.policy.load import load
    from garrison.secrets.keyring import Keyring

    ran = here.run("events", "webhook-key")
    policy = load(here.folder / "garrison.toml", os.environ).policy
    key = Keyring.from_policy(policy, os.environ, here.folder / ".garrison", SYSTEM).derive(WEBHOOK, 32)
    assert base64.b64decode(ran.out.strip().removeprefix("whsec_")) == key


def test_logs_of_several_nodes_are_verified_together_each_against_its_own_checkpoints(here: Here, log: Path) -> None:
    from tests.events.audit.making import checkpoints, filled

    other = here.folder / "web1"
    filled(other)
    mine = here.run("audit", "checkpoint").out
    here.write("kept", mine + "\n" + checkpoints(other)[-1].note)
    keys = ("--key", here.run("audit", "key").out.strip(), "--key", str(SIGNER.public))
    ran = here.run("audit", "verify", str(log), "web1", *keys, "--checkpoint", "kept")
    assert ran.code == 0, ran.out
    assert here.run("audit", "verify", str(log), *keys, "--checkpoint", "kept").code == 1  # one is of no log here
    segments(other)[-1].unlink()
    assert here.run("audit", "verify", str(log), "web1", *keys, "--checkpoint", "kept").code == 1


def test_a_log_outlives_the_name_of_its_machine(here: Here, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = here.run("audit", "key").out
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    with TestClient(harden(Starlette()), base_url="https://localhost"):
        pass
    assert here.run("audit", "verify").code == 0
    assert here.run("audit", "key").out == key
