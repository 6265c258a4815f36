"""gitleaks where it is installed: a stand-in for the program, and a report in its documented format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.scan.adapter import Limits, Result
from garrison.scan.project import read_project
from garrison.scan.tool_gitleaks import Gitleaks

RECORDED = [
    {
        "RuleID": "aws-access-token", "Description": "Identified a pattern that may indicate AWS credentials.",
        "StartLine": 3, "EndLine": 3, "StartColumn": 11, "EndColumn": 30, "Match": "REDACTED", "Secret": "REDACTED",
        "File": "settings.txt", "SymlinkFile": "", "Commit": "4658234ae69202d0ed85dc91e0be36f00bcfa7a1",
        "Entropy": 3.68, "Author": "a", "Email": "a@example.com", "Date": "2027-01-15T10:00:00Z", "Message": "one",
        "Tags": [], "Fingerprint": "4658234ae69202d0ed85dc91e0be36f00bcfa7a1:settings.txt:aws-access-token:3",
    }
]  # fmt: skip


def run(tmp_path: Path, body: str, *, git: bool = True) -> Result:
    """What comes of a `gitleaks` that checks its arguments and then does what the body says."""
    root = tmp_path / "project"
    root.mkdir()
    if git:
        (root / ".git").mkdir()
    program = tmp_path / "gitleaks"
    head = "import sys, time\nfrom pathlib import Path\nassert sys.argv[1] == 'git' and '--redact' in sys.argv\n"
    head += "report = Path(sys.argv[sys.argv.index('--report-path') + 1])\n"
    program.write_text(f"#!{sys.executable}\n{head}{body}\n")
    program.chmod(0o700)
    return Gitleaks(program).run(read_project(root), Limits(3 if "sleep" in body else 30))


def test_its_report_is_read(tmp_path: Path) -> None:
    result = run(tmp_path, f"report.write_text({json.dumps(RECORDED)!r})")
    assert result.status.outcome is Outcome.OK, result.status
    one = result.findings[0]
    assert (one.id, one.severity) == ("history/aws-access-token", Severity.HIGH)
    assert one.location is not None
    assert (one.location.path, one.location.line) == ("settings.txt", 3)


LIES = {
    "no report": "",
    "half a report": "report.write_text('[{')",
    "another shape": "report.write_text('{\"a\": 1}')",
    "a failure": "sys.exit(1)",
    "no end": "time.sleep(60)",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_run_that_gave_no_whole_report_is_an_error(lie: str, tmp_path: Path) -> None:
    assert run(tmp_path, LIES[lie]).status.outcome is Outcome.ERROR


def test_a_clean_history_is_fine_and_a_folder_without_one_is_skipped(tmp_path: Path) -> None:
    assert run(tmp_path, "report.write_text('[]')").status.outcome is Outcome.OK
    (tmp_path / "other").mkdir()
    assert run(tmp_path / "other", "", git=False).status.outcome is Outcome.SKIPPED


def test_it_may_be_missing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    status = Gitleaks().run(read_project(tmp_path), Limits()).status
    assert (status.outcome, status.required, "not installed" in status.detail) == (Outcome.SKIPPED, False, True)
