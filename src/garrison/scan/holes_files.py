"""Rules on files that are no Python: G3xx."""

from __future__ import annotations

from typing import Final

from ..findings.severity import Severity
from .routes_catalogue import Text

_HIGH = Severity.HIGH

INDEX: Final = Text(
    "G301", "Packages from an unprotected or second index", _HIGH, "Who owns a name there runs code here.",
    "One index over TLS, hashes for every package (--require-hashes).", (427, 829),
)  # fmt: skip
PIPED: Final = Text(
    "G302", "Code from the network into the image, unchecked", _HIGH,
    "Who controls the address runs code in the image.",
    "Download a fixed version, compare its hash, then run it.", (494,),
)  # fmt: skip
