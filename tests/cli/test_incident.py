"""Incidents: opened from the record, noted, contained, closed; and evidence that another machine can check."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.cli.attacked import POLICY, attacked, opened
from tests.cli.running import Here


@pytest.fixture
def site(here: Here, monkeypatch: pytest.MonkeyPatch) -> Here:
    return attacked(here, monkeypatch)


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
    assert "garrison undo r" in shown["notes"][1]["text"]
    assert [ban["target"] for ban in site.run("bans", "list", "-f", "json").json] == ["203.0.113.9"]
    assert site.run("incident", "close", what).code == 0
    for change in (("note", what, "more"), ("close", what), ("contain", what, "--ban", "203.0.113.8")):
        assert site.run("incident", *change).code not in (0, 1)
    lines = site.run("events", "query", "name=incident*", "-f", "json").out.splitlines()
    names = [json.loads(line)["name"] for line in lines]
    assert names.count("incident_opened") == 1
    assert names.count("incident_changed") == 4


def test_it_is_given_to_somebody_by_name_and_who_had_it_and_who_closed_it_stays_known(site: Here) -> None:
    what = opened(site)
    assert site.run("incident", "list", "-f", "json").json[0]["assignee"] == ""
    assert site.run("incident", "assign", what, "Ada  O'Brien").flat == f"{what} is with Ada O'Brien"
    assert site.run("incident", "assign", what, "林さん 🎁").code == 0
    assert "is with 林さん" in site.run("incident", "assign", what, "林さん 🎁").said
    for wrong in ("", "a\x1b[31m", "x" * 101):
        assert site.run("incident", "assign", what, wrong).code == 2
    assert "林さん" in site.run("incident", "list").flat
    assert site.run("incident", "close", what).out.startswith("closed by cli")
    assert site.run("incident", "assign", what, "Eve").code not in (0, 1)
    shown = site.run("incident", "show", what, "-f", "json").json
    assert [one["text"] for one in shown["notes"]] == ["to Ada O'Brien", "to 林さん 🎁, from Ada O'Brien"]
    assert shown["assignee"] == "林さん 🎁"
    assert shown["closed_by"].startswith("cli")
    assert "with 林さん" in site.run("incident", "show", what).flat
    lines = site.run("events", "query", "details.change=assigned", "-f", "json").out.splitlines()
    assert [json.loads(line)["details"]["assignee"] for line in lines] == ["Ada O'Brien", "林さん 🎁"]


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

    def test_it_holds_the_bill_of_materials_and_the_hashes_of_policy_and_packages(self, site: Here) -> None:
        assert site.run("scan", "sbom", ".", "--lock", "r.txt", "-o", "none.json").code == 3  # no such lock file
        site.write("requirements.txt", "pydantic==1.0.0\n")
        assert site.run("scan", "sbom", ".", "-o", "bom.cdx.json").code == 0
        site.write("garrison.toml", f'{POLICY}[incidents]\nsbom = "bom.cdx.json"\n')
        bundle, what = site.folder / "e.zip", opened(site)
        ran = site.run("incident", "export", what, "-o", str(bundle))
        assert ran.code == 0, ran.err
        assert "with the bill of materials (1 packages)" in ran.flat
        with zipfile.ZipFile(bundle) as packed:
            assert packed.read("sbom.cdx.json") == (site.folder / "bom.cdx.json").read_bytes()
            versions = json.loads(packed.read("versions.json"))
            configuration = json.loads(packed.read("configuration.json"))
        assert versions["sbom"]["differs"]["pydantic"] == ["1.0.0", versions["packages"]["pydantic"]]
        assert len(versions["records"]["pydantic"]) == 64
        assert len(configuration["policy"]["digest"]) == 16
        assert site.run("incident", "verify", str(bundle), "--key", self.key(site)).code == 0

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"bomFormat": "SPDX"}', None])
    def test_a_bill_that_is_none_is_told_and_not_left_out(self, site: Here, text: str | None) -> None:
        if text is not None:
            site.write("bom.json", text)
        bundle, what = site.folder / "e.zip", opened(site)
        ran = site.run("incident", "export", what, "-o", str(bundle), "--sbom", "bom.json")
        assert (ran.code, bundle.exists()) == (2, False)
        assert "--no-sbom" in ran.said

    def test_somebody_elses_key_does_not_open_it(self, site: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        bundle = self.export(site)
        monkeypatch.setenv("GARRISON_KEY", "cT8hX2m_9vRkLw4ZpQy7NbE1sUfD6aGJ0oViC3tKx5M")
        assert site.run("incident", "verify", str(bundle)).code == 1
