"""semgrep 1.185 or opengrep, by its JSON report, with rules of our own: no registry, no login, nothing sent.

LGPL-2.1: run as a program, installed only when it is named, allowed to be missing. Its rules follow values through a
function and know frameworks; most are a second opinion to a rule of `code`, whose guideline they share.
Lets pass: flows across functions and files. A file without any word that a rule looks for counts as read unparsed, even
where it is no Python: `code` names those.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.severity import Severity
from .code_rules import Hole
from .external import External, Reading
from .project import Project
from .taxonomy import asvs, owasp
from .toolbox import TOOLS

RULES: Final = files("garrison.scan").joinpath("semgrep", "rules.json")
_ARGUMENTS: Final = (
    "scan", "--config", str(RULES), "--json", "--quiet", "--metrics", "off", "--disable-version-check", "--oss-only",
    "--disable-nosem", "--no-rewrite-rule-ids", "--timeout", "60", "--timeout-threshold", "0", "--",
)  # fmt: skip


def opengrep() -> External:
    """The adapter: the installed semgrep, otherwise an opengrep on the PATH."""
    tool = TOOLS["semgrep"]
    other = shutil.which("opengrep") if tool.program is None else None
    return External(
        "semgrep", _ARGUMENTS, _python, _read, fine=(0,), program=Path(other) if other else None, may_be_missing=True,
        environ={"SEMGREP_SETTINGS_FILE": str(tool.folder / "settings.yml"), "SEMGREP_LOG_FILE": "/dev/null"},
        memory=16_000,
    )  # fmt: skip


@cache
def texts() -> Mapping[str, dict[str, Any]]:
    """Every rule as what a finding says about it: title, severity, cwe, consequence, remedy, guideline."""
    holes = {one.id: one.found(".", Location(key=".")) for one in Hole}
    found: dict[str, dict[str, Any]] = {}
    for rule in json.loads(RULES.read_text(encoding="utf-8"))["rules"]:
        said = dict(rule["metadata"])
        if "rule" in said:
            like = holes[said["rule"]]
            said |= {"title": like.title, "severity": like.severity.value, "cwe": list(like.cwe),
                     "consequence": like.consequence, "remedy": like.remedy, "guideline": like.reference}  # fmt: skip
        found[rule["id"]] = {**said, "message": rule["message"]}
    return found


def _python(project: Project) -> Sequence[str]:
    return [f"./{one}" for one in project.python if one.endswith(".py")]


def _read(data: Any, project: Project) -> Reading:
    if data["skipped_rules"] or any(not one.get("path") for one in data["errors"]):
        raise ValueError  # a rule that it can't read, or a failure of no file: it did not look as it should
    unread = dict.fromkeys(f"{one['path']} ({_kind(one['type'])})" for one in data["errors"])
    findings = tuple(_finding(one) for one in data["results"])
    return Reading(findings, len(data["paths"]["scanned"]), tuple(unread), str(data["version"]))


def _kind(said: Any) -> str:
    return str(said if isinstance(said, str) else said[0])


def _finding(one: dict[str, Any]) -> Finding:
    said = texts()[one["check_id"]]
    cwe = tuple(said["cwe"])
    return Finding(
        id=f"semgrep/{one['check_id']}",
        title=said["title"],
        severity=Severity(said["severity"]),
        message=f"{said['message'][:1].upper()}{said['message'][1:]}.",
        consequence=said["consequence"],
        remedy=said["remedy"],
        reference=said["guideline"],
        location=Location(path=one["path"], line=one["start"]["line"], column=one["start"]["col"]),
        source="semgrep",
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
    )
