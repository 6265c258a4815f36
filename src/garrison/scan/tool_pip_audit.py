"""pip-audit 2.10: the locked dependencies against an OSV service, for those who may ask one (`--osv`).

Names and versions leave this machine, so it only runs when a service is named. It exits with 0 and says that nothing is
known when every package was skipped: each skip is named here, and closes the gate.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Confidence, Severity
from .adapter import Limits, Result
from .external import unusable
from .lockfiles import Dependency, plain, read_lock
from .process import run_bounded
from .project import Project
from .taxonomy import asvs, owasp
from .toolbox import TOOLS

_NAME: Final = "pip-audit"
_CWE: Final = (1395,)


@dataclass(frozen=True, slots=True)
class PipAudit:
    """The adapter. `service`: the address of an OSV service."""

    service: str
    program: Path | None = None
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        tool = TOOLS[_NAME]
        pinned, unread = _pinned(project)
        if not pinned and not unread:
            return Result(ToolStatus.skipped(_NAME, "no lock file in the project", required=False))
        if (gone := unusable(tool, self.program)) is not None:
            return gone
        with tempfile.TemporaryDirectory(prefix="garrison-") as name:
            folder = Path(name)
            text = "".join(f"{one.name}=={one.version}\n" for one in pinned.values())
            (folder / "pinned.txt").write_text(text, encoding="utf-8")
            command = [
                str(self.program or tool.program), "-r", "pinned.txt", "--no-deps", "--disable-pip", "--format", "json",
                "--progress-spinner", "off", "--vulnerability-service", "osv", "--osv-url", self.service,
                "--cache-dir", str(folder / "cache"),
            ]  # fmt: skip
            ended = run_bounded(command, folder, limits)
        if why := ended.crash(0, 1):
            return Result(ToolStatus.failed(_NAME, why, version=tool.version))
        try:
            result = read_report(json.loads(ended.output), pinned, unread)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            last = (ended.errors.strip().splitlines() or [type(error).__name__])[-1][:200]
            return Result(ToolStatus.failed(_NAME, f"gave no report: {last}", version=tool.version))
        return Result(replace(result.status, version=tool.version), result.findings)


def _pinned(project: Project) -> tuple[dict[str, Dependency], list[str]]:
    """Each package once (pip-audit takes one version of each), and what can't be asked about."""
    pinned: dict[str, Dependency] = {}
    unread: list[str] = []
    for path in project.locks:
        try:
            for one in read_lock(project.root, path):
                if one.ecosystem != "PyPI":
                    continue
                known = pinned.setdefault(one.name, one)
                if not one.version:
                    unread.append(f"{one.name} (not pinned in {path})")
                elif known.version != one.version:
                    unread.append(f"{one.name} {one.version} (another version is asked about)")
        except (OSError, ValueError) as error:
            unread.append(f"{path} ({type(error).__name__})")
    return {name: one for name, one in pinned.items() if one.version}, unread


def read_report(data: dict[str, Any], pinned: dict[str, Dependency], unread: list[str]) -> Result:
    """Findings and status of its JSON. Raises KeyError, TypeError for another shape."""
    found: list[Finding] = []
    gaps, seen = list(unread), 0
    for one in data["dependencies"]:
        if "skip_reason" in one:
            gaps.append(f"{one['name']} ({one['skip_reason'][:100]})")
            continue
        seen += 1
        found += [_finding(hole, pinned[plain(one["name"])]) for hole in one["vulns"]]
    missing = len(pinned) - len(data["dependencies"])
    gaps += [f"{missing} packages that are not in its report"] if missing > 0 else []
    examined = f"{seen} of {len(pinned)} dependencies"
    if gaps:
        more = f" and {len(gaps) - 5} more" if len(gaps) > 5 else ""
        return Result(ToolStatus.incomplete(_NAME, f"can't judge {', '.join(gaps[:5])}{more}", examined), tuple(found))
    return Result(ToolStatus.ran(_NAME, examined), tuple(found))


def _finding(hole: dict[str, Any], one: Dependency) -> Finding:
    names = ", ".join([hole["id"], *hole.get("aliases", [])])
    fixed = hole["fix_versions"]
    return Finding(
        id=f"advisory/{hole['id']}",
        title="Dependency with a known vulnerability",
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        message=f"{one.name} {one.version}: {' '.join(str(hole.get('description') or names).split())[:300]}",
        consequence=f"{names}: the hole is public, and so is often the way to use it.",
        remedy=f"Update to {' or '.join(fixed)}." if fixed else "There is no fixed version: replace it.",
        reference=f"https://osv.dev/vulnerability/{hole['id']}",
        location=Location(path=one.path, line=one.line, key=one.name),
        source=_NAME,
        cwe=_CWE,
        owasp=owasp(_CWE),
        asvs=asvs(_CWE),
        snippet=one.name,
    )
