"""What of a scan counts: not what a baseline knows, not what is suppressed with a reason until a day; and budgets.

Threat: a list of exceptions that hides what it was not made for. A suppression ends by itself and is told before and
after; one that fits nothing, or that nobody approved, is told. A baseline only takes out what it names, and what it
knows still counts for the budgets. Where one of the files can't be read, exit code 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Final

from ..core.errors import OperatorError
from ..findings.record import Finding, Location
from ..findings.severity import Severity
from ..policy.section_scan import ScanSection
from ..policy.section_suppressions import SuppressionTable
from ..secrets.private_files import write_whole
from .exceptions import Exceptional, Why
from .guidelines import guideline_of
from .merge import Merged
from .routes_catalogue import Text
from .speakers import looked

LAYOUT: Final = "garrison-baseline/1"
_OF_ROUTES: Final = re.compile(r"R\d{3}")


class GateRule(Enum):
    """What the gate itself has to say."""

    ENDED = Text(
        "G001",
        "Suppression that no longer holds",
        Severity.MEDIUM,
        "A list of exceptions that nobody keeps hides what it was not meant to hide.",
        "Mend the finding, renew the date with a reason that holds today, or take the entry out.",
        (),
    )
    UNAPPROVED = Text(
        "G002",
        "Suppression that nobody approved",
        Severity.MEDIUM,
        "One person alone decides that something severe may stay.",
        "Let somebody else than the owner agree, and name them: approved_by.",
        (),
    )
    BUDGET = Text(
        "G003",
        "More findings than the budget allows",
        Severity.HIGH,
        "What is small one by one grows until nobody reads the list.",
        "Mend some of the category, or raise scan.budget with those who own it.",
        (),
    )
    SOON = Text(
        "G004",
        "Suppression that ends soon",
        Severity.INFO,
        "From the day after, the finding is back and may close the gate.",
        "Mend the finding now, or renew the date with a reason that holds today.",
        (),
    )


_OF: Final = {
    Why.ENDED: GateRule.ENDED, Why.UNUSED: GateRule.ENDED, Why.UNAPPROVED: GateRule.UNAPPROVED, Why.SOON: GateRule.SOON
}  # fmt: skip


class BaselineUnusable(OperatorError):
    """The baseline is not there, or is none."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Gated:
    """What is left, and how many were taken out by what."""

    findings: tuple[Finding, ...]
    known: int = 0
    suppressed: int = 0
    open: tuple[Finding, ...] = ()
    """Everything that is not suppressed, what a baseline knows included."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Fingerprints of findings that were there before; `moved`: those without a path, by the path they had."""

    known: frozenset[str]
    moved: dict[str, str]

    def holds(self, one: Merged, root: Path) -> bool:
        """Whether it was there before: in the same place, or in a file that has another name now."""
        if self.known & one.aliases:
            return True
        return any(mark in self.moved and not (root / self.moved[mark]).exists() for mark in one.moved)


def read_baseline(file: Path) -> Baseline:
    """Raises `BaselineUnusable`."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["layout"] != LAYOUT:
            raise ValueError(f"layout {data['layout']!r}")  # noqa: TRY301  # told like the other ways to be none
        entries = [(set(one["fingerprints"]), set(one["moved"]), str(one["path"])) for one in data["findings"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BaselineUnusable(
            f"{file} is no baseline: {error}", remedy="Write one: garrison scan --write-baseline FILE."
        ) from None
    known = frozenset(mark for marks, _, _ in entries for mark in marks)
    return Baseline(known, {mark: path for _, marks, path in entries for mark in marks if path})


def write_baseline(file: Path, merged: Iterable[Merged]) -> int:
    """Write what is there now; how many. The file holds fingerprints, rules and paths, and nothing secret."""
    entries = [
        {
            "rule": one.finding.id,
            "path": one.finding.location.path if one.finding.location else "",
            "fingerprints": sorted(one.aliases),
            "moved": sorted(one.moved),
        }
        for one in merged
    ]
    text = json.dumps({"layout": LAYOUT, "findings": entries}, indent=1)
    write_whole(file, f"{text}\n".encode(), mode=0o644)
    return len(entries)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the gate goes by: the exceptions, `[scan]`, and the file that says so."""

    suppressions: tuple[SuppressionTable, ...] = ()
    scan: ScanSection = field(default_factory=ScanSection)
    file: str = "garrison.toml"


def gate(
    merged: Sequence[Merged], rules: Rules, today: date, root: Path, baseline: Baseline | None = None,
    ran: Collection[str] | None = None,
) -> Gated:  # fmt: skip
    """What counts, with findings about exceptions that are not as they should be, and budgets that are spent.

    `ran`: the scanners that fully ran, all where it is None. Of what the others might have found nothing is known.
    """
    exceptions = Exceptional(rules.suppressions, today, Severity(rules.scan.approval_from))
    open_ = [one for one in merged if not exceptions.hides(one.names, one.finding.location, one.finding.severity)]
    new = [one for one in open_ if baseline is None or not baseline.holds(one, root)]
    told = [
        _told(_OF[why], f"{rules.file}", f"suppressions.{number}", message)
        for number, why, message in exceptions.wrong(lambda rule: ran is None or looked(rule, ran))
        if why is not Why.UNUSED or not _OF_ROUTES.fullmatch(rules.suppressions[number].id)
    ]
    spent = [
        _told(GateRule.BUDGET, rules.file, f"scan.budget.{name}", message) for name, message in _spent(open_, rules)
    ]
    findings = (*(one.finding for one in new), *told, *spent)
    return Gated(findings, len(open_) - len(new), len(merged) - len(open_), tuple(one.finding for one in open_))


def _spent(open_: Sequence[Merged], rules: Rules) -> Iterator[tuple[str, str]]:
    for category, allowed in rules.scan.budget.items():
        count = sum(category in _categories(one.finding) for one in open_)
        if count > allowed:
            yield category, f"{count} findings of {category}; the budget is {allowed}."


def _categories(one: Finding) -> set[str]:
    return {one.severity.value, *one.owasp, *(f"CWE-{number}" for number in one.cwe)}


def _told(rule: GateRule, file: str, key: str, message: str) -> Finding:
    text: Text = rule.value
    return Finding(
        id=text.id, title=text.title, severity=text.severity, message=message, consequence=text.consequence,
        remedy=text.remedy, reference=guideline_of(text.id), source="gate", location=Location(path=file, key=key),
    )  # fmt: skip
