"""Incidents: opened from the record, noted, contained, closed; and evidence that another machine can check."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from garrison import Policy
from garrison.core.clock import SYSTEM
from garrison.events.build import build_bus
from garrison.events.vocabulary import EventName
from garrison.secrets.keyring import Keyring
from garrison.wire import attach_audit
from tests.cli.running import KEY, Here
from tests.support.facts import make_facts

POLICY = """
hosts = ["localhost"]
"""


@pytest.fixture
def site(here: Here, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A site with a record of an attack by 203.0.113.9, and of somebody else."""
    monkeypatch.setenv("GARRISON_KEY", KEY)
    here.write("garrison.toml", POLICY)
    policy = Policy(hosts=["localhost"], state=str(here.folder / ".garrison"), events={"output": "none"})
    bus = build_bus(policy, SYSTEM)
    attach_audit(policy, Keyring.from_policy(policy, {"GARRISON_KEY": KEY}, Path(policy.state), SYSTEM), SYSTEM, bus)
    for number in range(5):
        bus.emit(EventName.AUTHN_LOGIN_FAIL, make_facts(address="203.0.113.9"), account=f"a{number}")
    bus.emit(EventName.SESSION_CREATED, make_facts(address="198.51.100.2"), principal="O'Brien")
    bus.close()
    return here


def opened(site: Here) -> str:
    ran = site.run("incident", "open", "Guessing", "--where", "client=203.0.113.9", "--since", "1h", "-f", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["id"])


def test_an_incident_shows_the_events_it_chose_and_no_others(site: Here) -> None:
    what = opened(site)
    shown = site.run("incident", "show", what, "-f", "json").json
    assert (shown["title"], shown["state"], shown["events"]) == ("Guessing", "open", 5)
    assert shown["clients"] == {"203.0.113.9": 5}
    assert [one["id"] for one in site.run("incident", "list", "-f", "json").json] == [what]
    assert "authn_login_fail" in site.run("incident", "show", what).out


def test_notes_and_containment_are_kept_and_a_closed_one_takes_no_more(site: Here) -> None:
    what = opened(site)
    assert site.run("incident", "note", what, "it was <b>us</b> 🎁 O'Brien").code == 0
    assert site.run("incident", "contain", what, "--ban", "203.0.113.9").code == 0
    shown = site.run("incident", "show", what, "-f", "json").json
    assert shown["state"] == "contained"
    assert [one["kind"] for one in shown["notes"]] == ["note", "containment"]
    assert "garrison bans lift" in shown["notes"][1]["text"]
    assert [ban["target"] for ban in site.run("bans", "list", "-f", "json").json] == ["203.0.113.9"]
    assert site.run("incident", "close", what).code == 0
    for change in (("note", what, "more"), ("close", what), ("contain", what, "--ban", "203.0.113.8")):
        assert site.run("incident", *change).code not in (0, 1)
    lines = site.run("events", "query", "name=incident*", "-f", "json").out.splitlines()
    names = [json.loads(line)["name"] for line in lines]
    assert names.count("incident_opened") == 1
    assert names.count("incident_changed") == 4


@pytest.mark.parametrize("arguments", [("show", "i0"), ("note", "i0", "x"), ("close", "i0")])
def test_an_unknown_incident_and_a_broken_filter_are_told(site: Here, arguments: tuple[str, ...]) -> None:
    assert "No incident" in site.run("incident", *arguments).said
    assert site.run("incident", "open", "t", "--where", "clent=1").code == 2


class TestEvidence:
    def export(self, site: Here) -> Path:
        bundle = site.folder / "evidence.zip"
        ran = site.run("incident", "export", opened(site), "-o", str(bundle))
        assert ran.code == 0, ran.err
        assert "5 events, 5 of them proved" in ran.flat
        return bundle

    def key(self, site: Here) -> str:
        return site.run("audit", "key").out.strip()

    def test_it_verifies_with_nothing_but_the_key(self, site: Here, tmp_path: Path) -> None:
        bundle, key = self.export(site), self.key(site)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        moved = bundle.rename(elsewhere / "e.zip")
        (site.folder / "garrison.toml").unlink()
        ran = site.run("incident", "verify", str(moved), "--key", key, "-f", "json")
        assert ran.code == 0, ran.err
        assert ran.json["proofs"] == 5
        with zipfile.ZipFile(moved) as packed:
            assert "Guessing" in packed.read("report.md").decode()
            assert json.loads(packed.read("versions.json"))["packages"]

    def test_an_existing_file_is_not_overwritten(self, site: Here) -> None:
        bundle = self.export(site)
        before = bundle.read_bytes()
        assert site.run("incident", "export", opened(site), "-o", str(bundle)).code == 2
        assert bundle.read_bytes() == before

    @pytest.mark.parametrize("change", ["edit", "add", "remove", "manifest", "swap", "junk"])
    def test_whatever_is_changed_is_found(self, site: Here, change: str) -> None:
        bundle, key = self.export(site), self.key(site)
        with zipfile.ZipFile(bundle) as packed:
            files = {name: packed.read(name) for name in packed.namelist()}
        proof = next(name for name in files if name.startswith("proofs/"))
        if change == "edit":
            files["timeline.jsonl"] = files["timeline.jsonl"].replace(b"203.0.113.9", b"203.0.113.8")
        elif change == "add":
            files["more.txt"] = b"x"
        elif change == "remove":
            del files[proof]
        elif change == "manifest":
            files["manifest.json"] = files["manifest.json"].replace(b'"made"', b'"mode"')
        elif change == "swap":
            files["manifest.sig"] = files["manifest.sig"].replace(b"\ngarrison", b"\nother")[::-1]
        bundle.unlink()
        if change == "junk":
            bundle.write_bytes(b"PK nothing")
        else:
            with zipfile.ZipFile(bundle, "w") as packed:
                for name, data in files.items():
                    packed.writestr(name, data)
        assert site.run("incident", "verify", str(bundle), "--key", key).code == 1

    def test_somebody_elses_key_does_not_open_it(self, site: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        bundle = self.export(site)
        monkeypatch.setenv("GARRISON_KEY", "cT8hX2m_9vRkLw4ZpQy7NbE1sUfD6aGJ0oViC3tKx5M")
        assert site.run("incident", "verify", str(bundle)).code == 1
