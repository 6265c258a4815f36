"""One root key, and a key of its own for every purpose.

Threat: a tag made for one thing passes as one for another (a CSRF token as a session id); a key that must be replaced
logs everybody out, and so never is; a key shows in a log.

How: HKDF-SHA256 (RFC 5869) with the purpose as context, so no purpose's key tells anything about another's or about
the root. Several root keys may be given: the first signs, all verify. To rotate, put the new key in front, wait until
what was signed with the old one has expired, then take the old one away.

Assumption: the root key is random; `strength` refuses what plainly is not. Lets pass: whoever reads the root key.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..core.clock import Clock
from ..policy.held import held_reference
from ..policy.model import Policy
from ..policy.reference import is_reference
from .errors import KeyMissing, KeyReferenceMalformed, KeyWeak
from .keyfile import read_key_file, read_or_make
from .resolver import Resolver
from .sealing import KEY_BYTES, Sealer
from .strength import Weak, root_key

if TYPE_CHECKING:
    from hashlib import blake2b as Blake2b  # noqa: N812  # the type of a running hash

_SALT: Final = b"garrison keyring 1"
_PURPOSE = re.compile(r"[a-z0-9][a-z0-9._/-]{0,63}")
_ID_BYTES: Final = 3
_TAG_BYTES: Final = 32
_TAG_LENGTH: Final = 4 + 1 + 43
VARIABLE: Final = "GARRISON_KEY"
ROOT_FILE: Final = "root.key"


class Signer:
    """`core.ports.Sign` for one purpose. A tag is `<version>.<43 characters>`, URL-safe, 48 characters in all.

    Tags are keyed BLAKE2b-256 (RFC 7693): a keyed hash made for authentication, without length extension and with
    256 bits of key and tag. Its state after the key can be copied, which makes a tag cost 0.4 µs where HMAC-SHA256
    takes 1.6, on every request that carries a session.
    """

    __slots__ = ("_current", "_macs")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` by version, the signing one first."""
        self._macs = {version: hashlib.blake2b(key=key, digest_size=_TAG_BYTES) for version, key in keys.items()}
        self._current = next(iter(self._macs))

    def sign(self, data: bytes) -> str:
        """The tag of `data` under the current key."""
        return _tag(self._current, self._macs[self._current], data)

    def verify(self, data: bytes, tag: str) -> bool:
        """Whether `tag` is that of `data` under any of the keys. Never raises on what a client sent."""
        if len(tag) != _TAG_LENGTH or not tag.isascii():
            return False
        version = tag[:4]
        mac = self._macs.get(version)
        # Texts are compared, not bytes: base64 has several texts for the same bytes, and only one is ours.
        return mac is not None and compare_digest(_tag(version, mac, data), tag)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a signer can't be pickled or copied: it holds a key")

    def __repr__(self) -> str:
        return f"Signer(version={self._current!r})"


def _tag(version: str, mac: Blake2b, data: bytes) -> str:
    running = mac.copy()
    running.update(data)
    return f"{version}.{base64.urlsafe_b64encode(running.digest())[:43].decode('ascii')}"


