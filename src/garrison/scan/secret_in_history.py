"""A secret in an older commit, as a finding: the same words whichever scanner of the Git history found it."""

from __future__ import annotations

from typing import Final

from ..findings.record import Finding, Location
from ..findings.severity import Severity
from .project import is_test
from .taxonomy import asvs, owasp

_CWE: Final = (798,)


def secret_in_history(
    source: str,
    rule: str,
    about: str,
    path: str,
    line: int,
    commit: str,
    fingerprint: str,
    severity: Severity = Severity.HIGH,
) -> Finding:
    """What `source` found by `rule`; in a test it is low, whatever `severity` says. `commit` may be empty."""
    return Finding(
        id=f"history/{rule}",
        title="Secret in the history",
        severity=Severity.LOW if is_test(path) else severity,
        message=about + (f" (commit {commit[:12]})" if commit else ""),
        consequence="Whoever has a clone has it, whatever the newest commit says.",
        remedy="Change it now; then decide whether the history has to be rewritten.",
        reference="docs/scan.md",
        location=Location(path=f"./{path}", line=max(1, line)),
        source=source,
        cwe=_CWE,
        owasp=owasp(_CWE),
        asvs=asvs(_CWE),
        snippet=fingerprint,
    )
