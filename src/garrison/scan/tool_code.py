"""The built-in code scan as an adapter: in a process of its own, within the limits of every other tool.

`python -m garrison.scan.tool_code` reads the list of files as JSON from its input and writes findings as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Confidence, Severity
from .adapter import Limits, Result
from .code import examine_code
from .code_rules import TOOL
from .process import run_bounded
from .project import Project
from .source_files import read


@dataclasses.dataclass(frozen=True, slots=True)
class CodeScan:
    """The adapter."""

    name: str = TOOL

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        chosen = [*project.python, *project.other]
        if not chosen:
            return Result(ToolStatus.skipped(TOOL, "no Python file in the project: nothing was looked at"))
        here = str(Path(__file__).resolve().parents[2])
        command = [sys.executable, "-P", "-m", "garrison.scan.tool_code"]
        ended = run_bounded(
            command, project.root, limits, given=json.dumps(chosen).encode(), extra={"PYTHONPATH": here}
        )
        if why := ended.crash(0):
            return Result(ToolStatus.failed(TOOL, why))
        try:
            data = json.loads(ended.output)
            findings = tuple(_finding(one) for one in data["findings"])
            unread, count = list(map(str, data["unread"])), int(data["read"])
        except (ValueError, KeyError, TypeError):
            return Result(ToolStatus.failed(TOOL, "its output is not whole"))
        return Result(_status(project, count, unread), findings)


def _status(project: Project, count: int, unread: list[str]) -> ToolStatus:
    examined = f"{count} file{'' if count == 1 else 's'}"
    missing = [*unread, *(f"{one} (too large)" for one in project.left_out if one.endswith(".py"))]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        return ToolStatus.incomplete(TOOL, f"could not read {', '.join(missing[:5])}{more}", examined)
    return ToolStatus.ran(TOOL, examined)


def _finding(one: dict[str, Any]) -> Finding:
    where = one.pop("location")
    one |= {name: tuple(one[name]) for name in ("cwe", "owasp", "asvs", "voices", "context")}
    one |= {"severity": Severity(one["severity"]), "confidence": Confidence(one["confidence"])}
    return Finding(**one, location=Location(**where) if where else None)


def main() -> None:
    """Examine the files named on standard input, below the working directory."""
    found: list[Finding] = []
    unread: list[str] = []
    chosen = json.load(sys.stdin)
    for path in chosen:
        try:
            found += [replace(one, source=TOOL) for one in examine_code(path, read(Path(path)))]
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            unread.append(f"{path} ({type(error).__name__})")
    answer = {
        "findings": [dataclasses.asdict(one) for one in found],
        "unread": unread,
        "read": len(chosen) - len(unread),
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
