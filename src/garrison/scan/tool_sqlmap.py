"""sqlmap 1.10: SQL injection in the operations of the OpenAPI document, by its log and its table of results.

GPL-2.0: run as a program, installed only when it is named. It exits with 0 whatever happened, so what counts is the
verdict that it logs for each operation: found, or "do not appear to be injectable"; any other end is a gap. It tells a
hole by answers, errors and unions, at its lowest level and risk, and takes nothing out (no stacked queries, no dump).
The credential stands in a file of a private folder that goes with the run: sqlmap reads no environment.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..findings.inert import one_line
from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from .adapter import Limits, Result
from .code_rules import Hole
from .live import Live
from .live_ready import ready
from .process import run_bounded
from .project import Project
from .toolbox import TOOLS

_NAME: Final = "sqlmap"
_BEGINS: Final = re.compile(r"testing URL '([^'\n]+)'")
_CLEAN: Final = "all tested parameters do not appear to be injectable"
_FOUND: Final = "sqlmap identified the following injection point"
_TROUBLE: Final = re.compile(r"\[(?:ERROR|CRITICAL)\] (.+)")
_ANSWERS: Final = "skip further=N,exploit=N,keep testing=Y"
"""Not to skip the other operations of a host once one has a hole; not to exploit it; not to stop at one parameter."""


@dataclass(frozen=True, slots=True)
class Sqlmap:
    """The adapter."""

    live: Live
    program: Path | None = None
    """Another program than the installed one: for tests."""
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        tool = TOOLS[_NAME]
        prepared = ready(_NAME, self.program, self.live)
        if isinstance(prepared, Result):
            return prepared
        text, count = prepared
        with tempfile.TemporaryDirectory(prefix="garrison-sqlmap-") as name:
            folder = Path(name)
            (folder / "openapi.json").write_text(text, encoding="utf-8")
            (folder / "sqlmap.conf").write_text(self._settings(), encoding="utf-8")
            seconds = max(1, int(limits.seconds * 0.8 - 2))
            command = [
                str(self.program or tool.program), "-c", "sqlmap.conf", "--batch", "--answers", _ANSWERS,
                "--technique=BEU", "--level=1", "--risk=1", "--threads=1", f"--delay={1 / self.live.rate:.3f}",
                "--timeout=10", "--retries=1", "--ignore-redirects", "--flush-session", "--disable-coloring",
                "--output-dir=out", "--results-file=found.csv", f"--time-limit={seconds}",
            ]  # fmt: skip
            ended = run_bounded(command, folder, limits, extra={"HOME": name})
            if why := ended.crash(0):
                return Result(ToolStatus.failed(_NAME, why, version=tool.version))
            rows = folder / "found.csv"
            table = rows.read_text(encoding="utf-8", errors="replace") if rows.is_file() else ""
        result = read_output(ended.output.decode(errors="replace"), table, self.live, count)
        return Result(replace(result.status, version=tool.version), result.findings)

    def _settings(self) -> str:
        lines = ["[Target]", "openApiFile = openapi.json", f"openApiBase = {self.live.url}"]
        if self.live.secret:
            lines += ["[Request]", f"headers = {self.live.header}: {self.live.secret}"]
        return "\n".join(lines) + "\n"


def read_output(log: str, table: str, live: Live, count: int) -> Result:
    """Findings and status: `log` as it printed it, `table` its file of results, `count` the operations that it had."""
    parts = _BEGINS.split(log)[1:]
    tried, gaps, hits = 0, [], 0
    for url, said in zip(parts[::2], parts[1::2], strict=True):
        if _FOUND in said or _CLEAN in said:
            tried += 1
            hits += _FOUND in said
        else:
            why = _TROUBLE.search(said)
            gaps.append(f"{urlsplit(url).path} ({one_line(why[1])[:120] if why else 'no verdict'})")
    findings = tuple(_findings(table))
    if len(findings) < hits:
        gaps.append("holes of its log are missing in its table")
    if len(parts) // 2 < count:
        gaps.append(f"tried {len(parts) // 2} of {count} operations")
    examined = f"{tried} of {count} operations of {live.shown}"
    if not tried:
        return Result(ToolStatus.failed(_NAME, f"tried no operation: {'; '.join(gaps[:3])}"), findings)
    if gaps:
        return Result(ToolStatus.incomplete(_NAME, "; ".join(gaps[:5]), examined), findings)
    return Result(ToolStatus.ran(_NAME, examined), findings)


def _findings(table: str) -> Iterator[Finding]:
    rows = [one for one in csv.DictReader(io.StringIO(table)) if one.get("Parameter")]
    for place, parameter, url in dict.fromkeys((one["Place"], one["Parameter"], one["Target URL"]) for one in rows):
        path = urlsplit(url).path or "/"
        where = Location(key=f"{place} {path}")
        made = Hole.SQL.found(f"SQL injection through {parameter} ({place}) was shown.", where)
        yield replace(made, id="sqlmap/injection", title="SQL injection, shown", source=_NAME,
                      snippet=f"{place} {path} {parameter}")  # fmt: skip
