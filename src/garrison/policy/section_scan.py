"""`[scan]`: what `garrison scan` holds a project to. The application itself never reads it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from .section import Frozen, Names


class ScanSection(Frozen):
    """What the project is held to by `garrison scan`: `docs/scan.md`."""

    licences: Names = ()
    """Licences (SPDX ids, `BSD-*`) that dependencies may be under, those for development aside; empty judges none."""
    licence_of: Mapping[str, str] = Field(default_factory=dict)
    """The licence of a package that declares none, as you have read it: `{ thing = "MIT" }`."""
