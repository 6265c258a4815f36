"""Secrets in files that an orchestrator mounts. Threat and what it lets pass: as `mounted`."""

from __future__ import annotations

from pathlib import Path

from ..policy.held import held_reference
from ..policy.reference import Reference
from .mounted import read_mounted
from .secret import Secret


class MountedSource:
    """`mounted:/run/secrets/mail-password`."""

    scheme = "mounted"

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`. The folder is read anew each time, so that a swapped link is seen."""
        if (kept := held_reference(str(reference))) is not None:
            return Secret(kept)
        path = Path(reference.name)
        return read_mounted(path.parent, path.name)
