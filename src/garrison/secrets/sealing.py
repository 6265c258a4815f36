"""Sealing: values that must be read again, such as one-time-code secrets, encrypted under the keyring.

Threat: who reads the store (a backup, an injection, another tenant) reads secrets that can't be stored as hashes; or
moves a sealed value from one account to another. AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce and the
place of the value as associated data: sealed for one account, it does not open for another.

Assumption: far fewer than 2**32 values are sealed under one key. Lets pass: whoever has the root key, and whoever can
put an older sealed value back in its own place.
"""

from __future__ import annotations

import base64
import secrets
from binascii import Error as BadBase64
from collections.abc import Mapping
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..core.errors import DependencyError

KEY_BYTES: Final = 32
_NONCE: Final = 12


class SealBroken(DependencyError):
    """A sealed value does not open: it was changed or moved, or its root key has left the keyring."""

    def __init__(self) -> None:
        super().__init__(
            "A sealed value does not open.",
            remedy="If a root key was taken away, put it back behind the current one until its values are sealed anew.",
        )


class Sealer:
    """`core.ports.Seal` for one purpose. A sealed text is `<key version>.<base64>`, URL-safe."""

    __slots__ = ("_ciphers", "_current")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` of 32 bytes by version, the sealing one first."""
        self._ciphers = {version: AESGCM(key) for version, key in keys.items()}
        self._current = next(iter(self._ciphers))

    def seal(self, data: bytes, place: str) -> str:
        """`data`, readable only here and for `place` (such as the account it belongs to)."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._ciphers[self._current].encrypt(nonce, data, place.encode("utf-8", "surrogatepass"))
        return f"{self._current}.{base64.urlsafe_b64encode(sealed).decode('ascii').rstrip('=')}"

    def open(self, text: str, place: str) -> bytes:
        """What was sealed for `place`. Raises `SealBroken`."""
        version, _, body = text.partition(".")
        cipher = self._ciphers.get(version)
        if cipher is None:
            raise SealBroken
        try:
            sealed = base64.b64decode(body + "=" * (-len(body) % 4), b"-_", validate=True)
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode("utf-8", "surrogatepass"))
        except (InvalidTag, BadBase64, ValueError):
            raise SealBroken from None

    def is_old(self, text: str) -> bool:
        """Whether it was sealed with a key that is being rotated out: seal it anew."""
        return not text.startswith(f"{self._current}.")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a sealer can't be pickled or copied: it holds a key")

    def __repr__(self) -> str:
        return f"Sealer(version={self._current!r})"
