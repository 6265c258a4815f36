"""schemathesis 4.32: the endpoints of the OpenAPI document, tried with what it makes up, by its JSON report.

Only the methods of the target are tried, at its rate; the credential goes through the environment and a configuration
that names it, never through the arguments. A run that its time ended, or that tried no operation, is incomplete.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Confidence, Severity
from .adapter import Limits, Result, whole
from .external import unusable
from .live import Live
from .process import run_bounded
from .project import Project
from .taxonomy import asvs, owasp
from .toolbox import TOOLS

_NAME: Final = "schemathesis"
_SEVERITY: Final = {"critical": "high", "high": "high", "medium": "medium", "low": "low"}
_CWE: Final = {"ServerError": (755,), "IgnoredAuth": (306,), "UseAfterFree": (672,), "AcceptedNegativeData": (20,),
               "UndefinedStatusCode": (), "MissingHeaders": ()}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Schemathesis:
    """The adapter."""

    live: Live
    program: Path | None = None
    """Another program than the installed one: for tests."""
    examples: int = 20
    budget: float = 0
    """Seconds that it is told to take; most of the time limit unless given. It makes requests up until then."""
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        tool = TOOLS[_NAME]
        if (gone := unusable(tool, self.program)) is not None:
            return gone
        with tempfile.TemporaryDirectory(prefix="garrison-") as folder:
            return self._run(Path(folder), limits, str(self.program or tool.program))

    def _run(self, folder: Path, limits: Limits, program: str) -> Result:
        (folder / "schemathesis.toml").write_text(self._settings(), encoding="utf-8")
        methods = [word for one in self.live.methods for word in ("--include-method", one)]
        seconds = max(1, int(self.budget or limits.seconds * 0.8 - 2))
        command = [
            program, "--no-color", "--config-file", "schemathesis.toml", "run", f"{self.live.url}{self.live.schema}",
            *methods, "--url", self.live.url, "--rate-limit", f"{self.live.rate}/s", "--max-time", str(seconds),
            "--max-examples", str(self.examples), "--max-redirects", "0", "--request-timeout", "10",
            "--report", "json", "--report-json-path", "report.json", "--warnings", "off",
        ]  # fmt: skip
        extra = {"GARRISON_SCAN_SECRET": self.live.secret} if self.live.secret else {}
        ended = run_bounded(command, folder, limits, extra=extra)
        if why := ended.crash(0, 1):
            return Result(ToolStatus.failed(_NAME, why))
        return whole(_NAME, lambda: read_report(json.loads((folder / "report.json").read_bytes()), self.live))

    def _settings(self) -> str:
        if not self.live.secret:
            return ""
        return f'headers = {{ {json.dumps(self.live.header)} = "${{GARRISON_SCAN_SECRET}}" }}\n'


def read_report(data: dict[str, Any], live: Live) -> Result:
    """Findings and status of a report. Raises KeyError, TypeError, ValueError for another shape."""
    version = str(data["schemathesis_version"])
    operations = data["operations"]
    tested, selected = int(operations["tested"]), int(operations["selected"])
    found = tuple(
        _finding(one, operation)
        for one in data["failures"]
        for operation in list(dict.fromkeys(one["operations"]))[:50]
    )
    examined = (f"{tested} of {operations['total']} operations", f"{data['test_cases']['generated']} requests made up")
    gaps = [str(one.get("title", "error")) if isinstance(one, dict) else str(one) for one in data["errors"]][:3]
    if not tested:
        return Result(ToolStatus.failed(_NAME, "tried no operation", version=version), found)
    if tested < selected:
        gaps.append(f"tried {tested} of {selected} operations")
    if data["stop_reason"] not in {"completed", "max_time", None} or not data["complete"]:
        gaps.append(f"ended early ({data['stop_reason']})")
    if gaps:
        return Result(ToolStatus.incomplete(_NAME, "; ".join(gaps), *examined, version=version), found)
    return Result(ToolStatus.ran(_NAME, *examined, version=version), found)


def _finding(one: dict[str, Any], operation: str) -> Finding:
    cwe = _CWE.get(one["type"], ())
    return Finding(
        id=f"schemathesis/{one['code']}",
        title=one["title"],
        severity=Severity.HIGH if one["type"] == "IgnoredAuth" else Severity(_SEVERITY[one["severity"]]),
        confidence=Confidence.HIGH,
        message=f"{one['title']}: seen {one['count']} times.",
        consequence="",
        remedy="Answer what the document says, and a 4xx to what it does not allow.",
        reference="https://schemathesis.readthedocs.io/",
        location=Location(key=operation),
        source=_NAME,
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
    )
