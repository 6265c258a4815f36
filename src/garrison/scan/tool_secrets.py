"""detect-secrets 1.5: keys and passwords in all text files of the project, tests included, by its baseline format.

The secret itself is never in a report: the tool gives a hash and a place. Nothing is sent anywhere (`--no-verify`).
A keyword or a mere look of randomness is low, a key whose form is known is high, and everything in test code is low:
tests of redaction and of refusals are full of look-alikes. So is a password in an address whose host nobody can have
(RFC 2606: example.com and its like). Lock files are left out: they are full of hashes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ..findings.record import Finding, Location
from ..findings.severity import Confidence, Severity
from .external import External, Reading
from .lockfiles import is_lock
from .project import Project, is_test
from .source_files import read
from .taxonomy import asvs, owasp

_GUESSED: Final = {"Secret Keyword": Severity.LOW, "Hex High Entropy String": Severity.LOW,
                   "Base64 High Entropy String": Severity.LOW, "Basic Auth Credentials": Severity.MEDIUM}  # fmt: skip
_NO_SECRET: Final = frozenset({"Public IP (ipv4)"})
_CWE: Final = (798,)
_WITH_PASSWORD: Final = re.compile(r"://[^\s/:@]*:[^\s/@]+@")
_NOBODYS: Final = re.compile(
    r"://[^\s/@]*@(?:[\w-]+\.)*(?:example(?:\.(?:com|net|org))?|invalid|test)(?=[:/?#\s\"'`)]|$)"
)
_COMMENTS: Final = "detect_secrets.filters.allowlist.is_line_allowlisted"
"""What would honour `pragma: allowlist secret`: what is suppressed is suppressed in one place."""


def detect_secrets() -> External:
    """The adapter."""
    return External("detect-secrets", ["scan", "--no-verify", "--disable-filter", _COMMENTS], _texts, _read, fine=(0,))


def _texts(project: Project) -> Sequence[str]:
    return [f"./{one}" for one in project.texts if not is_lock(one)]


def _read(data: Any, project: Project) -> Reading:
    found = [
        _finding(path, one, project)
        for path, several in data["results"].items()
        for one in several
        if one["type"] not in _NO_SECRET
    ]
    return Reading(tuple(found))


def _is_nobodys(path: str, line: int, project: Project) -> bool:
    """Whether every address with a password on that line has a host that nobody can have."""
    try:
        lines = read(project.root / path).splitlines()
    except (OSError, SyntaxError, ValueError):
        return False
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return bool(_NOBODYS.search(text)) and not _WITH_PASSWORD.search(_NOBODYS.sub("", text))


def _finding(path: str, one: dict[str, Any], project: Project) -> Finding:
    kind = str(one["type"])
    example = kind == "Basic Auth Credentials" and _is_nobodys(path, int(one["line_number"]), project)
    guessed = kind in _GUESSED or is_test(path)
    return Finding(
        id=f"secret/{re.sub(r'[^a-z0-9]+', '-', kind.lower()).strip('-')}",
        title=f"Secret in a file: {kind}",
        severity=Severity.LOW if is_test(path) or example else _GUESSED.get(kind, Severity.HIGH),
        confidence=Confidence.LOW if guessed else Confidence.HIGH,
        message=f"This looks like a secret ({kind}).",
        consequence="Whoever reads the source has it, and its history.",
        remedy="Take it out of the environment or a vault (garrison secrets), and change it now.",
        reference="docs/scan.md",
        location=Location(path=path, line=one["line_number"]),
        source="detect-secrets",
        cwe=_CWE,
        owasp=owasp(_CWE),
        asvs=asvs(_CWE),
        snippet=str(one["hashed_secret"])[:12],
    )
