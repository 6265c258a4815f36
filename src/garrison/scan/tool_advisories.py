"""Dependencies with known vulnerabilities: the lock files against the local database (`garrison scan db`).

No network is asked. What can't be judged is named: packages without a pinned version, versions that are none.
The hint whether a package is imported is only that: what others import for you is not seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Confidence, Severity
from .adapter import Limits, Result
from .advisories import FRESH_DAYS, Advisories, Advisory, DatabaseBroken, database_file
from .context import lowered
from .lockfiles import Dependency, read_lock, unreadable
from .project import Project
from .source_files import read
from .taxonomy import asvs, owasp

_CWE = (1395,)
_NAME = "advisories"
_IMPORT = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The adapter. `today` decides how old the database is."""

    today: date
    file: Path | None = None
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        if not project.locks:
            return Result(ToolStatus.skipped(_NAME, "no lock file in the project", required=False))
        try:
            import packaging.version  # noqa: F401  # the extra `scan`
        except ImportError:
            return Result(ToolStatus.skipped(_NAME, 'the package packaging is missing: pip install "garrison[scan]"'))
        try:
            database = Advisories(self.file or database_file())
        except FileNotFoundError:
            return Result(ToolStatus.skipped(_NAME, "no database of advisories: garrison scan db update"))
        except DatabaseBroken as error:
            return Result(ToolStatus.failed(_NAME, error.message))
        try:
            return self._match(project, database)
        finally:
            database.close()

    def _match(self, project: Project, database: Advisories) -> Result:
        found: list[Finding] = []
        unknown: list[str] = []
        dependencies: list[Dependency] = []
        read = 0
        for path in project.locks:
            try:
                dependencies += read_lock(project.root, path)
                read += 1
            except (OSError, ValueError) as error:
                unknown.append(unreadable(path, error))
        imported = imported_names(project)
        for one in dependencies:
            if not one.version:
                unknown.append(f"{one.name} (not pinned in {one.path})")
                continue
            if one.ecosystem not in database.days:
                unknown.append(f"{one.name} (the database has no advisories of {one.ecosystem})")
                continue
            try:
                about = database.about(one.name, one.version, one.ecosystem)
            except ValueError:
                unknown.append(f"{one.name} {one.version} (no version)")
                continue
            found += [_finding(one, advisory, imported) for advisory in about]
        return Result(self._status(project, dependencies, unknown, database, read), tuple(found))

    def _status(
        self, project: Project, dependencies: list[Dependency], unknown: list[str], database: Advisories, read: int
    ) -> ToolStatus:
        examined = (
            f"{len(dependencies)} dependencies in {read} of {len(project.locks)} lock files",
            f"advisories of {database.newest}",
        )
        version = database.newest.isoformat()
        if (self.today - database.newest).days > FRESH_DAYS:
            status = ToolStatus.stale(_NAME, database.newest, *examined)
            return replace(status, detail=f"{status.detail}: garrison scan db update", version=version)
        if unknown:
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            return ToolStatus.incomplete(_NAME, f"can't judge {', '.join(unknown[:5])}{more}", *examined)
        return ToolStatus.ran(_NAME, *examined, version=version)


def imported_names(project: Project) -> set[str]:
    """The first names of all modules that the project's own code imports, in lower case."""
    names: set[str] = set()
    for path in project.python:
        try:
            names.update(_IMPORT.findall(read(project.root / path)))
        except (OSError, SyntaxError, ValueError):
            continue  # the code scan names it
    return {name.lower() for name in names}


def _finding(one: Dependency, advisory: Advisory, imported: set[str]) -> Finding:
    used = one.name.replace("-", "_") in imported or one.name.partition("-")[0] in imported
    hint = "imported here" if used else "not imported here by that name"
    severity = advisory.severity or Severity.MEDIUM
    context = [hint] if one.ecosystem == "PyPI" else []
    context += ["for development only"] if one.dev else []
    context += [f"CVSS {advisory.score}" if advisory.score is not None else "severity by the database's word"]
    names = ", ".join([advisory.id, *advisory.aliases])
    return Finding(
        id=f"advisory/{advisory.id}",
        title="Dependency with a known vulnerability",
        severity=lowered(severity) if one.dev else severity,
        context=tuple(context),
        confidence=Confidence.HIGH,
        message=f"{one.name} {one.version}: {advisory.summary or names}",
        consequence=f"{names}: the hole is public, and so is often the way to use it.",
        remedy=f"Update to {' or '.join(advisory.fixed)}."
        if advisory.fixed
        else "There is no fixed version: replace it.",
        reference=f"https://osv.dev/vulnerability/{advisory.id}",
        location=Location(path=one.path, line=one.line, key=one.name),
        source=_NAME,
        cwe=_CWE,
        owasp=owasp(_CWE),
        asvs=asvs(_CWE),
        snippet=one.name,
    )
