"""wapiti 3.3: injection, script, files, commands and redirects in the operations of the OpenAPI document.

GPL-2.0: run as a program (its Python is 3.12 or newer), installed only when it is named. It exits with 0 whatever
happened; the pages that it counts and the requests that it says it skipped tell how far it came. It follows no link
and sends no form: only the document's operations, reduced to the methods that are allowed, are tried. The modules that
ask a server of its makers (ssrf, xxe) are left out. It takes a credential on its command line only, where other users
read it, and knows no rate, only one request at a time: with a credential, or on another machine, it is skipped.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from .adapter import Limits, Result, whole
from .live import Live
from .live_ready import ready
from .process import run_bounded
from .project import Project
from .taxonomy import asvs, owasp
from .toolbox import TOOLS

_NAME: Final = "wapiti"
_MODULES: Final = "sql,xss,file,exec,redirect,crlf"
_CWE: Final = {
    "SQL Injection": (89,), "Reflected Cross Site Scripting": (79,), "Stored Cross Site Scripting": (79,),
    "Path Traversal": (22,), "Command execution": (78,), "Open Redirect": (601,), "CRLF Injection": (113,),
    "Internal Server Error": (755,), "Resource consumption": (400,),
}  # fmt: skip
_LEVEL: Final = {4: Severity.HIGH, 3: Severity.HIGH, 2: Severity.MEDIUM, 1: Severity.LOW, 0: Severity.INFO}
_SKIPPED: Final = re.compile(r"^(\d+) requests were skipped", re.MULTILINE)
_STOPPED: Final = re.compile(r"Max (?:attack|scan) time was reached", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wapiti:
    """The adapter."""

    live: Live
    program: Path | None = None
    """Another program than the installed one: for tests."""
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        tool = TOOLS[_NAME]
        if self.live.secret:
            why = "it takes a credential on its command line only, where other users read it"
            return Result(ToolStatus.skipped(_NAME, why, required=False))
        if not self.live.is_loopback:
            why = "it can't be held to a rate: loopback only"
            return Result(ToolStatus.skipped(_NAME, why, required=False))
        prepared = ready(_NAME, self.program, self.live)
        if isinstance(prepared, Result):
            return prepared
        text, count = prepared
        with tempfile.TemporaryDirectory(prefix="garrison-wapiti-") as name:
            folder = Path(name)
            (folder / "openapi.json").write_text(text, encoding="utf-8")
            command = [str(self.program or tool.program), *self._arguments(limits)]
            ended = run_bounded(command, folder, limits, extra={"HOME": name})
            if why := ended.crash(0):
                return Result(ToolStatus.failed(_NAME, why, version=tool.version))
            report, log = folder / "report.json", ended.output.decode(errors="replace")
            return whole(
                _NAME, lambda: read_report(json.loads(report.read_bytes()), log, self.live, count), tool.version
            )

    def _arguments(self, limits: Limits) -> list[str]:
        each = max(1, int((limits.seconds * 0.8 - 2) / (_MODULES.count(",") + 2)))
        return [
            "--url", f"{self.live.url}/", "--swagger", "openapi.json", "--scope", "folder", "--depth", "0",
            "--module", _MODULES, "--max-scan-time", str(each), "--max-attack-time", str(each), "--timeout", "10",
            "--tasks", "1", "--no-bugreport", "--flush-session", "--store-session", "session", "--store-config",
            "config", "--verify-ssl", "1", "--format", "json", "--output", "report.json",
        ]  # fmt: skip


def read_report(data: dict[str, Any], log: str, live: Live, count: int) -> Result:
    """Findings and status of a report and what was printed. Raises KeyError, TypeError for another shape."""
    version = str(data["infos"]["version"]).removeprefix("Wapiti ")
    pages = int(data["infos"]["crawled_pages_nbr"])
    said = {**data["vulnerabilities"], **data["anomalies"]}
    found = tuple(one for kind, several in said.items() for one in _findings(kind, several, data["classifications"]))
    skipped = sum(int(one) for one in _SKIPPED.findall(log))
    gaps = [f"{skipped} requests got no answer"] if skipped else []
    gaps += [f"found {pages} of {count} operations"] if pages < count else []
    gaps += ["its time ended before it did"] if _STOPPED.search(log) else []
    examined = f"{count} operations of {live.shown}"
    if not pages:
        return Result(ToolStatus.failed(_NAME, "reached no operation", version=version), found)
    if gaps:
        return Result(ToolStatus.incomplete(_NAME, "; ".join(gaps), examined, version=version), found)
    return Result(ToolStatus.ran(_NAME, examined, version=version), found)


def _findings(kind: str, several: list[dict[str, Any]], about: dict[str, Any]) -> Iterator[Finding]:
    cwe = _CWE.get(kind, ())
    places = {(one["method"], one["path"], str(one["parameter"])): one for one in several}
    for (method, path, parameter), one in places.items():
        yield Finding(
            id=f"wapiti/{re.sub(r'[^a-z0-9]+', '-', kind.lower()).strip('-')}",
            title=kind,
            severity=_LEVEL[int(one["level"])],
            message=str(one["info"])[:500] or kind,
            consequence=" ".join(str(about[kind]["desc"]).split())[:1000] if kind in about else "",
            remedy=" ".join(str(about[kind]["sol"]).split())[:1000] if kind in about else "",
            reference="https://wapiti-scanner.github.io/",
            location=Location(key=f"{method} {path}"),
            source=_NAME,
            cwe=cwe,
            owasp=owasp(cwe),
            asvs=asvs(cwe),
            snippet=f"{method} {path} {parameter}",
        )
