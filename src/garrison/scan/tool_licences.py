"""The licences of the dependencies against `scan.licences` of the policy.

What declares none is not taken as allowed: it is named, and the status is incomplete until `scan.licence_of` says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from ..policy.section_scan import ScanSection
from .adapter import Limits, Result
from .licences import allowed, with_licences
from .lockfiles import Dependency, plain, read_lock, unreadable
from .project import Project

_NAME: Final = "licences"
_PLACES: Final = (".venv", "venv")


def environment_of(root: Path) -> Path | None:
    """The project's own environment, by its usual names."""
    return next((root / one for one in _PLACES if (root / one / "pyvenv.cfg").is_file()), None)


@dataclass(frozen=True, slots=True)
class Licences:
    """The adapter. `environment`: where the packages are installed."""

    section: ScanSection
    environment: Path | None = None
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        if not self.section.licences:
            return Result(ToolStatus.skipped(_NAME, "the policy names none (scan.licences)", required=False))
        if not project.locks:
            return Result(ToolStatus.skipped(_NAME, "no lock file in the project", required=False))
        unread: list[str] = []
        found: dict[tuple[str, str], tuple[Dependency, str]] = {}
        environment = self.environment or environment_of(project.root)
        for path in project.locks:
            try:
                for one, licence in with_licences(read_lock(project.root, path), environment):
                    if not one.dev:
                        found.setdefault((one.purl, ""), (one, licence))
            except (OSError, ValueError) as error:
                unread.append(unreadable(path, error))
        given = {plain(name): licence for name, licence in self.section.licence_of.items()}
        judged = [(one, licence or given.get(one.name, "")) for one, licence in found.values()]
        refused: list[Finding] = []
        for one, licence in judged:
            try:
                if licence and not allowed(licence, self.section.licences):
                    refused.append(_finding(one, licence))
            except ValueError:
                unread.append(f"{one.name} ({licence[:40]!r} is no licence expression)")
        unread += [f"{one.name} {one.version} (declares none)" for one, licence in judged if not licence]
        examined = f"{len(judged)} dependencies"
        if unread:
            more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
            status = ToolStatus.incomplete(_NAME, f"can't judge {', '.join(unread[:5])}{more}", examined)
            return Result(status, tuple(refused))
        return Result(ToolStatus.ran(_NAME, examined), tuple(refused))


def _finding(one: Dependency, licence: str) -> Finding:
    return Finding(
        id="L001",
        title="Licence that the policy does not allow",
        severity=Severity.MEDIUM,
        message=f"{one.name} {one.version} is under {licence}.",
        consequence="Its terms may bind the whole program, or forbid how you use it.",
        remedy="Replace it, or have the licence judged and named in scan.licences.",
        reference="docs/scan-supply.md",
        location=Location(path=one.path, line=one.line, key=one.name),
        source=_NAME,
        snippet=one.name,
    )
