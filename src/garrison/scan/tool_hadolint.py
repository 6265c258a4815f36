"""hadolint 2.15: Dockerfiles, by its JSON report.

It is GPL-3.0: run as a program, never imported, installed only when it is named, and allowed to be missing. What it
can't parse is a finding DL1000 of its own: here that file is not read. Rules of style are info.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.severity import Severity
from .code_files import kind_of
from .external import External, Reading
from .project import Project
from .taxonomy import asvs, owasp

_SEVERITY: Final = {"error": Severity.MEDIUM, "warning": Severity.LOW, "info": Severity.INFO, "style": Severity.INFO}
_CWE: Final = {"DL3002": (250,), "DL3004": (250,), "DL3007": (1357,), "DL3006": (1357,), "DL3008": (1357,),
               "DL3013": (1357,), "DL3016": (1357,), "DL3018": (1357,), "DL4006": (390,)}  # fmt: skip
_SETTINGS: Final = files("garrison.scan").joinpath("hadolint.yaml")
"""Instead of one that the scanned project brings."""
_WORSE: Final = frozenset({"DL3002"})


def hadolint() -> External:
    """The adapter."""
    arguments = ["--no-color", "--no-fail", "--disable-ignore-pragma", "--config", str(_SETTINGS), "--format", "json",
                 "--"]  # fmt: skip
    return External("hadolint", arguments, _files, _read, fine=(0,), may_be_missing=True)


def _files(project: Project) -> Sequence[str]:
    return [f"./{one}" for one in project.other if kind_of(one) == "dockerfile"]


def _read(data: Any, project: Project) -> Reading:
    unread = tuple(str(one["file"]) for one in data if one["code"] == "DL1000")
    return Reading(tuple(_finding(one) for one in data if one["code"] != "DL1000"), None, unread)


def _finding(one: dict[str, Any]) -> Finding:
    cwe = _CWE.get(one["code"], ())
    return Finding(
        id=one["code"],
        title=f"Dockerfile: {one['code']}",
        severity=Severity.MEDIUM if one["code"] in _WORSE else _SEVERITY[one["level"]],
        message=one["message"],
        consequence="",
        remedy="",
        reference=f"https://github.com/hadolint/hadolint/wiki/{one['code']}",
        location=Location(path=one["file"], line=one["line"], column=one["column"]),
        source="hadolint",
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
        snippet=f"{one['code']} {one['message']}",
    )