class Keyring:
    """The root keys, the signing one first. `versions` are their public names, `loaded` the wall time they were read.

    Never shows, pickles or copies key material.
    """

    __slots__ = ("_roots", "loaded", "versions")

    def __init__(self, roots: Sequence[bytes], *, loaded: float = 0.0) -> None:
        """Of `roots`, 32 random bytes or more each, the first signs. Repeated ones count once. Raises ValueError."""
        self._roots = {_version(root): root for root in reversed(roots)}
        self._roots = {_version(root): root for root in roots if self._roots[_version(root)] == root}
        if not roots or len(self._roots) != len(set(roots)):
            raise ValueError("a keyring needs root keys, and no two of one version")
        self.versions = tuple(self._roots)
        self.loaded = loaded

    @classmethod
    def from_policy(
        cls, policy: Policy, environ: Mapping[str, str], state_folder: Path, clock: Clock,
        resolver: Resolver | None = None,
    ) -> Keyring:  # fmt: skip
        """The keyring of `policy.key`, else of GARRISON_KEY, else (in development only) of `<state>/root.key`.

        Keys are separated by white space or commas. Raises `KeyMissing`, `KeyWeak`, `KeyReferenceMalformed`,
        `KeyFileRefused` and `SecretError`, all of them `OperatorError`, and `SourceAway`. A given key must be strong in
        development too. A reference to a source is read by `resolver`, or by one that is made for it.
        """
        roots = _roots(*_find(policy, environ, state_folder, resolver))
        if isinstance(roots, KeyWeak):  # raised where no local name holds a key: crash reports show those
            raise roots
        return cls(roots, loaded=clock.wall())

    def signer(self, purpose: str) -> Signer:
        """Signs and verifies for `purpose` alone (lower-case letters, digits and `._/-`). Raises ValueError."""
        return Signer({name: _derive(root, "sign", purpose, 32) for name, root in self._roots.items()})

    def sealer(self, purpose: str) -> Sealer:
        """Seals with the current root's key for `purpose`, opens with all. Raises ValueError."""
        return Sealer({name: _derive(root, "seal", purpose, KEY_BYTES) for name, root in self._roots.items()})

    def derive(self, purpose: str, length: int) -> bytes:
        """`length` bytes (1 to 8160) of key for `purpose`, from the current root. Raises ValueError.

        Another length gives other bytes, and no derived key is one that a signer uses.
        """
        return _derive(self._roots[self.versions[0]], "derive", purpose, length)

    def derive_all(self, purpose: str, length: int) -> tuple[bytes, ...]:
        """`derive` for every root, the current one first: what was signed with an old root must still verify."""
        return tuple(_derive(root, "derive", purpose, length) for root in self._roots.values())

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a keyring can't be pickled or copied: it holds keys")

    def __repr__(self) -> str:
        return f"Keyring(versions={self.versions!r})"


def _derive(root: bytes, use: str, purpose: str, length: int) -> bytes:
    if not _PURPOSE.fullmatch(purpose):
        raise ValueError(f"{purpose!r} does not name a purpose")
    context = f"{use}\0{purpose}\0{length}".encode()  # no part holds a NUL, so no two triples make one context
    return HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=context).derive(root)


def _version(root: bytes) -> str:
    """A root key's public name: 24 bits that were derived from it and tell nothing about it."""
    return base64.urlsafe_b64encode(_derive(root, "version", "id", _ID_BYTES)).decode("ascii")


def _roots(place: str, text: str) -> list[bytes] | KeyWeak:
    found = []
    for position, part in enumerate(re.split(r"[\s,]+", text.strip(" \t\r\n,")), start=1):
        try:
            found.append(root_key(part))
        except Weak as error:
            return KeyWeak(place, position, str(error))
    return found


def _find(policy: Policy, environ: Mapping[str, str], state_folder: Path, resolver: Resolver | None) -> tuple[str, str]:
    """Where the root key is written, for messages, and what is written there."""
    scheme, _, name = policy.key.partition(":")
    if scheme == "lease":  # it would be another with every start
        raise KeyReferenceMalformed
    if scheme not in {"env", "file"} and is_reference(policy.key):
        used = resolver or Resolver.from_policy(policy, environ)
        try:
            return policy.key, used.read(policy.key).reveal()
        finally:
            if resolver is None:
                used.close()
    if policy.key:
        if scheme == "file" and Path(name).is_absolute():
            if (kept := held_reference(policy.key)) is not None:
                return policy.key, kept
            return f"the file {name}", _present(f"the file {name}", read_key_file(Path(name)))
        if scheme != "env" or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise KeyReferenceMalformed
    variable = name if policy.key else VARIABLE
    place = f"the environment variable {variable}"
    if policy.key or variable in environ or not policy.development:
        return place, _present(place, environ.get(variable, ""))
    path = state_folder / ROOT_FILE
    return f"the file {path}", _present(f"the file {path}", read_or_make(path))


def _present(place: str, text: str) -> str:
    if not text.strip(" \t\r\n,"):
        raise KeyMissing(place)
    return text
