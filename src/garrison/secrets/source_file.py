"""Secrets in files of their own: systemd credentials, files an operator wrote.

Threat and what it lets pass: as `keyfile`, which refuses links, files that others can read, and folders that others can
write. The file is opened anew for each reading, so that a replaced file is seen.
"""

from __future__ import annotations

from pathlib import Path

from ..policy.held import held_reference
from ..policy.reference import Reference
from .errors import KeyFileRefused, KeyMissing, SecretMissing, SecretRefused
from .keyfile import read_key_file
from .secret import Secret
from .source import as_secret


class FileSource:
    """`file:/absolute/path`."""

    scheme = "file"

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`."""
        place = f"the file {reference.name}"
        if (kept := held_reference(str(reference))) is not None:
            return Secret(kept)
        how_to_set = f"Write it there, readable by this user alone: `install -m 600 /dev/stdin {reference.name}`."
        try:
            text = read_key_file(Path(reference.name))
        except KeyMissing:
            raise SecretMissing(place, how_to_set) from None
        except KeyFileRefused as error:
            raise SecretRefused(place, error.why, error.remedy) from None
        return as_secret(text, place, how_to_set)
