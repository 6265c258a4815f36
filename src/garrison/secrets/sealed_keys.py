"""The two keys of whoever works on a sealed file: an age identity to open it, a signing key to change it.

They stand in a private folder outside the repository. A server gets the identity alone: it reads, and changes nothing.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .age import new_identity, recipients_of
from .keyfile import read_key_file
from .private_files import locked, private_folder, write_whole
from .sealed import public_text, signing_key

IDENTITY: Final = "identity.key"
SIGNING: Final = "signing.key"


def make_keys(folder: Path) -> str:
    """Make the keys missing in `folder`; the public signing key. Raises `FileRefusedError`, `KeyFileRefused`."""
    private_folder(folder)
    with locked(folder):
        if not os.path.lexists(folder / IDENTITY):
            write_whole(folder / IDENTITY, f"{new_identity()[0]}\n".encode())
        if not os.path.lexists(folder / SIGNING):
            secret = Ed25519PrivateKey.generate().private_bytes_raw()
            write_whole(folder / SIGNING, base64.b64encode(secret) + b"\n")
    return public_text(signing_key(read_key_file(folder / SIGNING)))


def add_identity(folder: Path) -> list[str]:
    """Put a new identity in front of those in `folder`; the recipients of all, the new one first."""
    private_folder(folder)
    with locked(folder):
        old = read_key_file(folder / IDENTITY)
        write_whole(folder / IDENTITY, f"{new_identity()[0]}\n{old}".encode())
        return recipients_of(read_key_file(folder / IDENTITY))
