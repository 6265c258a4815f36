"""Two reports in JSON compared by fingerprints: what is new, what is gone, and whether they can be compared at all.

Threat: a scanner that did not run makes its findings look mended. A tool that ran fully before and not now is told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..core.errors import OperatorError
from ..findings.as_json import LAYOUT

_FULL: Final = frozenset({"ok", "findings"})


class ReportUnusable(OperatorError):
    """A file is no report in JSON."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed between two reports. `blind`: tools that ran fully in the first one only."""

    new: tuple[dict[str, Any], ...]
    gone: tuple[dict[str, Any], ...]
    same: int
    blind: tuple[str, ...]


def compare(old: Path, new: Path) -> Difference:
    """Raises `ReportUnusable`."""
    before, after = _read(old), _read(new)
    was = {one["fingerprint"]: one for one in before["findings"]}
    now = {one["fingerprint"]: one for one in after["findings"]}
    ran = {one["tool"] for one in after["statuses"] if one["outcome"] in _FULL}
    return Difference(
        tuple(one for mark, one in now.items() if mark not in was),
        tuple(one for mark, one in was.items() if mark not in now),
        len(was.keys() & now.keys()),
        tuple(one["tool"] for one in before["statuses"] if one["outcome"] in _FULL and one["tool"] not in ran),
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if data["layout"] == LAYOUT and all(one["fingerprint"] and one["id"] for one in data["findings"]):
            return data
        why = f"its layout is not {LAYOUT}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = str(error)
    raise ReportUnusable(f"{file} is no report: {why}", remedy="Write one: garrison scan --format json --output FILE.")
