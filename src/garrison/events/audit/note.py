"""Checkpoints: what a log was at one moment, signed. C2SP tlog-checkpoint, in a C2SP signed-note (Ed25519).

Threat: whoever can write the log's file rewrites it from some entry on, or cuts off its end; hashes in that file alone
can't tell. A checkpoint that is kept elsewhere can. Assumption: the signing key is not beside the log; it is derived
from the root key. Lets pass: who holds the root key can sign another history, and only checkpoints that have left the
machine before contradict it. A `RemoteSigner` signs with a key that is not on the machine at all.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ...core.errors import DependencyError, OperatorError
from .tree import HASH

_ED25519: Final = b"\x01"
_ID: Final = 4
_SIGNATURE: Final = re.compile(r"\u2014 ([^ +\n]+) ([A-Za-z0-9+/]+={0,2})\n")
LONGEST: Final = 8192


class BadKey(OperatorError):
    """What was given is no verifier key."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:80]!r} is no verifier key.",
            remedy="It looks like name+1a2b3c4d+base64; `garrison audit key` prints it.",
        )


class BadSignature(DependencyError):
    """Who signs for us gave a signature that is not that of its key."""

    def __init__(self) -> None:
        super().__init__(
            "The signature of a checkpoint, made elsewhere, does not verify.",
            remedy="See that the key is of the type ed25519, and who answers in the server's place.",
        )


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key. `str()` is its C2SP text form."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises `BadKey`."""
        parts = text.strip().split("+", 2)
        try:
            name, named, blob = parts[0], parts[1], base64.b64decode(parts[2], validate=True)
        except (IndexError, binascii.Error):
            raise BadKey(text) from None
        key = cls(name, blob[1:])
        if blob[:1] != _ED25519 or len(blob) != HASH + 1 or key.id.hex() != named or not name:
            raise BadKey(text)
        return key

    def of(self, name: str) -> VerifierKey:
        """The same public key under another name: a log keeps its name when its machine is renamed."""
        return VerifierKey(name, self.public)

    @property
    def id(self) -> bytes:
        """The four bytes that stand in front of a signature."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID]

    def signs(self, text: bytes, blob: bytes) -> bool:
        """Whether `blob`, key id and signature, is ours over `text`. Never raises on malformed input."""
        if blob[:_ID] != self.id:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(blob[_ID:], text)
        except (InvalidSignature, ValueError):
            return False
        return True

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.public).decode('ascii')}"


class Signs(Protocol):
    """What signs checkpoints."""

    def sign(self, origin: str, size: int, root: bytes, time: float) -> str:
        """The checkpoint of a log, under a key of its name. `time` (wall seconds) is an extension line."""
        ...


def checkpoint_text(origin: str, size: int, root: bytes, time: float) -> str:
    """What is signed of a checkpoint."""
    lines = [origin, str(size), base64.b64encode(root).decode("ascii"), f"time {time:.6f}"]
    return "\n".join(lines) + "\n"


def signed_note(text: str, key: VerifierKey, signature: bytes) -> str:
    """`text` with the signature of `key` below it."""
    return f"{text}\n\u2014 {key.name} {base64.b64encode(key.id + signature).decode('ascii')}\n"


class Signer:
    """Signs checkpoints with the key made of `seed` (32 bytes)."""

    __slots__ = ("_private", "public")

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = VerifierKey(name, self._private.public_key().public_bytes_raw())

    def sign(self, origin: str, size: int, root: bytes, time: float) -> str:
        """As `Signs.sign`."""
        text = checkpoint_text(origin, size, root, time)
        return signed_note(text, self.public.of(origin), self._private.sign(text.encode()))

    def __repr__(self) -> str:
        return f"Signer({self.public.name!r})"


class RemoteSigner:
    """Signs checkpoints with a key that is elsewhere.

    `ask` signs bytes and gives the public key (32 bytes) and the signature; it blocks, and raises `GarrisonError` when
    it can't. What it gives is verified before it is used: a checkpoint that nobody can verify is none.
    """

    def __init__(self, ask: Callable[[bytes], tuple[bytes, bytes]]) -> None:
        self._ask = ask

    def sign(self, origin: str, size: int, root: bytes, time: float) -> str:
        """As `Signs.sign`. Raises `BadSignature` and what `ask` raises."""
        text = checkpoint_text(origin, size, root, time)
        public, signature = self._ask(text.encode())
        key = VerifierKey(origin, public)
        if len(public) != HASH or not key.signs(text.encode(), key.id + signature):
            raise BadSignature
        return signed_note(text, key, signature)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A parsed checkpoint. `note` is its whole text; `time` is 0 when it has none. Parsing proves no signature."""

    origin: str
    size: int
    root: bytes
    time: float
    note: str

    @classmethod
    def parse(cls, note: str) -> Self:
        """Raises ValueError for what is no checkpoint."""
        text, blank, _ = note.partition("\n\n")
        lines = text.split("\n")
        if not blank or len(note) > LONGEST or len(lines) < 3 or not lines[0]:
            raise ValueError("not a checkpoint")
        if not lines[1].isascii() or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
            raise ValueError("not the size of a log")
        root = base64.b64decode(lines[2], validate=True)
        if len(root) != HASH:
            raise ValueError("not a root hash")
        extensions = dict(line.split(" ", 1) for line in lines[3:] if " " in line)
        return cls(lines[0], int(lines[1]), root, _time(extensions), note)

    def signed_by(self, keys: Sequence[VerifierKey]) -> VerifierKey | None:
        """The first of `keys` that signed it."""
        text, _, signatures = self.note.partition("\n\n")
        for name, blob in _SIGNATURE.findall(signatures):
            for key in keys:
                if key.name == name and key.signs(f"{text}\n".encode(), base64.b64decode(blob)):
                    return key
        return None

    @property
    def when(self) -> str:
        return datetime.fromtimestamp(self.time).astimezone().isoformat(timespec="seconds") if self.time else "?"


def parse_notes(text: str) -> list[Checkpoint]:
    """The checkpoints of a file that holds many, one after another. Raises ValueError when it holds anything else."""
    found, rest = [], text
    while rest.strip():
        body, _, tail = rest.lstrip("\n").partition("\n\n")
        signatures = re.match(r"(?:\u2014 [^\n]+\n)+", tail)
        if signatures is None:
            raise ValueError("a checkpoint is cut off")
        found.append(Checkpoint.parse(f"{body}\n\n{signatures[0]}"))
        rest = tail[signatures.end() :]
    return found


def _time(extensions: Mapping[str, str]) -> float:
    try:
        return float(extensions.get("time", "0"))
    except ValueError:
        return 0.0
