"""What `garrison routes` shows: rule by rule, worst first, with risk and remedy once and each place in a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ..findings.record import Finding
from ..findings.report import Report
from ..findings.severity import Severity
from .output import paragraph, safe

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN: Final = 3
"""Findings of one rule shown for one file, unless they are of medium severity or worse."""
_SHORT: Final = {
    Severity.CRITICAL: "crit",
    Severity.HIGH: "high",
    Severity.MEDIUM: "med",
    Severity.LOW: "low",
    Severity.INFO: "info",
}


def render(report: Report, hidden: int = 0) -> RenderableType:
    """The report as something that `console.print` shows. `hidden`: findings below what was asked for."""
    from rich.console import Group
    from rich.text import Text

    from ..findings.as_text import summary

    parts: list[RenderableType] = []
    for group in _by_rule(report.findings):
        parts += _rule(group)
    if hidden:
        parts.append(Text(f"{hidden} less severe not shown; --least info shows all.\n", style="dim"))
    return Group(*parts, summary(report))


def _by_rule(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings rule by rule, the rule with the worst finding first."""
    groups = [list(group) for _, group in groupby(sorted(findings, key=_order), key=lambda one: one.id)]
    return sorted(groups, key=lambda group: (-max(one.severity.rank for one in group), group[0].id))


def _order(finding: Finding) -> tuple[str, int, str, int]:
    where = finding.location
    return finding.id, -finding.severity.rank, where.path if where else "", (where.line or 0) if where else 0


def _rule(findings: list[Finding]) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    first = findings[0]
    worst = max(one.severity for one in findings)
    head = Text(f"{first.id}  {worst.upper()}  ", style="bold").append_text(safe(f"{first.title} ({len(findings)})"))
    yield head
    yield Text("  Risk  ", style="dim").append_text(paragraph(first.consequence))
    yield Text("  Fix   ", style="dim").append_text(paragraph(first.remedy))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=6)
    table.add_column(overflow="fold", ratio=2)
    table.add_column(overflow="fold", ratio=3)
    for _, group in groupby(findings, key=lambda one: (one.severity, one.location.path if one.location else "")):
        shown = list(group)
        most = len(shown) if shown[0].severity >= Severity.MEDIUM or len(shown) <= _SHOWN + 1 else _SHOWN
        for one in shown[:most]:
            table.add_row(Text(f"  {_SHORT[one.severity]}"), safe(one.location or ""), safe(one.message))
        if rest := len(shown) - most:
            table.add_row(Text(), Text(f"and {rest} more in this file; --format json has them all", style="dim"))
    yield table
    yield Text()
