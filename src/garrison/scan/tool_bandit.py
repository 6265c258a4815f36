"""bandit 1.9: dangerous calls in Python, by its JSON report.

Left out: what tells that a module is imported (B401 to B415, but for B413) or a program started (B603, B606, B607), not
that anything is wrong; and what a rule of our own judges by more than the name: B101 by G228, B110 and B112 by G225,
B311 by G215, B608 by G101 and R011. Its `nosec` comments are not honoured: what is suppressed is suppressed in one
place, with a reason and a last day.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from ..findings.record import Finding, Location
from ..findings.severity import Confidence, Severity
from .external import External, Reading
from .project import Project
from .taxonomy import asvs, owasp

_SKIPPED = (
    "B101,B110,B112,B311,B401,B402,B403,B404,B405,B406,B407,B408,B409,B410,B411,B412,B414,B415,B603,B606,B607,B608"
)

_LOW = frozenset({"B104", "B108"})
"""Texts that look like an address or a folder: low, as ruff has it here."""

_CWE = {"B102": 94, "B307": 95, "B506": 502}
"""Where bandit's own number (78 and 20) is not that of the mistake, and would keep it apart from other voices."""


def bandit() -> External:
    """The adapter."""
    arguments = ["--quiet", "--format", "json", "--exit-zero", "--ignore-nosec", "--skip", _SKIPPED]
    return External("bandit", arguments, _python, _read, fine=(0,))


def _python(project: Project) -> Sequence[str]:
    return [f"./{one}" for one in project.python if one.endswith(".py")]


def _read(data: Any, project: Project) -> Reading:
    findings = tuple(_finding(one) for one in data["results"])
    unread = tuple(str(PurePosixPath(one["filename"])) for one in data["errors"])
    return Reading(findings, len([one for one in data["metrics"] if one != "_totals"]), unread)


def _finding(one: dict[str, Any]) -> Finding:
    number = _CWE.get(one["test_id"]) or int(one.get("issue_cwe", {}).get("id") or 0)
    cwe = (number,) if number else ()
    return Finding(
        id=one["test_id"],
        title=str(one["test_name"]).replace("_", " "),
        severity=Severity.LOW if one["test_id"] in _LOW else Severity(one["issue_severity"].lower()),
        confidence=Confidence(one["issue_confidence"].lower()),
        message=one["issue_text"].strip(),
        consequence="",
        remedy="",
        reference=one.get("more_info", ""),
        location=Location(path=one["filename"], line=one["line_number"]),
        source="bandit",
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
    )
