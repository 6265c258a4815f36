"""The base score of a CVSS v3.0 or v3.1 vector (FIRST, CVSS v3.1 specification, section 7.1)."""

from __future__ import annotations

import math
from typing import Final

_AV: Final = {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2}
_AC: Final = {"L": 0.77, "H": 0.44}
_PR: Final = {"N": (0.85, 0.85), "L": (0.62, 0.68), "H": (0.27, 0.5)}
_UI: Final = {"N": 0.85, "R": 0.62}
_CIA: Final = {"H": 0.56, "L": 0.22, "N": 0.0}


def base_score(vector: str) -> float | None:
    """0.0 to 10.0; None for what is no whole v3 vector."""
    head, *parts = vector.split("/")
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


def _up(value: float) -> float:
    """Rounded up to one decimal, without the slips of binary fractions (appendix A of the specification)."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
