"""Findings of `garrison routes` that somebody decided to live with: `[[suppressions]]` of the policy.

Threat: an exception that outlives its reason, or that nobody else agreed to. Lets pass: a reason that is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..findings.record import Finding, Location
from ..findings.severity import Severity
from .exceptions import Exceptional, Why
from .routes_catalogue import Rule

_OWN = frozenset(rule.value.id for rule in Rule)


def suppress(
    findings: Iterable[Finding], exceptions: Exceptional, file: Path | None = None
) -> tuple[list[Finding], int]:
    """The findings that are left, those about the exceptions among them, and how many were taken out."""
    every = list(findings)
    kept = [one for one in every if not exceptions.hides(frozenset({one.id}), one.location, one.severity)]
    count = len(every) - len(kept)
    for number, why, message in exceptions.wrong():
        if exceptions.tables[number].id in _OWN:  # those of other tools `garrison scan` judges
            kept.append(_wrong(file, number, why, message))
    return kept, count


def _wrong(file: Path | None, number: int, why: Why, message: str) -> Finding:
    key = f"suppressions.{number}"
    location = Location.within(Path(), file, key=key) if file else Location(key=key)
    severity = Severity.INFO if why is Why.SOON else None
    return Rule.SUPPRESSION.found(message, location, severity=severity)
