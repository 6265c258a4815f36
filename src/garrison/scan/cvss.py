"""The score of a CVSS vector: v3.0 and v3.1 (FIRST, CVSS v3.1 specification, section 7.1), v4.0 by the library cvss.

Version 4 is a table of 270 entries and interpolation between them: Red Hat's `cvss` has it (extra `scan`, LGPL-3.0,
used as it comes). Without it a v4 vector has no score, and the database's word counts.
"""

from __future__ import annotations

import math
from typing import Final

_AV: Final = {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2}
_AC: Final = {"L": 0.77, "H": 0.44}
_PR: Final = {"N": (0.85, 0.85), "L": (0.62, 0.68), "H": (0.27, 0.5)}
_UI: Final = {"N": 0.85, "R": 0.62}
_CIA: Final = {"H": 0.56, "L": 0.22, "N": 0.0}


def base_score(vector: str) -> float | None:
    """0.0 to 10.0; None for what is no whole vector of version 3 or 4."""
    head, *parts = vector.split("/")
    if head == "CVSS:4.0":
        return _of_four(vector)
    if head not in {"CVSS:3.0", "CVSS:3.1"}:
        return None
    given = dict(part.partition(":")[::2] for part in parts)
    try:
        changed = {"U": False, "C": True}[given["S"]]
        losses = [1 - _CIA[given[name]] for name in ("C", "I", "A")]
        ease = 8.22 * _AV[given["AV"]] * _AC[given["AC"]] * _PR[given["PR"]][changed] * _UI[given["UI"]]
    except KeyError:
        return None
    loss = 1 - math.prod(losses)
    impact = 7.52 * (loss - 0.029) - 3.25 * (loss - 0.02) ** 15 if changed else 6.42 * loss
    if impact <= 0:
        return 0.0
    return _up(min((1.08 if changed else 1.0) * (impact + ease), 10))


def _of_four(vector: str) -> float | None:
    try:
        from cvss import CVSS4  # type: ignore[import-untyped]  # it ships no types
        from cvss.exceptions import CVSS4Error  # type: ignore[import-untyped]  # as above
    except ImportError:
        return None
    try:
        return float(CVSS4(vector).base_score)
    except CVSS4Error:
        return None


def _up(value: float) -> float:
    """Rounded up to one decimal, without the slips of binary fractions (appendix A of the specification)."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
