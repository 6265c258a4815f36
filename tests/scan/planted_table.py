"""How many of the planted holes each scanner sees, and what it says about their twins.

`python -m tests.scan.planted_table` prints the table. A hole is seen when a finding in its file bears one of its CWE
numbers. Precision counts files: holes seen, against holes seen and twins with any finding.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from garrison.findings.record import Finding
from garrison.scan.adapter import Adapter, Limits
from garrison.scan.advisories import import_records
from garrison.scan.project import read_project
from garrison.scan.run import Scan, scan
from garrison.scan.tool_advisories import Dependencies
from garrison.scan.tool_bandit import bandit
from garrison.scan.tool_code import CodeScan
from garrison.scan.tool_ruff import ruff
from garrison.scan.tool_secrets import detect_secrets

PLANTED = Path(__file__).parent / "planted"
ADVISORY = {
    "id": "PYSEC-2026-9001",
    "modified": "",
    "summary": "templates leave their sandbox",
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Planted.Templates"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.11"}]}],
        }
    ],
}


@dataclass(frozen=True)
class Case:
    """One hole: its file below `holes/` and `twins/`, and the numbers that count as having seen it."""

    name: str
    file: str
    owasp: str
    cwe: frozenset[int]
    half: str


def cases() -> list[Case]:
    """All holes as they were recorded."""
    data = json.loads((PLANTED / "holes.json").read_text(encoding="utf-8"))
    return [Case(**{**one, "cwe": frozenset(one["cwe"])}) for one in data["cases"]]


def database(folder: Path) -> Path:
    """A database of advisories with the one that a hole needs, as if it had been written today."""
    records = folder / "records"
    records.mkdir()
    today = datetime.now(UTC).isoformat()
    (records / "one.json").write_text(json.dumps({**ADVISORY, "modified": today}), encoding="utf-8")
    import_records(records, folder / "advisories.sqlite")
    return folder / "advisories.sqlite"


def scanners(folder: Path) -> list[Adapter]:
    """Everything that looks at files; `check` and `routes` have no application here."""
    today = datetime.now(UTC).date()
    return [CodeScan(), bandit(), ruff(), detect_secrets(), Dependencies(today, database(folder))]


def look(side: str, chosen: list[Adapter]) -> Scan:
    """One scan of the holes or of the twins."""
    return scan(read_project(PLANTED / side), chosen, Limits(200))


def by_file(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings by their file."""
    found: dict[str, list[Finding]] = {}
    for one in findings:
        if one.location is not None:
            found.setdefault(one.location.path, []).append(one)
    return found


def findings_of(seen: Scan, tool: str) -> list[Finding]:
    """What one tool said, first or as a voice; all of it for `together`."""
    return [
        one.finding
        for one in seen.merged
        if tool == "together" or one.finding.source == tool or any(v.startswith(f"{tool}:") for v in one.finding.voices)
    ]


def row(tool: str, half: str, holes: Scan, twins: Scan) -> tuple[list[str], list[str], int]:
    """The holes that a tool saw and those it missed, and how many twins it spoke about."""
    there, beside = by_file(findings_of(holes, tool)), by_file(findings_of(twins, tool))
    chosen = [one for one in cases() if one.half == half]
    seen = [one.name for one in chosen if any(one.cwe & set(each.cwe) for each in there.get(one.file, []))]
    loud = sum(bool(beside.get(one.file)) for one in chosen)
    return seen, [one.name for one in chosen if one.name not in seen], loud


def main() -> None:
    """Print the table as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = scanners(Path(folder))
        holes, twins = look("holes", chosen), look("twins", chosen)
    lines = ["| Scanner | Half | Holes seen | Recall | Twins with a finding | Precision |", f"|{' --- |' * 6}"]
    for tool in [*(one.name for one in chosen), "together"]:
        for half in ("tuned", "blind"):
            seen, missed, loud = row(tool, half, holes, twins)
            total, spoken = len(seen) + len(missed), len(seen) + loud
            precision = f"{len(seen) / spoken:.0%}" if spoken else "-"
            lines.append(
                f"| {tool} | {half} | {len(seen)} of {total} | {len(seen) / total:.0%} | {loud} | {precision} |"
            )
            if tool == "together":
                lines.append(f"<!-- {half}, missed: {', '.join(missed) or 'none'} -->")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
