"""What a sealed file holds, as a type: read only when it is signed by a pinned key, written only signed.

The file is JSON that can be committed: every secret is an age file (https://age-encryption.org/v1, X25519) in base64,
sealed to all recipients; names, versions and times are readable. `signature` is Ed25519 (RFC 8032) over the rest:
the line `garrison-sealed/1`, then JSON with sorted keys, without blanks, in ASCII. `serial` grows with every
change, `id` is drawn once: together they show a file that was rolled back or exchanged for another.

Threat: anyone can encrypt to public recipients, so a file that opens proves nothing: who can write it could put in
secrets of their own, move one secret's ciphertext to another's name, or bring back an old one. The signature covers
names, versions and ciphertexts together, and nothing is decrypted before it holds. Lets pass: whoever has the signing
key; names, times and lengths are public.
"""

from __future__ import annotations

import base64
import json
from binascii import Error as BadBase64
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field

from ..policy.reference import NAME

MAX_BYTES: Final = 8 * 1024 * 1024
KEPT: Final = 10
"""Earlier versions of each secret that stay in the file."""
_DOMAIN: Final = b"garrison-sealed/1\n"


class NotSealed(ValueError):
    """Why bytes are no sealed file, or not one of the pinned signers. Never quotes them."""


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)


class Version(_Closed):
    """One value: its number, when it was set (RFC 3339), and the age file in base64."""

    version: Annotated[int, Field(ge=1)]
    changed: Annotated[str, Field(max_length=40)]
    sealed: str


class Entry(_Closed):
    """A secret: its value now, and earlier ones, the newest first."""

    now: Version
    before: Annotated[tuple[Version, ...], Field(max_length=KEPT, strict=False)] = ()


class Sealed(_Closed):
    """A sealed file."""

    format: Literal["garrison-sealed/1"] = "garrison-sealed/1"
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    serial: Annotated[int, Field(ge=1)]
    recipients: Annotated[tuple[str, ...], Field(min_length=1, max_length=100, strict=False)]
    secrets: Mapping[Annotated[str, Field(pattern=rf"^{NAME}$")], Entry] = Field(default_factory=dict)

    def signed_bytes(self) -> bytes:
        """What the signature is over."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return _DOMAIN + body.encode("ascii")

    def with_value(self, name: str, sealed: str, changed: str) -> Sealed:
        """The file with a new version of `name`; the one before becomes history. The serial grows."""
        old = self.secrets.get(name)
        now = Version(version=old.now.version + 1 if old else 1, changed=changed, sealed=sealed)
        before = (old.now, *old.before)[:KEPT] if old else ()
        return self.with_secrets({**self.secrets, name: Entry(now=now, before=before)})

    def with_secrets(self, secrets: Mapping[str, Entry], recipients: Iterable[str] | None = None) -> Sealed:
        """The file with these secrets, and these recipients if they are given. The serial grows."""
        kept = self.recipients if recipients is None else tuple(dict.fromkeys(recipients))
        return Sealed(id=self.id, serial=self.serial + 1, recipients=kept, secrets=dict(secrets))


def parse_sealed(content: bytes, signers: Iterable[str]) -> Sealed:
    """The sealed file in `content`, signed by one of `signers` (Ed25519 public keys in base64). Raises `NotSealed`."""
    if len(content) > MAX_BYTES:
        raise NotSealed(f"it has more than {MAX_BYTES} bytes")
    try:
        raw = json.loads(content, object_pairs_hook=_once)
        signature = base64.b64decode(raw.pop("signature"), validate=True)
        found = Sealed.model_validate(raw)
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        # Without its cause: what stands there may be a secret that somebody wrote in clear.
        raise NotSealed("it is damaged, or no sealed file") from None
    if not any(_signed(found.signed_bytes(), signature, signer) for signer in signers):
        raise NotSealed("it is not signed by any of the policy's `secrets.signers`: it was changed by somebody else")
    return found


def write_sealed(sealed: Sealed, key: Ed25519PrivateKey) -> bytes:
    """The file's bytes, signed."""
    signature = base64.b64encode(key.sign(sealed.signed_bytes())).decode("ascii")
    whole = {**sealed.model_dump(mode="json"), "signature": signature}
    return (json.dumps(whole, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def signing_key(text: str) -> Ed25519PrivateKey:
    """A signing key from its text: 32 bytes in base64. Raises `NotSealed`."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text.strip(), validate=True))
    except (ValueError, BadBase64):
        raise NotSealed("it holds no signing key") from None


def public_text(key: Ed25519PrivateKey) -> str:
    """What the policy pins: the public key in base64."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode("ascii")


def _signed(data: bytes, signature: bytes, signer: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(signer, validate=True)).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that stands twice has two meanings; one parser would sign one and another read the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
