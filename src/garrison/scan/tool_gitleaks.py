"""gitleaks 8, where it is on the PATH: secrets in the Git history, by its JSON report, secrets masked by itself.

No package index has it, so its version is the machine's, and named. It was not there when this was written: the parser
is tried on a report in the documented format, the driving with a program that stands in for it. `--exit-code 0` makes
its exit code mean that it ran; without a report file it did not.

Threat: what lies in the project silences it. Comments (`gitleaks:allow`) and settings are switched off; the
`.gitleaksignore` of the folder it looks at can't be, and `.gitattributes` keep files out of what Git shows it. So it
looks at a folder in which nothing lies but the way to the project's history. Lets pass: what a merge alone brought.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..findings.record import Finding
from ..findings.report import ToolStatus
from .adapter import Limits, Result, whole
from .process import run_bounded
from .project import Project
from .secret_in_history import secret_in_history

_NAME: Final = "gitleaks"
_MEMORY: Final = 16_000
"""Megabytes of address space: its runtime reserves much more than it uses."""


@dataclass(frozen=True, slots=True)
class Gitleaks:
    """The adapter."""

    program: Path | None = None
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        if not (project.root / ".git").exists():
            return Result(ToolStatus.skipped(_NAME, "the project is no Git repository", required=False))
        program, git = self.program or shutil.which(_NAME), shutil.which("git")
        if not program or not git:
            missing = "git" if program else _NAME
            return Result(ToolStatus.skipped(_NAME, f"not installed: {missing} is not on the PATH", required=False))
        asked = run_bounded([git, "rev-parse", "--absolute-git-dir", "--is-shallow-repository"], project.root, limits)
        if why := asked.crash(0):
            return Result(ToolStatus.failed(_NAME, f"git {why}"))
        history, shallow = os.fsdecode(asked.output).splitlines()
        if shallow == "true":
            return Result(ToolStatus.incomplete(_NAME, "the clone is shallow: its history is not here"))
        with tempfile.TemporaryDirectory(prefix="garrison-") as folder:
            report, settings = Path(folder, "report.json"), Path(folder, "settings.toml")
            settings.write_text("[extend]\nuseDefault = true\n", encoding="utf-8")  # not those of the project
            apart = Path(folder, "apart")
            apart.mkdir()
            (apart / ".git").write_bytes(b"gitdir: " + os.fsencode(history) + b"\n")
            command = [
                str(program), "git", "--no-banner", "--redact", "--ignore-gitleaks-allow",
                "--gitleaks-ignore-path", folder, "--config", str(settings), "--exit-code", "0",
                "--report-format", "json", "--report-path", str(report), ".",
            ]  # fmt: skip
            bounds = replace(limits, memory=max(limits.memory, _MEMORY))
            ended = run_bounded(command, apart, bounds, extra=_as_in_the_project(apart))
            if why := ended.crash(0):
                return Result(ToolStatus.failed(_NAME, why))
            return whole(_NAME, lambda: read_report(json.loads(report.read_bytes())))


def read_report(data: list[dict[str, Any]]) -> Result:
    """Findings of a report. Raises KeyError, TypeError, AttributeError for another shape."""
    return Result(ToolStatus.ran(_NAME, "all commits"), tuple(map(_finding, data)))


def _as_in_the_project(apart: Path) -> dict[str, str]:
    """What Git is told in `apart`: that it is as trusted as the project, which Git has just accepted, and that no index
    is there, since it would look for `.gitattributes` in it."""
    return {
        "GIT_INDEX_FILE": str(apart / "none"), "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(apart),
    }  # fmt: skip


def _finding(one: dict[str, Any]) -> Finding:
    return secret_in_history(
        _NAME,
        one["RuleID"],
        str(one["Description"]),
        str(one["File"]),
        int(one["StartLine"]),
        str(one.get("Commit", "")),
        str(one["Fingerprint"]),
    )
