"""`garrison check` and `garrison routes` as adapters: other processes, because routes loads the application.

Their reports are read as JSON. Nothing else makes the project's code run: `-P` keeps its folder from where Python looks
for modules. A policy that can't be read is their finding, not a crash of the scan.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Confidence, Severity
from .adapter import Limits, Result
from .process import run_bounded
from .project import Project
from .scan_policy import policy_file
from .taxonomy import asvs, owasp


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """`garrison WORDS ARGUMENTS --format json`, run in the project's folder; WORDS is NAME unless told."""

    name: str
    arguments: Sequence[str] = ()
    words: Sequence[str] = ()

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        if self.name == "check" and policy_file(project.root) is None:
            why = "neither garrison.toml nor [tool.garrison] of pyproject.toml is in the project"
            return Result(ToolStatus.skipped(self.name, why, required=False))
        command = [
            sys.executable,
            "-P",
            "-m",
            "garrison",
            *(self.words or [self.name]),
            *self.arguments,
            "--format",
            "json",
        ]
        here = Path(__file__).resolve().parents[2]  # never the project: a `json.py` of its would run here
        extra = {"PYTHONPATH": str(project.root.resolve() if self.name == "routes" else here)}
        ended = run_bounded(command, project.root, limits, extra=extra)
        if why := ended.crash(0, 1):
            return Result(ToolStatus.failed(self.name, why))
        try:
            data = json.loads(ended.output)
            findings = tuple(_finding(one, self.name) for one in data["findings"])
            gaps = [
                f"{one['tool']}: {one['detail']}"
                for one in data["statuses"]
                if one["outcome"] not in {"ok", "findings"}
            ]
            examined = [item for one in data["statuses"] for item in one["examined"]]
        except (ValueError, KeyError, TypeError):
            return Result(ToolStatus.failed(self.name, "its output is not whole"))
        if gaps:
            return Result(ToolStatus.incomplete(self.name, "; ".join(gaps), *examined), findings)
        return Result(ToolStatus.ran(self.name, *examined), findings)


def _finding(one: dict[str, Any], source: str) -> Finding:
    cwe = tuple(one["cwe"])
    where = one["location"]
    made = Finding(
        id=one["id"], title=one["title"], severity=Severity(one["severity"]), confidence=Confidence(one["confidence"]),
        message=one["message"], consequence=one["consequence"], remedy=one["remedy"], reference=one["reference"],
        location=Location(**where) if where else None, source=source, cwe=cwe, evidence=one["evidence"],
    )  # fmt: skip
    return replace(made, owasp=owasp(cwe), asvs=asvs(cwe))
