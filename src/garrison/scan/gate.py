"""What of a scan counts: not what a baseline knows, not what is suppressed with a reason until a day.

Threat: a list of exceptions that hides what it was not made for. A suppression ends by itself and is told when it did;
an entry that fits nothing is told. A baseline only takes out what it names; where it can't be read, exit code 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from ..core.errors import OperatorError
from ..findings.record import Finding, Location
from ..findings.severity import Severity
from ..policy.section_suppressions import SuppressionTable
from ..secrets.private_files import write_whole
from .guidelines import guideline_of
from .merge import Merged
from .routes_catalogue import Text

LAYOUT: Final = "garrison-baseline/1"
ENDED: Final = Text(
    "G001",
    "Suppression that no longer holds",
    Severity.MEDIUM,
    "A list of exceptions that nobody keeps hides what it was not meant to hide.",
    "Mend the finding, renew the date with a reason that holds today, or take the entry out.",
    (),
)
_OF_ROUTES: Final = re.compile(r"R\d{3}")


class BaselineUnusable(OperatorError):
    """The baseline is not there, or is none."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Gated:
    """What is left, and how many were taken out by what."""

    findings: tuple[Finding, ...]
    known: int = 0
    suppressed: int = 0


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


def gate(
    merged: Sequence[Merged],
    tables: Sequence[SuppressionTable],
    today: date,
    root: Path,
    baseline: Baseline | None = None,
) -> Gated:
    """What counts, with a finding for each suppression that has ended or fits nothing."""
    left: list[Finding] = []
    known = suppressed = 0
    used: set[int] = set()
    for one in merged:
        hits = [number for number, table in enumerate(tables) if _fits(table, one)]
        used.update(hits)
        if any(tables[number].until >= today for number in hits):
            suppressed += 1
        elif baseline is not None and baseline.holds(one, root):
            known += 1
        else:
            left.append(one.finding)
    for number, table in enumerate(tables):
        if number in used and table.until < today:
            left.append(_ended(number, f"{table.id} at {table.where} ended on {table.until}{_whose(table)}."))
        elif number not in used and not _OF_ROUTES.fullmatch(table.id):
            left.append(_ended(number, f"{table.id} at {table.where} fits no finding{_whose(table)}."))
    return Gated(tuple(left), known, suppressed)


def _fits(table: SuppressionTable, one: Merged) -> bool:
    where = one.finding.location
    if where is None or table.id not in one.names:
        return False
    fits = re.compile(".*".join(map(re.escape, table.where.split("*"))), re.DOTALL)
    return any(fits.fullmatch(text) for text in (where.key, where.path) if text)


def _whose(table: SuppressionTable) -> str:
    return f" (owner: {table.owner})" if table.owner else ""


def _ended(number: int, message: str) -> Finding:
    return Finding(
        id=ENDED.id, title=ENDED.title, severity=ENDED.severity, message=message, consequence=ENDED.consequence,
        remedy=ENDED.remedy, reference=guideline_of(ENDED.id), source="gate",
        location=Location(path="garrison.toml", key=f"suppressions.{number}"),
    )  # fmt: skip
