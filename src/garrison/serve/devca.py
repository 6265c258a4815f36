"""The development certificate authority: one per user, in a private folder, good for loopback names only.

Threat: HTTPS on localhost without it means click-through warnings; with a careless one, a key that can
impersonate any site to its owner. This one can't sign for anything but loopback (see `certificates`), its key
is readable by its owner alone, and nothing here ever adds it to a trust store: that stays the user's own act.
Lets pass: whoever reads the user's files can impersonate the user's own loopback servers to the user.

Files: `ca-key.pem` holds key and certificate together and is the only source of truth, replaced in one
rename, so no crash can leave a key without its certificate; `ca.pem` is the public copy, put right whenever
it differs. A leaf file holds key and certificate together for the same reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ..secrets.private_files import locked, private_folder, read_private, write_whole
from .certificates import (
    BACKDATE,
    LEAF_LIFE,
    Name,
    build_ca,
    build_leaf,
    ca_profile,
    follows,
    loopback_names,
    names_of,
    new_key,
)
from .errors import DevCAError

FOLDER_VARIABLE = "GARRISON_DEVCA_DIR"
DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1")
RENEW_CA = timedelta(days=30)
RENEW_LEAF = LEAF_LIFE / 3


class Leaf(NamedTuple):
    """A server certificate and its key. Both paths may name one file, which holds both."""

    cert_file: Path
    key_file: Path


class _Pair(NamedTuple):
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def dump(self) -> bytes:
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM)


def default_folder() -> Path:
    """`$GARRISON_DEVCA_DIR`, else `garrison/devca` in the user's data folder (XDG Base Directory)."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not data.is_absolute():  # the specification: a relative path is to be ignored
        data = Path.home() / ".local" / "share"
    return data / "garrison" / "devca"


@dataclass(frozen=True, slots=True)
class DevCA:
    """An opened development CA.

    `created` says that this opening made a new CA (the first time, or because the old one was running out),
    which clients do not know yet. `now` is the moment of opening, and of the certificates it issues.
    """

    folder: Path
    now: datetime
    created: bool
    _pair: _Pair = field(repr=False)

    @classmethod
    def open(cls, folder: Path | None, now: datetime) -> DevCA:
        """Open the CA in `folder` (`None`: `default_folder()`); make one if there is none or it is running out.

        `now` must be aware of its time zone (`ValueError` otherwise). Raises `FileRefusedError` when the
        folder or the key file is not private, `DevCAError` when their content is damaged, foreign, or from
        the future.
        """
        if now.utcoffset() is None:
            raise ValueError("now needs a time zone")
        folder = private_folder(default_folder() if folder is None else folder)
        with locked(folder):
            pair = _load_ca(folder, now)
            created = pair is None
            if pair is None:
                key = new_key()
                pair = _Pair(key, build_ca(key, now))
                write_whole(_secret(folder), pair.dump())
            _publish(_public(folder), pair.certificate)
        return cls(folder, now, created, pair)

    @property
    def certificate_file(self) -> Path:
        """The CA's certificate (PEM, public): what a client must trust."""
        return _public(self.folder)

    def issue(self, names: Iterable[str] = DEFAULT_NAMES) -> Leaf:
        """A server certificate for `names` and `DEFAULT_NAMES`: the one that is kept, or a new one.

        A kept one is replaced when less than a third of its life is left, when it is damaged, and when the CA
        has changed. Names may be `localhost`, names below it, and loopback addresses; any other raises
        `NameRefusedError`.
        """
        wanted = loopback_names([*DEFAULT_NAMES, *names])
        mark = sha256(" ".join(map(str, wanted)).encode()).hexdigest()[:16]
        path = self.folder / f"server-{mark}.pem"
        with locked(self.folder):
            if not self._good(read_private(path), frozenset(wanted)):
                key = new_key()
                made = build_leaf(
                    key.public_key(), wanted, ca=self._pair.certificate, ca_key=self._pair.key, now=self.now
                )
                write_whole(path, _Pair(key, made).dump())
        return Leaf(path, path)

    def _good(self, content: bytes | None, wanted: frozenset[Name]) -> bool:
        pair = None if content is None else _parse(content)
        if pair is None:
            return False
        certificate = pair.certificate
        return (
            names_of(certificate) == wanted
            and _signed_by(certificate, self._pair.certificate)
            and certificate.not_valid_before_utc <= self.now
            and self.now < certificate.not_valid_after_utc - RENEW_LEAF
        )


def _secret(folder: Path) -> Path:
    return folder / "ca-key.pem"


def _public(folder: Path) -> Path:
    return folder / "ca.pem"


def _load_ca(folder: Path, now: datetime) -> _Pair | None:
    """The CA that is there; `None` when there is none or its life is over, so that a new one is due."""
    content = read_private(_secret(folder))
    if content is None:
        return None
    pair = _parse(content)
    start_anew = f"Move {folder} away: the next start makes a new CA, which clients must then trust."
    if pair is None:
        raise DevCAError(folder, f"{_secret(folder)} is damaged.", remedy=start_anew)
    certificate = pair.certificate
    ours = follows(certificate, ca_profile(pair.key.public_key())) and _signed_by(certificate, certificate)
    if not ours:
        message = f"{_secret(folder)} is not a CA of this version of Garrison, limited to loopback names."
        raise DevCAError(folder, message, remedy=start_anew, reference="RFC 5280 section 4.2.1.10")
    if now < certificate.not_valid_before_utc:
        made = certificate.not_valid_before_utc + BACKDATE
        message = f"The development CA was made on {made:%Y-%m-%d %H:%M} UTC, later than now."
        raise DevCAError(folder, message, remedy="Set the clock right.")
    return pair if now < certificate.not_valid_after_utc - RENEW_CA else None


def _parse(content: bytes) -> _Pair | None:
    """Key and certificate of one file, or `None` when either is missing, damaged, or not the other's."""
    try:
        key = load_pem_private_key(content, password=None)
        certificate = x509.load_pem_x509_certificate(content)
        public = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: the key is encrypted
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        return None
    return _Pair(key, certificate) if public == key.public_key() else None


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _publish(path: Path, certificate: x509.Certificate) -> None:
    """Put the public copy right. It is compared, not trusted: what is planted there is replaced."""
    content = certificate.public_bytes(Encoding.PEM)
    try:
        same = not path.is_symlink() and path.read_bytes() == content
    except OSError:  # missing or unreadable: written anew
        same = False
    if not same:
        write_whole(path, content, mode=0o644)
