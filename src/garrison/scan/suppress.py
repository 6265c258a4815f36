"""Findings somebody decided to live with: `[[suppressions]]` of the policy, each with a reason and a last day.

Threat: an exception that outlives its reason. So it ends by itself, and an entry that fits nothing is told. Lets pass:
a reason that is none; whoever may change the policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from ..findings.record import Finding, Location
from ..policy.section_suppressions import SuppressionTable
from .routes_catalogue import Rule

_OWN = frozenset(rule.value.id for rule in Rule)


def suppress(
    findings: Iterable[Finding], tables: Sequence[SuppressionTable], today: date, file: Path | None = None
) -> tuple[list[Finding], int]:
    """The findings that are left, those of expired and unused entries among them, and how many were taken out."""
    kept: list[Finding] = []
    used: set[int] = set()
    count = 0
    for finding in findings:
        hits = [number for number, table in enumerate(tables) if _fits(table, finding)]
        used.update(hits)
        if any(tables[number].until >= today for number in hits):
            count += 1
        else:
            kept.append(finding)
    for number, table in enumerate(tables):
        if table.id not in _OWN:
            continue  # of another tool: `garrison scan` judges it
        if table.until < today:
            kept.append(_stale(file, number, f"{table.id} at {table.where} ended on {table.until}."))
        elif number not in used:
            kept.append(_stale(file, number, f"{table.id} at {table.where} fits no finding."))
    return kept, count


def _fits(table: SuppressionTable, finding: Finding) -> bool:
    where = finding.location
    if table.id != finding.id or where is None:
        return False
    fits = re.compile(".*".join(map(re.escape, table.where.split("*"))), re.DOTALL)
    return any(fits.fullmatch(text) for text in (where.key, where.path) if text)


def _stale(file: Path | None, number: int, message: str) -> Finding:
    key = f"suppressions.{number}"
    location = Location.within(Path(), file, key=key) if file else Location(key=key)
    return Rule.SUPPRESSION.found(message, location)
