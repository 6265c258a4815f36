"""What the scanners say of one mistake is one finding, and the table of what ran shows each that spoke."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from garrison.findings.record import Finding, Location
from garrison.findings.report import Outcome, Report, ToolStatus
from garrison.findings.severity import Severity
from garrison.scan.adapter import Limits
from garrison.scan.merge import merge
from garrison.scan.project import read_project
from garrison.scan.run import Scan, report_of
from garrison.scan.scan_policy import SuppressionsUnusable, read_suppressions
from garrison.scan.tool_bandit import bandit
from garrison.scan.tool_code import CodeScan

HOLES = """
import yaml
from fastapi import FastAPI
app = FastAPI()

@app.get("/a")
def a(q: str):
    return eval(q)

@app.post("/b")
def b(q: str):
    return yaml.load(q, Loader=yaml.Loader)

@app.post("/c")
def c(q: str):
    exec(q)
"""


def said(number: str, issue: int) -> dict[str, object]:
    """What bandit 1.9.4 says about a line, shortened to what is read."""
    line = {"B307": 8, "B506": 12, "B102": 16}[number]
    return {"test_id": number, "test_name": "x", "issue_severity": "MEDIUM", "issue_confidence": "HIGH",
            "issue_text": "x", "issue_cwe": {"id": issue}, "filename": "app.py", "line_number": line}  # fmt: skip


def test_bandits_own_numbers_do_not_keep_its_voice_apart(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HOLES)
    project = read_project(tmp_path)
    ours = CodeScan().run(project, Limits())
    output = {
        "results": [said("B307", 78), said("B506", 20), said("B102", 78)],
        "errors": [],
        "metrics": {"app.py": {}},
    }
    theirs = bandit().read(output, project).findings
    merged = merge([*ours.findings, *theirs], project)
    assert sorted((one.finding.id, one.finding.voices) for one in merged) == [
        ("G103", ("bandit:B102",)), ("G103", ("bandit:B307",)), ("G115", ("bandit:B506",)),
    ]  # fmt: skip
    statuses = (ours.status, ToolStatus.ran("bandit", "1 file"), ToolStatus.ran("ruff", "1 file"))
    report = report_of(Scan(project, statuses, tuple(merged)), date(2027, 1, 15), "0")
    outcomes = {one.tool: one.outcome for one in report.statuses}
    assert (outcomes["bandit"], outcomes["ruff"]) == (Outcome.FINDINGS, Outcome.OK), "who only agrees found it too"


def test_a_voice_alone_is_no_tool_that_ran() -> None:
    one = Finding(id="G103", title="x", severity=Severity.HIGH, message="x", consequence="", remedy="", reference="",
                  location=Location(path="a.py", line=1), source="code", voices=("bandit:B307",))  # fmt: skip
    report = Report(command="scan", version="0", findings=(one,), statuses=(ToolStatus.ran("code", "1 file"),))
    assert [status.tool for status in report.statuses] == ["code"]


def test_a_suppression_that_is_wrong_is_told_in_the_words_of_its_rule(tmp_path: Path) -> None:
    entry = 'id = "G103"\nwhere = "a.py"\nreason = "because it is so"\nuntil = 2027-01-01\n'
    entry += 'owner = "us"\napproved_by = "us"\n'
    (tmp_path / "garrison.toml").write_text(f"[[suppressions]]\n{entry}")
    with pytest.raises(SuppressionsUnusable) as raised:
        read_suppressions(tmp_path)
    assert "somebody else has to agree" in raised.value.message
    assert "pydantic" not in raised.value.message


def test_a_file_that_bandit_could_not_read_is_named_as_everywhere_else(tmp_path: Path) -> None:
    output = {"results": [], "errors": [{"filename": "././shop/bad.py"}], "metrics": {"app.py": {}}}
    assert bandit().read(output, read_project(tmp_path)).unread == ("shop/bad.py",)
