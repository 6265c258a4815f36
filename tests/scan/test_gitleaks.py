"""gitleaks where it is installed: a stand-in for the program, and a report in its documented format."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.scan.adapter import Limits, Result
from garrison.scan.project import read_project
from garrison.scan.tool_gitleaks import Gitleaks
from tests.support.components import need

RECORDED = [
    {
        "RuleID": "aws-access-token", "Description": "Identified a pattern that may indicate AWS credentials.",
        "StartLine": 3, "EndLine": 3, "StartColumn": 11, "EndColumn": 30, "Match": "REDACTED", "Secret": "REDACTED",
        "File": "settings.txt", "SymlinkFile": "", "Commit": "4658234ae69202d0ed85dc91e0be36f00bcfa7a1",
        "Entropy": 3.68, "Author": "a", "Email": "a@example.com", "Date": "2027-01-15T10:00:00Z", "Message": "one",
        "Tags": [], "Fingerprint": "4658234ae69202d0ed85dc91e0be36f00bcfa7a1:settings.txt:aws-access-token:3",
    }
]  # fmt: skip


def commit(root: Path, *words: str) -> None:
    """Git, as somebody."""
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run([need("git"), *identity, *words], cwd=root, check=True, capture_output=True)


def run(tmp_path: Path, body: str, *, git: bool = True) -> Result:
    """What comes of a `gitleaks` that checks its arguments and then does what the body says."""
    root = tmp_path / "project"
    root.mkdir()
    if git:
        commit(root, "init", "-q")
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
    commit(tmp_path, "init", "-q")
    monkeypatch.setenv("PATH", "")
    status = Gitleaks().run(read_project(tmp_path), Limits()).status
    assert (status.outcome, status.required, "not installed" in status.detail) == (Outcome.SKIPPED, False, True)


STANDS_IN = """\
import argparse, json, re, subprocess
from pathlib import Path
words = argparse.ArgumentParser(allow_abbrev=False)
words.add_argument("command", choices=["git"])
words.add_argument("source")
for name in ("no-banner", "redact", "ignore-gitleaks-allow"):
    words.add_argument(f"--{name}", action="store_true")
for name in ("config", "report-path", "report-format", "gitleaks-ignore-path", "exit-code"):
    words.add_argument(f"--{name}", default="")
given = words.parse_args()
config = Path(given.config or f"{given.source}/.gitleaks.toml")
allowed = re.findall(r"allow = '(.*)'", config.read_text()) if config.is_file() else []
ignored = ""
for place in (given.gitleaks_ignore_path or ".", given.source):
    ignored += (Path(place) / ".gitleaksignore").read_text() if (Path(place) / ".gitleaksignore").is_file() else ""
log = ["git", "-C", given.source, "log", "-p", "-U0", "--full-history", "--all", "--diff-filter=tuxdb"]
found, name = [], ""
for line in subprocess.run(log, check=True, capture_output=True, text=True).stdout.splitlines():
    name = line[6:] if line.startswith("+++ b/") else name
    if not re.search(r"^\\+.*AKIA[A-Z0-9]{16}", line) or any(word in line for word in allowed):
        continue
    if f"{name}:aws" in ignored or ("gitleaks:allow" in line and not given.ignore_gitleaks_allow):
        continue
    found.append({"RuleID": "aws", "Description": "d", "StartLine": 1, "File": name, "Fingerprint": f"{name}:aws"})
Path(given.report_path or "report.json").write_text(json.dumps(found))
"""
"""What gitleaks 8.30 does with what lies in a project, by its source (`cmd/root.go`, `cmd/git.go`, `sources/git.go`):
its words, where it looks for settings and for what it is to ignore, and the Git command whose output it reads."""

SILENCERS = {
    "a comment": ("settings.txt", "  # gitleaks:allow"),
    "a list": (".gitleaksignore", "settings.txt:aws"),
    "settings": (".gitleaks.toml", "allow = 'aws_key'"),
    "attributes": (".gitattributes", "*.txt -diff"),
}


@pytest.mark.parametrize("silencer", SILENCERS)
def test_nothing_in_the_project_silences_it(silencer: str, tmp_path: Path) -> None:
    """The control: where it looks at the project itself, each of them does."""
    root, program, (name, text) = tmp_path / "project", tmp_path / "gitleaks", SILENCERS[silencer]
    root.mkdir()
    program.write_text(f"#!{sys.executable}\n{STANDS_IN}")
    program.chmod(0o700)
    (root / "settings.txt").write_text('aws_key = "AKIA' + 'Q3EGTVXWZ5NMLKJH"')
    with (root / name).open("a") as file:
        file.write(f"{text}\n")
    commit(root, "init", "-q")
    commit(root, "add", "-A")
    commit(root, "commit", "-qm", "one")
    result = Gitleaks(program).run(read_project(root), Limits(30))
    assert result.status.outcome is Outcome.OK, result.status
    assert [one.location.path for one in result.findings if one.location] == ["settings.txt"]
    subprocess.run([program, "git", "--report-path", tmp_path / "plain.json", "."], cwd=root, check=True)
    assert json.loads((tmp_path / "plain.json").read_text()) == []


def test_the_history_of_a_linked_folder_is_looked_at_and_a_shallow_one_is_no_whole_history(tmp_path: Path) -> None:
    root, program = tmp_path / "project", tmp_path / "gitleaks"
    root.mkdir()
    program.write_text(f"#!{sys.executable}\n{STANDS_IN}")
    program.chmod(0o700)
    (root / "settings.txt").write_text('aws_key = "AKIA' + 'Q3EGTVXWZ5NMLKJH"\n')
    commit(root, "init", "-q")
    commit(root, "add", "-A")
    commit(root, "commit", "-qm", "one")
    commit(root, "commit", "-q", "--allow-empty", "-m", "two")
    commit(root, "worktree", "add", "-q", "../linked")
    commit(tmp_path, "clone", "-q", "--depth", "1", f"file://{root}", "shallow")
    assert len(Gitleaks(program).run(read_project(tmp_path / "linked"), Limits(30)).findings) == 1
    shallow = Gitleaks(program).run(read_project(tmp_path / "shallow"), Limits(30)).status
    assert (shallow.outcome, "shallow" in shallow.detail) == (Outcome.INCOMPLETE, True)
