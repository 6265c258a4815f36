"""The report as a GitLab code quality report: the widget of a merge request, and marks beside the lines.

Assumption: GitLab's format of Code Climate issues (description, check_name, fingerprint, severity, location), as its
documentation has it. It has no word for a scanner that did not run, so a gap is an issue of its own: `blocker` where
the scanner is required. Threat and what is let pass: as for `as_json`.
"""

from typing import Final

from .as_json import Json, dump
from .fingerprint import fingerprint
from .inert import one_line
from .record import Finding
from .report import Report, ToolStatus

_WORDS: Final = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor", "info": "info"}


def write(report: Report) -> str:
    """A JSON list of issues, ending in a line feed."""
    issues: list[Json] = [_gap(status) for status in report.gaps]
    if not report.statuses:
        issues.append(
            _issue("did-not-run", "Nothing was looked at.", "blocker", ".", 1, fingerprint("none", "", "", 0))
        )
    return dump([*issues, *map(_finding, report.findings)])


def _finding(one: Finding) -> Json:
    where = one.location
    path, line = (where.path or ".", where.line or 1) if where else (".", 1)
    said = one_line(f"{one.title}: {one.message}" + (f" Fix: {one.remedy}" if one.remedy else ""))
    return _issue(one_line(f"{one.source}/{one.id}"), said, _WORDS[one.severity.value], path, line, one.fingerprint)


def _gap(status: ToolStatus) -> Json:
    said = one_line(f"{status.tool} {status.outcome.value}: {status.detail}")
    mark = fingerprint("did-not-run", "", status.tool, 0)
    return _issue("did-not-run", said, "blocker" if status.required else "minor", ".", 1, mark)


def _issue(name: str, description: str, severity: str, path: str, line: int, mark: str) -> Json:
    return {
        "type": "issue",
        "check_name": name,
        "description": description,
        "categories": ["Security"],
        "severity": severity,
        "fingerprint": mark,
        "location": {"path": path, "lines": {"begin": line}},
    }
