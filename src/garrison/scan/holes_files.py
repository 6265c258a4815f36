"""Rules on files that are no Python: G3xx."""

from __future__ import annotations

from typing import Final

from ..findings.severity import Severity
from .routes_catalogue import Text

_HIGH, _MEDIUM = Severity.HIGH, Severity.MEDIUM

INDEX: Final = Text(
    "G301", "Packages from an unprotected or second index", _HIGH, "Who owns a name there runs code here.",
    "One index over TLS, hashes for every package (--require-hashes).", (427, 829),
)  # fmt: skip
PIPED: Final = Text(
    "G302", "Code from the network into the image, unchecked", _HIGH,
    "Who controls the address runs code in the image.",
    "Download a fixed version, compare its hash, then run it.", (494,),
)  # fmt: skip
ROOT: Final = Text(
    "G303", "Image that runs as root", _MEDIUM,
    "Who takes over the application is root in the container, and one hole away from it outside.",
    "After everything is installed, a user with a number above 0: USER 10001.", (250,),
)  # fmt: skip
