"""semgrep for real, with our rules: each finds its hole and leaves what is right alone; each way in which it lies."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.scan import toolbox
from garrison.scan.adapter import Limits, Result
from garrison.scan.merge import merge
from garrison.scan.project import Project, read_project
from garrison.scan.tool_code import CodeScan
from garrison.scan.tool_opengrep import RULES, opengrep, texts

from .own_tools import ROOT, installed

CASES = Path(__file__).parent / "semgrep_cases"
PLANTED = Path(__file__).parent / "planted"
RECORDED = Path(__file__).parent / "recorded"
IDS = [one["id"] for one in json.loads(RULES.read_text(encoding="utf-8"))["rules"]]

pytestmark = pytest.mark.xdist_group("semgrep")


@pytest.fixture(scope="module", autouse=True)
def semgrep_installed() -> Iterator[None]:
    with installed("semgrep"):
        yield


def marked(path: Path) -> list[int]:
    """The lines of a case that end with `# hole`."""
    return [number for number, line in enumerate(path.read_text().splitlines(), 1) if line.endswith("# hole")]


@pytest.fixture(scope="module")
def everything() -> Result:
    """One run over all cases and all planted holes and twins."""
    names = [path.relative_to(CASES.parent).as_posix() for path in (*CASES.rglob("*.py"), *PLANTED.rglob("*.py"))]
    return opengrep().run(Project(CASES.parent, python=tuple(sorted(names))), Limits(100))


def test_all_files_were_read(everything: Result) -> None:
    assert everything.status.outcome is Outcome.OK, everything.status
    assert everything.status.version == toolbox.tool("semgrep").version


@pytest.mark.parametrize("rule", IDS)
def test_a_rule_finds_each_of_its_holes_and_nothing_else(rule: str, everything: Result) -> None:
    found: dict[str, list[int]] = {"bad": [], "good": []}
    for one in everything.findings:
        assert one.location is not None
        for side, lines in found.items():
            if one.location.path == f"semgrep_cases/{side}/{rule}.py":
                assert one.id == f"semgrep/{rule}"
                lines.append(one.location.line or 0)
    assert sorted(set(found["bad"])) == marked(CASES / "bad" / f"{rule}.py") != []
    assert found["good"] == []


def test_planted_holes_are_found_and_no_twin(everything: Result) -> None:
    there = Counter(one.location.path.split("/")[1] for one in everything.findings if one.location)
    assert there["twins"] == 0
    assert there["holes"] == 13
    page = (ROOT / "docs" / "scan.md").read_text(encoding="utf-8")
    assert "it sees 13 (" in " ".join(page.split())


def test_every_rule_is_of_a_guideline_and_the_other_texts_are_whole() -> None:
    for rule, said in texts().items():
        page, _, anchor = said["guideline"].partition("#")
        assert f"{{ #{anchor} }}" in (ROOT / page).read_text(encoding="utf-8"), rule
        assert f"semgrep/{rule}" in (ROOT / page).read_text(encoding="utf-8"), "the way back from the guideline"
        assert all(said[key] for key in ("title", "severity", "cwe", "consequence", "remedy", "message"))


def test_it_speaks_with_one_voice_with_the_rule_that_it_seconds(everything: Result) -> None:
    project = Project(CASES.parent, python=("semgrep_cases/bad/command.py",))
    seconds = [one for one in everything.findings if one.location and one.location.path == project.python[0]]
    merged = [one.finding for one in merge([*CodeScan().run(project, Limits()).findings, *seconds], project)]
    assert [one.voices for one in merged if one.id == "G102"] == [("semgrep:semgrep/command",)] * 2
    assert not [one for one in merged if one.id.startswith("semgrep/")]


def test_a_way_that_only_it_sees_makes_the_finding_as_bad_as_it_is(everything: Result) -> None:
    """`code` sees SQL built from an attribute (R011, low), semgrep that a client sent it."""
    project = Project(CASES.parent, python=("semgrep_cases/bad/sql.py",))
    seconds = [one for one in everything.findings if one.location and one.location.path == project.python[0]]
    merged = [one.finding for one in merge([*CodeScan().run(project, Limits()).findings, *seconds], project)]
    found = {one.id: (one.severity, one.voices) for one in merged}
    assert found["R011"] == (Severity.HIGH, ("semgrep:semgrep/sql",))


@pytest.fixture(scope="module")
def partly(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, bool]:
    """The file of the recording, in a project that would hide it; and whether any proxy was called meanwhile."""
    root = tmp_path_factory.mktemp("partly")
    (root / "app.py").write_text((CASES / "bad" / "code.py").read_text() + "\ndef (:\n    x = = 3\n")
    (root / ".semgrepignore").write_text("*.py\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"), address)
        adapter = opengrep()
        result = replace(adapter, environ={**adapter.environ, **proxies}).run(read_project(root), Limits(100))
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return result, False
        return result, True


def test_a_file_that_it_parsed_in_part_is_named(partly: tuple[Result, bool]) -> None:
    status = partly[0].status
    assert (status.outcome, status.detail) == (Outcome.INCOMPLETE, "could not read app.py (PartialParsing)")


def test_its_ignore_files_hide_nothing_and_nothing_asks_the_network(partly: tuple[Result, bool]) -> None:
    assert [one.id for one in partly[0].findings] == ["semgrep/code"]
    assert partly[1] is False


def test_too_little_memory_is_an_error_and_not_a_clean_project(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes((CASES / "bad" / "code.py").read_bytes())
    result = replace(opengrep(), memory=0).run(read_project(tmp_path), Limits(100, memory=2000))
    assert (result.status.outcome, result.findings) == (Outcome.ERROR, ())


LIES = {
    "cut short": lambda text: text[:-20],
    "no file read": lambda text: re.sub(
        r'("errors": \[).*(\],\s+"paths": \{\s+"scanned": \[)[^]]*\]', r"\1\2]", text, flags=re.DOTALL
    ),
    "rules left out": lambda text: text.replace('"skipped_rules": []', '"skipped_rules": [{"rule_id": "sql"}]'),
    "another shape": lambda text: "[]",
    "an unknown rule": lambda text: text.replace('"check_id": "code"', '"check_id": "other"'),
    "nothing": lambda text: "",
}


class TestRecorded:
    """Output of semgrep 1.185.0; how it was made stands in `recorded/README.md`."""

    def replay(self, output: str, tmp_path: Path, code: int = 0) -> Result:
        program = tmp_path / "semgrep"
        program.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write({output!r})\nsys.exit({code})\n")
        program.chmod(0o700)
        (tmp_path / "app.py").write_text("x = 1\n")
        return replace(opengrep(), program=program).run(read_project(tmp_path), Limits(20))

    def said(self) -> str:
        return (RECORDED / "semgrep-partial.json").read_text()

    def test_it_is_read_as_what_it_says_today(self, tmp_path: Path, partly: tuple[Result, bool]) -> None:
        result = self.replay(self.said(), tmp_path)
        assert [(one.id, str(one.location)) for one in result.findings] == [("semgrep/code", "app.py:9:21")]
        assert result == partly[0]

    @pytest.mark.parametrize("lie", LIES)
    def test_what_is_not_whole_is_an_error(self, lie: str, tmp_path: Path) -> None:
        told = LIES[lie](self.said())
        assert told != self.said()
        assert self.replay(told, tmp_path).status.outcome is Outcome.ERROR

    def test_a_crash_is_an_error_whatever_was_printed(self, tmp_path: Path) -> None:
        assert self.replay(self.said(), tmp_path, 2).status.outcome is Outcome.ERROR


def test_an_opengrep_on_the_path_takes_its_place_and_tells_its_own_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in: no index has opengrep. It answers as semgrep did, with a version of its own."""
    text = (RECORDED / "semgrep-partial.json").read_text().replace("1.185.0", "1.12.1")
    program = tmp_path / "opengrep"
    program.write_text(f"#!{sys.executable}\nimport sys\nassert '--config' in sys.argv\nsys.stdout.write({text!r})\n")
    program.chmod(0o700)
    (tmp_path / "app.py").write_text("x = 1\n")
    monkeypatch.setenv("GARRISON_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = opengrep().run(read_project(tmp_path), Limits(20))
    assert (result.status.version, len(result.findings)) == ("1.12.1", 1)


def test_it_may_be_missing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARRISON_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setenv("PATH", "")
    (tmp_path / "app.py").write_text("x = 1\n")
    status = opengrep().run(read_project(tmp_path), Limits()).status
    assert (status.outcome, status.required, "not installed" in status.detail) == (Outcome.SKIPPED, False, True)
