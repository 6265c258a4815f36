"""`garrison scan`: the command as a whole, its exit codes and what it writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from garrison.scan import toolbox
from tests.findings.sarif_rules import LOG
from tests.scan.planted_table import ADVISORY

from .running import Here, Ran

HOLE = "import pickle\n\n\ndef load(data: bytes) -> object:\n    return pickle.loads(data)\n"
CODE = ("--only", "code")


def run(*words: str) -> Ran:
    return Here(Path()).run(*words)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GARRISON_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setenv("GARRISON_ADVISORIES", str(tmp_path / "advisories.sqlite"))
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text("x = 1\n")
    return root


def test_a_clean_project_is_fine(project: Path) -> None:
    ran = run("scan", str(project), *CODE)
    assert ran.code == 0, ran.out
    assert "code ok 1 file" in ran.flat
    assert "Nothing found. Looked at 1 file." in ran.flat


def test_a_hole_is_found_and_the_exit_code_follows_the_severity_asked_for(project: Path) -> None:
    (project / "app.py").write_text(HOLE)
    closed, open_ = run("scan", str(project), *CODE), run("scan", str(project), *CODE, "--fail", "high")
    assert (closed.code, open_.code) == (1, 0)
    assert "gate findings closed by 1 of at least medium" in closed.flat
    assert "gate ok 1 findings before the gate" in open_.flat


def test_what_closes_the_gate_is_named_at_the_end_whatever_the_format(project: Path) -> None:
    (project / "app.py").write_text(HOLE)
    told = run("scan", str(project), *CODE, "--format", "json").err
    assert "closed by G" in told
    assert "app.py:5" in told
    assert "closed by" not in run("scan", str(project), *CODE, "--fail", "high").err
    assert "closed by bandit: skipped" in run("scan", str(project), "--only", "bandit").err


@pytest.mark.parametrize(
    "words",
    [
        ("scan", "not there"),
        ("scan", ".", "--only", "nessus"),
        ("scan", ".", "--optional", "nessus"),
        ("scan", ".", "--baseline", "none.json"),
        ("scan", "tools", "install", "nessus"),
    ],
)
def test_wrong_usage_is_exit_code_2(words: tuple[str, ...]) -> None:
    assert run(*words).code == 2


def test_a_scanner_that_is_missing_is_exit_code_3_unless_it_is_optional(project: Path) -> None:
    ran = run("scan", str(project), "--only", "code", "--only", "bandit")
    assert ran.code == 3
    assert "not installed" in ran.flat
    assert run("scan", str(project), *CODE, "--only", "bandit", "--optional", "bandit").code == 0


def test_every_format_is_written_and_read_back(project: Path, tmp_path: Path) -> None:
    (project / "app.py").write_text(HOLE)
    written = {}
    for shape in ("json", "sarif", "junit", "markdown", "html"):
        file = tmp_path / f"report.{shape}"
        assert run("scan", str(project), *CODE, "--format", shape, "--output", str(file)).code == 1
        written[shape] = file.read_text()
    (found,) = json.loads(written["json"])["findings"]
    assert (found["id"], found["cwe"], found["owasp"], found["asvs"]) == ("G201", [502], ["A08:2025"], ["V1.5.2"])
    LOG(json.loads(written["sarif"]))
    (result,) = json.loads(written["sarif"])["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app.py"
    assert ET.fromstring(written["junit"]).get("failures") == "1"  # noqa: S314  # written a moment ago
    assert "G201" in written["markdown"]
    assert "G201" in written["html"]


def test_a_baseline_makes_the_gate_open_for_what_was_there(project: Path, tmp_path: Path) -> None:
    (project / "app.py").write_text(HOLE)
    file = tmp_path / "baseline.json"
    assert run("scan", str(project), *CODE, "--write-baseline", str(file)).code == 1
    ran = run("scan", str(project), *CODE, "--baseline", str(file))
    assert ran.code == 0
    assert "1 known from the baseline" in ran.flat


def test_a_suppression_of_the_policy_holds_and_a_broken_one_is_exit_code_2(project: Path) -> None:
    (project / "app.py").write_text(HOLE)
    entry = '[[suppressions]]\nid = "G201"\nwhere = "app.py"\nreason = "a file that we write"\nuntil = 2999-01-01\n'
    (project / "garrison.toml").write_text(entry)
    assert run("scan", str(project), *CODE).code == 0
    (project / "garrison.toml").write_text(entry.replace("reason", "raeson"))
    assert run("scan", str(project), *CODE).code == 2


def test_a_policy_in_pyproject_is_the_policy_of_the_scan_as_well(project: Path) -> None:
    """The control: the same tables under another name are none."""
    (project / "app.py").write_text(HOLE)
    entry = (
        '[[tool.garrison.suppressions]]\nid = "G201"\nwhere = "app.py"\nreason = "a file of ours"\nuntil = 2999-01-01\n'
    )
    policy = f"[tool.garrison]\nhosts = []\n{entry}"
    (project / "pyproject.toml").write_text(policy.replace("garrison", "others"))
    ran = run("scan", str(project), *CODE, "--only", "check", "--format", "json")
    assert (ran.code, {one["tool"]: one["outcome"] for one in ran.json["statuses"]}["check"]) == (1, "skipped")
    (project / "pyproject.toml").write_text(policy)
    ran = run("scan", str(project), *CODE, "--only", "check", "--format", "json")
    assert {one["tool"]: one["outcome"] for one in ran.json["statuses"]}["check"] == "findings", ran.out
    assert "G201" not in {one["id"] for one in ran.json["findings"]}
    (project / "pyproject.toml").write_text(policy.replace("reason", "raeson"))
    assert run("scan", str(project), *CODE).code == 2


def test_suppressions_can_stand_in_a_file_of_their_own(project: Path, tmp_path: Path) -> None:
    (project / "app.py").write_text(HOLE)
    entry = '[[suppressions]]\nid = "G201"\nwhere = "app.py"\nreason = "a file that we write"\nuntil = 2999-01-01\n'
    (tmp_path / "scan.toml").write_text(entry)
    assert run("scan", str(project), *CODE).code == 1
    assert run("scan", str(project), *CODE, "--suppressions", str(tmp_path / "scan.toml")).code == 0
    assert run("scan", str(project), *CODE, "--suppressions", str(tmp_path / "none.toml")).code == 2


def test_two_reports_are_compared(project: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    (project / "app.py").write_text(HOLE)
    run("scan", str(project), *CODE, "--format", "json", "--output", str(old))
    (project / "app.py").write_text("# moved\n" + HOLE)
    run("scan", str(project), *CODE, "--format", "json", "--output", str(new))
    ran = run("scan", "diff", str(old), str(new))
    assert (ran.code, ran.out.strip()) == (0, "0 new, 0 gone, 1 the same.")
    (project / "app.py").write_text(HOLE.replace("loads(data)", "loads(data[1:])"))
    run("scan", str(project), *CODE, "--format", "json", "--output", str(new))
    ran = run("scan", "diff", str(old), str(new))
    assert ran.code == 1
    assert "1 new, 1 gone, 0 the same." in ran.out
    (project / "app.py").write_text("def (\n")
    run("scan", str(project), *CODE, "--format", "json", "--output", str(new))
    ran = run("scan", "diff", str(old), str(new))
    assert ran.code == 3
    assert "what it found is not gone" in ran.flat
    assert run("scan", "diff", str(old), str(project / "app.py")).code == 2


def test_each_scan_is_kept_and_the_trend_shows_what_is_new_and_gone(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "scans.sqlite"
    kept = ("--trend", str(file))
    assert "no scan of" in run("scan", "trend", str(project), *kept).flat
    run("scan", str(project), *CODE, *kept)
    (project / "app.py").write_text(HOLE)
    run("scan", str(project), *CODE, *kept)
    run("scan", str(project), "--only", "bandit", "--only", "code", *kept)
    page = tmp_path / "report.html"
    run("scan", str(project), *CODE, *kept, "--format", "html", "--output", str(page))
    run("scan", str(project), *CODE, *kept, "--no-keep")
    found = json.loads(run("scan", "trend", str(project), *kept, "--format", "json").out)
    assert [(one["total"], one["new"], one["gone"], one["gaps"], one["scanners"]) for one in found] == [
        (0, None, None, [], ["code"]),
        (1, 1, 0, [], ["code"]),
        (1, None, None, ["bandit"], ["bandit", "code"]),
        (1, 0, 0, [], ["code"]),
    ]
    shown = run("scan", "trend", str(project), *kept).flat
    assert "1 medium +1 -0" in shown
    assert "not fully run: bandit" in shown
    assert shown.index("Scans by code:") < shown.index("Scans by bandit, code:")
    assert "<svg" in page.read_text()
    assert "Scans by code. Left out: 1 by other scanners" in page.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_scan_that_looks_at_less_is_not_told_as_progress(project: Path, tmp_path: Path) -> None:
    """The control: the same finding gone for good, which is."""
    kept, less = ("--trend", str(tmp_path / "scans.sqlite")), ("--exclude", "app.py")
    (project / "app.py").write_text(HOLE)
    (project / "other.py").write_text("x = 1\n")
    for more in ((), less, less, ()):
        run("scan", str(project), *CODE, *kept, *more)
    (project / "app.py").write_text("x = 1\n")
    run("scan", str(project), *CODE, *kept)
    found = json.loads(run("scan", "trend", str(project), *kept, "--format", "json").out)
    assert [(one["asked"], one["total"], one["new"], one["gone"]) for one in found] == [
        ([], 1, None, None),
        (["--exclude app.py"], 0, None, None),
        (["--exclude app.py"], 0, 0, 0),
        ([], 1, 0, 0),
        ([], 0, 0, 1),
    ]


def test_a_scan_that_can_not_be_kept_is_told_and_its_answer_stands(project: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_text("no database, and long enough to be none" * 50)
    ran = run("scan", str(project), *CODE, "--trend", str(tmp_path / "broken.sqlite"))
    assert ran.code == 0
    assert "this scan was not kept" in ran.flat
    assert run("scan", "trend", str(project), "--trend", str(tmp_path / "broken.sqlite")).code == 3


def test_what_the_gate_says_is_told_at_the_end(project: Path, tmp_path: Path) -> None:
    (project / "app.py").write_text(HOLE)
    rules = tmp_path / "scan.toml"
    rules.write_text('[scan]\nbudget = { "CWE-502" = 0 }\n')
    assert "closed by G003 (high): 1 findings of CWE-502; the budget is 0." in run(
        "scan", str(project), *CODE, "--suppressions", str(rules), "--fail", "high"
    ).err.replace("\n", " ")
    rules.write_text("[scan]\nbudget = { nothing = 0 }\n")
    ran = run("scan", str(project), *CODE, "--suppressions", str(rules))
    assert ran.code == 2
    assert "scan.budget" in ran.err or "budget" in ran.err


def test_excluded_files_are_counted(project: Path) -> None:
    (project / "old").mkdir()
    (project / "old" / "app.py").write_text(HOLE)
    ran = run("scan", str(project), *CODE, "--exclude", "old")
    assert ran.code == 0
    assert "1 files excluded" in ran.flat


def test_the_database_tells_its_age(project: Path, tmp_path: Path) -> None:
    assert run("scan", "db", "status").code == 3
    records = tmp_path / "records"
    records.mkdir()
    (records / "a.json").write_text(json.dumps({**ADVISORY, "modified": datetime.now(UTC).isoformat()}))
    assert "1 advisories" in run("scan", "db", "import", str(records)).out
    assert run("scan", "db", "status").code == 0
    (records / "a.json").write_text(json.dumps({**ADVISORY, "modified": "2020-01-01T00:00:00Z"}))
    run("scan", "db", "import", str(records))
    ran = run("scan", "db", "status")
    assert ran.code == 3
    assert "stale" in ran.out


def test_the_doctor_says_what_is_missing(project: Path) -> None:
    ran = run("scan", "tools", "doctor")
    assert ran.code == 3
    assert "not installed" in ran.out
    listed = json.loads(run("scan", "tools", "list", "--format", "json").out)
    assert {one["name"]: one["installed"] for one in listed} == dict.fromkeys(toolbox.TOOLS, False)


def test_a_scanner_that_may_be_missing_may_not_once_it_is_named(project: Path) -> None:
    (project / "Dockerfile").write_text("FROM x\n")
    both = run("scan", str(project), *CODE, "--only", "hadolint")
    assert both.code == 3
    assert "closed by hadolint" in both.err
    assert run("scan", str(project), *CODE, "--only", "hadolint", "--optional", "hadolint").code == 0


class TestRunningApplication:
    def test_a_scanner_that_attacks_has_to_be_asked_for(self, project: Path) -> None:
        ran = run("scan", str(project), "--url", "http://localhost:9", "--only", "zap")
        assert ran.code == 2
        assert "--active" in ran.said

    def test_a_host_that_is_not_listed_is_not_attacked(self, project: Path) -> None:
        ran = run("scan", str(project), "--url", "https://shop.example.com", "--active", "--only", "zap")
        assert ran.code == 2
        assert "may not be attacked" in ran.said

    def test_nobody_there_is_exit_code_3(self, project: Path) -> None:
        ran = run("scan", str(project), "--url", "http://127.0.0.1:9", "--only", "headers")
        assert ran.code == 3
        assert "does not answer" in ran.flat

    @pytest.mark.parametrize("given", ["Authorization=Bearer s3cret", "env:X", "A b=env:X"])
    def test_a_credential_is_a_reference_and_never_the_secret_itself(self, given: str, project: Path) -> None:
        ran = run("scan", str(project), "--url", "http://localhost:9", "--only", "headers", "--credential", given)
        assert ran.code == 2
        assert "s3cret" not in ran.out + ran.err
