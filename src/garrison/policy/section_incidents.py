"""The policy of incidents."""

from __future__ import annotations

from .section import Frozen


class IncidentsSection(Frozen):
    """What goes into evidence: `docs/detection/incidents.md`."""

    sbom: str = ""
    """File with the bill of materials (CycloneDX, as JSON) that goes into bundles of evidence. Empty: none."""
