"""zizmor 1.32: GitHub workflows and actions, by its JSON report (`json-v1`), without asking the network.

A file that it can't parse is a warning and no failure, unless `--strict-collection` is given: without it a broken
workflow looks like a clean one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.severity import Confidence, Severity
from .external import External, Reading
from .project import Project
from .taxonomy import asvs, owasp

_FILE: Final = re.compile(r"(?:^|/)\.github/workflows/[^/]+\.ya?ml$|(?:^|/)action\.ya?ml$")
_SEVERITY: Final = {"High": "high", "Medium": "medium", "Low": "low", "Informational": "info", "Unknown": "low"}
_CWE: Final = {
    "template-injection": (94,), "dangerous-triggers": (829,), "unpinned-uses": (829,), "unpinned-images": (829,),
    "excessive-permissions": (732,), "artipacked": (200,), "hardcoded-container-credentials": (798,),
    "cache-poisoning": (349,), "known-vulnerable-actions": (1395,), "secrets-inherit": (200,), "bot-conditions": (290,),
    "overprovisioned-secrets": (200,), "github-env": (94,), "impostor-commit": (829,), "ref-confusion": (829,),
}  # fmt: skip


def zizmor() -> External:
    """The adapter."""
    arguments = [
        "--offline", "--no-progress", "--no-exit-codes", "--no-config", "--no-ignores", "--strict-collection",
        "--format", "json-v1", "--",
    ]  # fmt: skip
    return External("zizmor", arguments, _workflows, _read, fine=(0,))


def _workflows(project: Project) -> Sequence[str]:
    return [one for one in project.texts if _FILE.search(one)]


def _read(data: Any, project: Project) -> Reading:
    return Reading(tuple(_finding(one) for one in data))


def _finding(one: dict[str, Any]) -> Finding:
    primary = next(place for place in one["locations"] if place["symbolic"]["kind"] == "Primary")
    start = primary["concrete"]["location"]["start_point"]
    judged = one["determinations"]
    cwe = _CWE.get(one["ident"], ())
    return Finding(
        id=f"zizmor/{one['ident']}",
        title=str(one["desc"]).capitalize(),
        severity=Severity(_SEVERITY[judged["severity"]]),
        confidence=Confidence(judged["confidence"].lower() if judged["confidence"] != "Unknown" else "low"),
        message=str(primary["symbolic"]["annotation"]),
        consequence="",
        remedy="; ".join(fix["title"] for fix in one.get("fixes", [])),
        reference=one.get("url", ""),
        location=Location(
            path=primary["symbolic"]["key"]["Local"]["verbatim_path"], line=start["row"] + 1, column=start["column"] + 1
        ),
        source="zizmor",
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
        snippet=str(primary["concrete"]["feature"])[:500],
    )
