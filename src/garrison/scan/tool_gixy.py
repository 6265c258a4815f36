"""gixy (gixy-ng 0.2): nginx configurations, by its JSON report, one file at a time.

It answers with an empty list for a file that it can't parse, so each file is looked at first: braces that don't close
and blocks that aren't nginx's are named as not read. `include` is not followed out of the project.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from .adapter import Limits, Result
from .external import unusable
from .process import run_bounded
from .project import Project
from .source_files import read
from .taxonomy import asvs, owasp
from .toolbox import TOOLS

_NAME: Final = "gixy"
_BLOCK: Final = re.compile(r"^\s*(?:http|server|upstream\s+\S+)\s*\{", re.MULTILINE)
_WORDS: Final = re.compile(r"#[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_CWE: Final = {
    "ssrf": (918,), "http_splitting": (113,), "alias_traversal": (22,), "host_spoofing": (290,), "origins": (346,),
    "valid_referers": (290,), "version_disclosure": (200,), "unanchored_regex": (185,), "regex_redos": (1333,),
    "missing_resolver": (350,), "weak_ssl_tls": (326,), "hsts_header": (319,), "add_header_redefinition": (693,),
}  # fmt: skip
_LOW: Final = frozenset({"version_disclosure", "add_header_redefinition"})
"""What gives away or loses something, and opens nothing: gixy calls it high."""


@dataclass(frozen=True, slots=True)
class Gixy:
    """The adapter."""

    program: Path | None = None
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        chosen = [one for one in project.texts if one.endswith(".conf") and _BLOCK.search(_text(project, one))]
        if not chosen:
            return Result(ToolStatus.skipped(_NAME, "no nginx configuration in the project", required=False))
        tool = TOOLS[_NAME]
        if (gone := unusable(tool, self.program)) is not None:
            return gone
        found: list[Finding] = []
        unread: list[str] = []
        for path in chosen:
            if not balanced(_text(project, path)):
                unread.append(f"{path} (its braces don't close)")
                continue
            command = [str(self.program or tool.program), "--disable-includes", "--format", "json", f"./{path}"]
            ended = run_bounded(command, project.root, limits)
            try:
                if why := ended.crash(0, 1):
                    unread.append(f"{path} ({why})")
                else:
                    found += [_finding(one, path) for one in json.loads(ended.output)]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                unread.append(f"{path} (its output is not whole: {type(error).__name__})")
        examined = f"{len(chosen)} file{'' if len(chosen) == 1 else 's'}"
        if unread:
            status_ = ToolStatus.incomplete(_NAME, f"could not read {', '.join(unread[:5])}", examined)
            return Result(replace(status_, version=tool.version), tuple(found))
        return Result(ToolStatus.ran(_NAME, examined, version=tool.version), tuple(found))


def balanced(text: str) -> bool:
    """Whether braces close, those in comments and quotes left out."""
    depth = 0
    for character in re.sub(r"[^{}]", "", _WORDS.sub("", text)):
        depth += 1 if character == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def _text(project: Project, path: str) -> str:
    try:
        return read(project.root / path)
    except (OSError, SyntaxError, ValueError):
        return ""


def _finding(one: dict[str, Any], path: str) -> Finding:
    plugin = str(one["plugin"])
    cwe = _CWE.get(plugin, ())
    fixes = [str(fix["description"]) for fix in one.get("fixes", [])]
    level = {"HIGH": Severity.HIGH, "MEDIUM": Severity.MEDIUM, "LOW": Severity.LOW}.get(one["severity"], Severity.LOW)
    return Finding(
        id=f"gixy/{plugin}",
        title=str(one["summary"]),
        severity=Severity.LOW if plugin in _LOW else level,
        message=str(one["reason"] or one["summary"]),
        consequence=str(one["description"]),
        remedy="; ".join(fixes),
        reference=one.get("reference") or one.get("help_url") or "",
        location=Location(path=path, line=one.get("line") or 1),
        source=_NAME,
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
        snippet=f"{plugin} {one['reason']}",
    )
