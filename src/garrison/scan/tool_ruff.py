"""ruff's rules S (flake8-bandit), by its JSON output. `noqa` comments are not honoured, nor is its configuration.

Left out, as with bandit: what tells that a module is imported or a program is started, what rules of our own judge by
more than the name, and S321, which takes FTP_TLS for FTP (G218 does not). ruff gives no severity and no
CWE: both come from the table here, and what is not in it is low.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.severity import Confidence, Severity
from .external import External, Reading
from .project import Project
from .taxonomy import asvs, owasp

_IGNORED: Final = "S101,S110,S112,S311,S321,S4,S603,S606,S607,S608"
_CWE: Final = {
    "S102": 94, "S103": 732, "S104": 605, "S105": 259, "S106": 259, "S107": 259, "S108": 377, "S113": 400, "S201": 94,
    "S202": 22, "S301": 502, "S302": 502, "S303": 328, "S304": 327, "S305": 327, "S306": 377, "S307": 95, "S308": 79,
    "S310": 918, "S312": 319, "S313": 611, "S314": 611, "S315": 611, "S316": 611, "S317": 611, "S318": 611, "S319": 611,
    "S320": 611, "S323": 295, "S324": 328, "S501": 295, "S502": 327, "S503": 327,
    "S504": 327, "S505": 326, "S506": 502, "S507": 295, "S508": 319, "S509": 319, "S602": 78, "S604": 78, "S605": 78,
    "S609": 78, "S610": 89, "S611": 89, "S612": 94, "S701": 79, "S702": 79, "S704": 79,
}  # fmt: skip
_HIGH: Final = frozenset({"S202", "S305", "S323", "S501", "S505", "S507", "S602", "S605", "S701"})
_LOW: Final = frozenset({"S104", "S105", "S106", "S107", "S108", "S113", "S310"})


def ruff() -> External:
    """The adapter."""
    arguments = [
        "check", "--isolated", "--no-cache", "--ignore-noqa", "--no-respect-gitignore", "--exit-zero",
        "--output-format", "json", "--target-version", "py311", "--select", "S", "--ignore", _IGNORED,
    ]  # fmt: skip
    return External("ruff", arguments, _python, _read, fine=(0,))


def _python(project: Project) -> Sequence[str]:
    return [f"./{one}" for one in project.python]


def _read(data: Any, project: Project) -> Reading:
    rules = [one for one in data if str(one["code"]).startswith("S")]
    unread = {_path(one, project) for one in data if not str(one["code"]).startswith("S")}
    return Reading(tuple(_finding(one, project) for one in rules), None, tuple(sorted(unread)))


def _path(one: dict[str, Any], project: Project) -> str:
    return str(one["filename"]).removeprefix(f"{project.root.resolve().as_posix()}/")


def _finding(one: dict[str, Any], project: Project) -> Finding:
    code = str(one["code"])
    cwe = (_CWE[code],) if code in _CWE else ()
    severity = Severity.HIGH if code in _HIGH else Severity.LOW if code in _LOW or not cwe else Severity.MEDIUM
    return Finding(
        id=code,
        title=str(one.get("name") or code).replace("-", " "),
        severity=severity,
        confidence=Confidence.MEDIUM,
        message=one["message"],
        consequence="",
        remedy="",
        reference=one.get("url") or "",
        location=Location(path=_path(one, project), line=one["location"]["row"], column=one["location"]["column"]),
        source="ruff",
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
    )
