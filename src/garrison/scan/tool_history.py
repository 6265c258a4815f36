"""kingfisher 2.14: secrets in every commit of the project's Git history, by its JSON report, secrets masked.

Nothing is validated and nothing is sent (`--no-validate --no-update-check`). It exits 200 and 205 with findings, which
is read as an orderly end; what counts is its own account of what it scanned. Of a secret in several files it tells
one, another in each run: it is asked for all, and a secret of one file is one finding, at its oldest commit. Comments
that would silence it are not honoured. Installed only when it is named, and then required. Lets pass: history that was
not cloned (`fetch-depth`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import normpath
from typing import Any, Final

from ..findings.record import Finding
from ..findings.report import ToolStatus
from ..findings.severity import Confidence, Severity
from .adapter import Limits, Result, whole
from .external import unusable
from .process import run_bounded
from .project import Project
from .secret_in_history import secret_in_history
from .toolbox import TOOLS

_NAME: Final = "kingfisher"
_MEMORY: Final = 8000
_ORDERLY: Final = (0, 200, 205)


@dataclass(frozen=True, slots=True)
class History:
    """The adapter."""

    program: Path | None = None
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        tool = TOOLS[_NAME]
        if not (project.root / ".git").exists():
            return Result(ToolStatus.skipped(_NAME, "the project is no Git repository", required=False))
        if (gone := unusable(tool, self.program, may_be_missing=True)) is not None:
            return gone
        if (project.root / ".git" / "shallow").exists():
            why = "the clone is shallow: its history is not here (git fetch --unshallow)"
            return Result(ToolStatus.incomplete(_NAME, why, version=tool.version))
        command = [
            str(self.program or tool.program), "scan", ".", "--git-history", "full", "--no-validate",
            "--no-update-check", "--no-ignore", "--no-dedup", "--redact", "--format", "json",
        ]  # fmt: skip
        ended = run_bounded(command, project.root, replace(limits, memory=max(limits.memory, _MEMORY)))
        if why := ended.crash(*_ORDERLY):
            return Result(ToolStatus.failed(_NAME, why, version=tool.version))
        lines = [line for line in ended.output.splitlines() if line.strip()]
        return whole(_NAME, lambda: read_report([json.loads(line) for line in lines]), tool.version)


def read_report(lines: list[dict[str, Any]]) -> Result:
    """Findings and status of its two lines. Raises KeyError, TypeError, IndexError for another shape."""
    report, total = lines[0], lines[1]
    version = str(total["kingfisher"]["version_used"])
    account, blobs = report["audit"]["summary"], int(total["blobs_scanned"])
    found = tuple(_finding(one) for one in _each_once(report["findings"]))
    examined = f"{blobs} contents of files in all commits"
    if not blobs or not account["scan_succeeded"] + account["scan_partial"]:
        return Result(ToolStatus.failed(_NAME, "scanned nothing", version=version), found)
    if account["scan_partial"] or account["scan_failed"] or account["pending"]:
        status = ToolStatus.incomplete(_NAME, "a part of the history could not be scanned", examined)
        return Result(replace(status, version=version), found)
    return Result(ToolStatus.ran(_NAME, examined, version=version), found)


def _each_once(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One for each secret of a file: that of the oldest commit, or of the folder where no commit has it.

    What stands for a secret in its report is the same for the same secret, within one run.
    """
    oldest = sorted(findings, key=lambda one: (not _commit(one), _commit(one).get("date", ""), _commit(one).get("id")))
    told: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in oldest:
        what = one["finding"]
        told.setdefault((one["rule"]["name"], normpath(what["path"]), what["snippet"]), one)
    return list(told.values())


def _commit(one: dict[str, Any]) -> dict[str, str]:
    """The commit that it is in; empty for a file of the folder."""
    return dict((one["finding"].get("git_metadata") or {}).get("commit") or {})


def _finding(one: dict[str, Any]) -> Finding:
    rule, what = one["rule"], one["finding"]
    commit = _commit(one).get("id", "")
    sure = Confidence(what["confidence"])
    severity = {Confidence.HIGH: Severity.HIGH, Confidence.MEDIUM: Severity.MEDIUM, Confidence.LOW: Severity.LOW}[sure]
    found = secret_in_history(
        _NAME,
        rule["name"],
        str(rule["description"]),
        what["path"],
        int(what["line"]),
        commit,
        str(what["fingerprint"]),
        severity,
    )
    return replace(found, confidence=sure)
