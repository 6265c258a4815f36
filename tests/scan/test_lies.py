"""Each way in which a scanner lies: it did not look, and seems to have found nothing. The gate closes every time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from garrison.findings.report import Outcome, exit_code
from garrison.findings.severity import Severity
from garrison.scan import toolbox
from garrison.scan.adapter import Adapter, Limits, Result
from garrison.scan.advisories import ArchiveUnusable, import_records
from garrison.scan.project import Project, read_project
from garrison.scan.run import report_of, scan
from garrison.scan.source_files import LARGEST
from garrison.scan.tool_advisories import Dependencies
from garrison.scan.tool_bandit import bandit
from garrison.scan.tool_code import CodeScan
from garrison.scan.tool_garrison import OwnCommand
from tests.cli.running import Here
from tests.scan.planted_table import ADVISORY

TODAY = date(2027, 1, 15)
WHOLE = {"results": [], "errors": [], "metrics": {"./app.py": {}, "_totals": {}}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text("x = 1\n")
    return read_project(root)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """A scanner that does what the body of the program says."""

    def write(body: str) -> Path:
        path = tmp_path / "scanner"
        path.write_text(f"#!{sys.executable}\nimport sys, time, os\n{dedent(body)}\n")
        path.chmod(0o700)
        return path

    return write


def gate_of(project: Project, adapter: Adapter, limits: Limits | None = None) -> tuple[Outcome, str, int]:
    """How the scanner ended, the reason, and the exit code of the command."""
    report = report_of(scan(project, [adapter], limits or Limits(20)), TODAY, "0")
    status = report.statuses[0]
    return status.outcome, status.detail, exit_code(report, Severity.MEDIUM)


def test_a_scanner_that_ran_to_the_end_and_found_nothing_opens_the_gate(
    project: Project, program: Callable[[str], Path]
) -> None:
    fine = replace(bandit(), program=program(f"print({json.dumps(WHOLE)!r})"))
    assert gate_of(project, fine) == (Outcome.OK, "", 0)


LIES = {
    "crashed": ("sys.exit('Traceback: boom')", "ended with code 1: Traceback: boom"),
    "killed": ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
    "hung": ("time.sleep(60)", "stopped after 1 s"),
    "silent": ("", "its output is not whole"),
    "cut short": (f"print({json.dumps(WHOLE)[:-9]!r})", "its output is not whole"),
    "another shape": ("print('[]')", "of another shape"),
    "too talkative": ("sys.stdout.write('x' * 3_000_000)", "more than 1 MB of output"),
    "greedy": ("x = bytearray(3_000_000_000)", "MemoryError"),
    "read no file": (f"print({json.dumps({**WHOLE, 'metrics': {'_totals': {}}})!r})", "read none of 1 file"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_scanner_that_did_not_look_closes_the_gate_and_says_why(
    lie: str, project: Project, program: Callable[[str], Path]
) -> None:
    body, reason = LIES[lie]
    limits = Limits(1 if lie == "hung" else 20, 1000, 1)
    outcome, said, code = gate_of(project, replace(bandit(), program=program(body)), limits)
    assert outcome is Outcome.ERROR
    assert reason in said
    assert code == 3


def test_a_file_that_the_scanner_could_not_read_is_named_and_closes_the_gate(
    project: Project, program: Callable[[str], Path]
) -> None:
    said = {**WHOLE, "errors": [{"filename": "./app.py", "reason": "syntax error"}]}
    outcome, why, code = gate_of(project, replace(bandit(), program=program(f"print({json.dumps(said)!r})")))
    assert (outcome, code) == (Outcome.INCOMPLETE, 3)
    assert "app.py" in why


def test_children_of_a_scanner_that_hung_do_not_outlive_it(
    project: Project, program: Callable[[str], Path], tmp_path: Path
) -> None:
    mark = tmp_path / "outlived"
    child = f"import time; time.sleep(3); open({str(mark)!r}, 'w')"
    body = f"import subprocess; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    assert gate_of(project, replace(bandit(), program=program(body)), Limits(1))[2] == 3
    import time

    time.sleep(3.5)
    assert not mark.exists()


def test_a_scanner_gets_no_secret_of_the_caller(
    project: Project, program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GARRISON_KEY", "s3cret")
    body = f"open({str(tmp_path / 'seen')!r}, 'w').write(repr(dict(os.environ)))"
    gate_of(project, replace(bandit(), program=program(body)))
    assert "s3cret" not in (tmp_path / "seen").read_text()


class TestTools:
    def fake(self, version: str, folder: Path) -> None:
        """A bandit of that version in the place of the pinned one."""
        tool = toolbox.tool("bandit")
        (tool.folder / "bin").mkdir(parents=True)
        (tool.folder / "complete").touch()
        program = tool.folder / "bin" / "bandit"
        program.write_text(f"#!{sys.executable}\nprint('bandit {version}')\n")
        program.chmod(0o700)

    def test_a_scanner_that_is_not_installed_closes_the_gate(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GARRISON_TOOLS", str(tmp_path / "tools"))
        outcome, why, code = gate_of(project, bandit())
        assert (outcome, code) == (Outcome.SKIPPED, 3)
        assert "garrison scan tools install bandit" in why

    def test_an_older_version_closes_the_gate(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GARRISON_TOOLS", str(tmp_path / "tools"))
        self.fake("1.6.0", tmp_path)
        outcome, why, code = gate_of(project, bandit())
        assert (outcome, code) == (Outcome.ERROR, 3)
        assert "is 1.6.0 and not the pinned" in why

    def test_an_environment_that_was_not_finished_does_not_count(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GARRISON_TOOLS", str(tmp_path / "tools"))
        self.fake(toolbox.tool("bandit").version, tmp_path)
        assert toolbox.state(toolbox.tool("bandit")) == ""
        (toolbox.tool("bandit").folder / "complete").unlink()
        assert "not installed" in toolbox.state(toolbox.tool("bandit"))

    def test_without_a_network_nothing_is_installed_and_nothing_half_made_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GARRISON_TOOLS", str(tmp_path / "tools"))
        for name, value in {
            "INDEX_URL": "http://127.0.0.1:9/simple",
            "RETRIES": "0",
            "CONFIG_FILE": "/dev/null",
        }.items():
            monkeypatch.setenv(f"PIP_{name}", value)
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        uv = tmp_path / "uv"
        uv.write_text(f'#!/bin/sh\necho "$@ $UV_DEFAULT_INDEX" > {tmp_path / "asked"}\nexit 1\n')
        uv.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        with pytest.raises(toolbox.InstallFailed):
            toolbox.install(toolbox.tool("ruff"))
        assert not toolbox.tool("ruff").folder.exists()
        asked = (tmp_path / "asked").read_text()
        assert "--require-hashes" in asked, "uv is tried first where there is one"
        assert "http://127.0.0.1:9/simple" in asked


class TestBuiltIn:
    def test_a_folder_without_python_is_no_clean_project(self, tmp_path: Path) -> None:
        outcome, why, code = gate_of(read_project(tmp_path), CodeScan())
        assert (outcome, code) == (Outcome.SKIPPED, 3)
        assert "nothing was looked at" in why

    def test_a_file_that_is_no_python_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "good.py").write_text("x = 1\n")
        (tmp_path / "bad.py").write_text("def (:\n")
        outcome, why, code = gate_of(read_project(tmp_path), CodeScan())
        assert (outcome, code) == (Outcome.INCOMPLETE, 3)
        assert "bad.py (SyntaxError)" in why

    def test_a_file_that_is_too_large_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "good.py").write_text("x = 1\n")
        (tmp_path / "big.py").write_text("x = 1\n" * 100_000)
        outcome, why, code = gate_of(read_project(tmp_path), CodeScan())
        assert (outcome, code) == (Outcome.INCOMPLETE, 3)
        assert "big.py" in why

    def test_the_time_limit_holds_for_it_as_well(self, project: Project) -> None:
        outcome, why, code = gate_of(project, CodeScan(), Limits(0.01))
        assert (outcome, code) == (Outcome.ERROR, 3)
        assert "stopped after" in why

    def test_an_adapter_that_breaks_is_an_error_and_not_the_end(self, project: Project) -> None:
        @dataclass(frozen=True)
        class Broken:
            name: str = "broken"

            def run(self, project: Project, limits: Limits) -> Result:
                raise ZeroDivisionError

        report = report_of(scan(project, [Broken(), CodeScan()], Limits(20)), TODAY, "0")
        assert [one.outcome for one in report.statuses[:2]] == [Outcome.ERROR, Outcome.OK]
        assert exit_code(report) == 3

    def test_a_policy_that_can_not_be_read_is_a_finding_of_check(self, project: Project) -> None:
        (project.root / "garrison.toml").write_text("hots = []\n")
        report = report_of(scan(project, [OwnCommand("check")], Limits(60)), TODAY, "0")
        assert [one.id for one in report.findings] == ["P000"]
        assert exit_code(report) == 1


class TestAdvisories:
    def locked(self, tmp_path: Path, text: str) -> Project:
        root = tmp_path / "locked"
        root.mkdir()
        (root / "requirements.txt").write_text(text)
        return read_project(root)

    def database(self, tmp_path: Path, modified: str = "2027-01-14T00:00:00Z") -> Path:
        (tmp_path / "records").mkdir()
        (tmp_path / "records" / "a.json").write_text(json.dumps({**ADVISORY, "modified": modified}))
        import_records(tmp_path / "records", tmp_path / "db.sqlite")
        return tmp_path / "db.sqlite"

    def test_a_known_hole_is_found_and_the_fixed_version_is_not(self, tmp_path: Path) -> None:
        project = self.locked(tmp_path, "planted-templates==2.10 --hash=sha256:0\n")
        database = self.database(tmp_path)
        report = report_of(scan(project, [Dependencies(TODAY, database)], Limits()), TODAY, "0")
        (found,) = report.findings
        assert (found.id, found.severity) == ("advisory/PYSEC-2026-9001", Severity.CRITICAL)
        assert "2.11" in found.remedy
        (project.root / "requirements.txt").write_text("Planted_Templates==2.11\n")
        assert gate_of(project, Dependencies(TODAY, database)) == (Outcome.OK, "", 0)

    def test_no_database_closes_the_gate(self, tmp_path: Path) -> None:
        project = self.locked(tmp_path, "planted-templates==2.10\n")
        outcome, why, code = gate_of(project, Dependencies(TODAY, tmp_path / "none.sqlite"))
        assert (outcome, code) == (Outcome.SKIPPED, 3)
        assert "garrison scan db update" in why

    def test_an_old_database_closes_the_gate_and_says_its_date(self, tmp_path: Path) -> None:
        project = self.locked(tmp_path, "planted-templates==2.11\n")
        outcome, why, code = gate_of(project, Dependencies(TODAY, self.database(tmp_path, "2026-12-24T00:00:00Z")))
        assert (outcome, code) == (Outcome.STALE, 3)
        assert "2026-12-24: garrison scan db update" in why

    def test_a_database_that_is_none_closes_the_gate(self, tmp_path: Path) -> None:
        project = self.locked(tmp_path, "planted-templates==2.11\n")
        (tmp_path / "db.sqlite").write_text("no database at all, but text that is long enough" * 50)
        outcome, _, code = gate_of(project, Dependencies(TODAY, tmp_path / "db.sqlite"))
        assert (outcome, code) == (Outcome.ERROR, 3)

    @pytest.mark.parametrize("line", ["planted-templates>=2\n", "planted-templates==not.a.version\n"])
    def test_a_dependency_that_can_not_be_judged_is_named(self, line: str, tmp_path: Path) -> None:
        project = self.locked(tmp_path, line)
        outcome, why, code = gate_of(project, Dependencies(TODAY, self.database(tmp_path)))
        assert (outcome, code) == (Outcome.INCOMPLETE, 3)
        assert "planted-templates" in why

    def test_an_archive_without_advisories_leaves_the_old_database(self, tmp_path: Path) -> None:
        database = self.database(tmp_path)
        before = database.read_bytes()
        (tmp_path / "empty").mkdir()
        (tmp_path / "broken.zip").write_text("no archive")
        for source in (tmp_path / "empty", tmp_path / "broken.zip", tmp_path / "not there"):
            with pytest.raises(ArchiveUnusable):
                import_records(source, database)
        assert database.read_bytes() == before

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("uv.lock", '[[package]]\nname = "planted-templates"\nversion = "2.10"\n'),
            ("poetry.lock", '[[package]]\nname = "planted_templates"\nversion = "2.10"\n'),
            ("pdm.lock", '[[package]]\nname = "planted.templates"\nversion = "2.10"\n'),
            ("pylock.toml", '[[packages]]\nname = "planted-templates"\nversion = "2.10"\n'),
            ("Pipfile.lock", '{"default": {"planted-templates": {"version": "==2.10"}}}'),
        ],
    )
    def test_the_lock_files_of_all_installers_are_read(self, file: str, text: str, tmp_path: Path) -> None:
        (tmp_path / "locked").mkdir()
        (tmp_path / "locked" / file).write_text(text)
        project = read_project(tmp_path / "locked")
        report = report_of(scan(project, [Dependencies(TODAY, self.database(tmp_path))], Limits()), TODAY, "0")
        assert [one.id for one in report.findings] == ["advisory/PYSEC-2026-9001"]


NPM_RECORD = {
    "id": "GHSA-xxxx-yyyy-zzzz",
    "modified": "2027-01-14T00:00:00Z",
    "summary": "prototype of everything is changed",
    "affected": [
        {
            "package": {"ecosystem": "npm", "name": "@scope/left"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "1.0.0-beta.2"}, {"fixed": "1.2.10"}]}],
        }
    ],
}


class TestAdvisoriesOfNpm:
    def run(
        self, tmp_path: Path, version: str, *records: object, name: str = "@scope/left"
    ) -> tuple[Outcome, str, int]:
        (tmp_path / "records").mkdir()
        for number, record in enumerate(records):
            (tmp_path / "records" / f"{number}.json").write_text(json.dumps(record))
        import_records(tmp_path / "records", tmp_path / "db.sqlite")
        root = tmp_path / "locked"
        root.mkdir()
        packages = {"": {}, f"node_modules/{name}": {"version": version}}
        (root / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
        result = Dependencies(TODAY, tmp_path / "db.sqlite").run(read_project(root), Limits())
        return result.status.outcome, result.status.detail, len(result.findings)

    @pytest.mark.parametrize(
        ("version", "hit"),
        [
            ("1.0.0-beta.11", 1),
            ("1.0.0-beta.1", 0),
            ("1.0.0-alpha", 0),
            ("1.2.9", 1),
            ("1.2.10", 0),
            ("1.2.10-rc.1", 1),
        ],
    )
    def test_versions_are_compared_by_semantic_versioning(self, tmp_path: Path, version: str, hit: int) -> None:
        assert self.run(tmp_path, version, NPM_RECORD) == (Outcome.OK, "", hit)

    def test_a_database_without_npm_is_no_clean_project(self, tmp_path: Path) -> None:
        outcome, why, _ = self.run(tmp_path, "1.1.0", {**ADVISORY, "modified": "2027-01-14T00:00:00Z"})
        assert outcome is Outcome.INCOMPLETE
        assert "no advisories of npm" in why

    def test_a_package_of_the_same_name_elsewhere_is_another_package(self, tmp_path: Path) -> None:
        python = {**ADVISORY, "modified": "2027-01-14T00:00:00Z"}
        assert self.run(tmp_path, "2.10.0", python, NPM_RECORD, name="planted-templates") == (Outcome.OK, "", 0)


class TestWhatNobodyLookedAt:
    def test_links_out_of_the_project_and_odd_folders_are_named(self, tmp_path: Path) -> None:
        outside, root = tmp_path / "outside", tmp_path / "project"
        for folder in (outside / "lib", root / "site", root / "dist" / "lib", root / "shop", root / ".git"):
            folder.mkdir(parents=True)
        for file in (
            outside / "a.py",
            outside / "lib/b.py",
            root / "site/app.py",
            root / "dist/lib/c.py",
            root / "x.py",
        ):
            file.write_text("x = 1\n")
        links = {"linked.py": "../outside/a.py", "lib": "../outside/lib", "gone.py": "../outside/gone.py"}
        for link, target in {**links, "same.py": "x.py", "more": "shop", "data.bin": "../outside/a.py"}.items():
            (root / link).symlink_to(target)
        (root / "huge.json").write_text(" " * (LARGEST + 1))
        project = read_project(root)
        assert project.python == ("x.py",)
        assert project.passed == ("gone.py", "lib/", "linked.py", "site/")
        ran = Here(root).run("scan", str(root), "--only", "code", "--no-keep")
        assert ran.code == 0
        assert "not looked at: gone.py, lib/, linked.py, site/, huge.json" in ran.flat
        assert read_project(root, ["site", "*.py", "lib"]).passed == ()

    def test_a_project_as_most_are_has_nothing_of_it(self, tmp_path: Path) -> None:
        """Environments, caches and builds are somebody else's."""
        for name in ("node_modules/x.py", "build/lib/shop.py", "__pycache__/x.py", ".tox/x.py", "env/x.py", "shop.py"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x = 1\n")
        (tmp_path / "env/pyvenv.cfg").touch()
        assert read_project(tmp_path).passed == ()
        ran = Here(tmp_path).run("scan", str(tmp_path), "--only", "code", "--no-keep")
        assert (ran.code, "not looked at" in ran.flat) == (0, False)
