"""`[scan]`: what `garrison scan` holds a project to. The application itself never reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from .section import Frozen, Names
from .section_scan_targets import ScanTarget

Category = Annotated[str, Field(pattern=r"^(?:critical|high|medium|low|info|A(?:0[1-9]|10):2025|CWE-[1-9]\d{0,4})$")]


class ScanSection(Frozen):
    """What the project is held to by `garrison scan`: `docs/scan.md`."""

    licences: Names = ()
    """Licences (SPDX ids, `BSD-*`) that dependencies may be under, those for development aside; empty judges none."""
    licence_of: Mapping[str, str] = Field(default_factory=dict)
    """The licence of a package that declares none, as you have read it: `{ thing = "MIT" }`."""
    approval_from: Literal["info", "low", "medium", "high", "critical"] = "high"
    """From this severity on a suppression holds only with `approved_by`, somebody else than its owner."""
    budget: Mapping[Category, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """Findings that a category may have: `low`, `A05:2025`, `CWE-79`. More close the gate; known ones count."""
    targets: tuple[ScanTarget, ...] = ()
    """Hosts that active scanners may attack: `[[scan.targets]]`. Loopback needs no entry."""
