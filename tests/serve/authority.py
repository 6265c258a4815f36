"""A certificate authority for tests: server pairs of any kind, and client certificates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from garrison.serve.production import Pair

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = timedelta(days=1)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )


def pem_of(key: Key) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@dataclass(frozen=True)
class Authority:
    """`file` is what others trust."""

    folder: Path
    name: str

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        public = self.key.public_key()
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            _name(self.name), _name(self.name), public, x509.random_serial_number(), now - DAY, now + 30 * DAY
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_usage(signs=True), True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        self.file.write_bytes(builder.sign(self.key, SHA256()).public_bytes(serialization.Encoding.PEM))

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def key(self) -> ec.EllipticCurvePrivateKey:
        path = self.folder / "authority.key"
        if not path.exists():
            path.write_bytes(pem_of(ec.generate_private_key(ec.SECP256R1())))
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def make(
        self,
        name: str,
        *,
        client: bool = False,
        key: Key | None = None,
        days: int = 10,
        hosts: tuple[str, ...] = ("localhost",),
    ) -> tuple[bytes, bytes]:
        """Certificate and key in PEM; with `days` below zero it has expired."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            _name(self.name), _name(name), public, x509.random_serial_number(), now - 20 * DAY, now + days * DAY
        )
        purpose = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        names = x509.SubjectAlternativeName([*map(x509.DNSName, hosts), x509.IPAddress(ip_address("127.0.0.1"))])
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(signs=False), True),
            (x509.ExtendedKeyUsage([purpose]), False),
            (names, False),
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False),
        ):
            builder = builder.add_extension(extension, critical)
        certificate = builder.sign(self.key, SHA256()).public_bytes(serialization.Encoding.PEM)
        return certificate, pem_of(key)

    def pair(self, name: str, **how: Any) -> Pair:
        """Files with a new certificate and its key."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        put(pair, *self.make(name, **how))
        return pair


def put(pair: Pair, certificate: bytes, key: bytes) -> None:
    """Write both files, one after the other, each by renaming, as certificate tools do."""
    for path, content in ((pair.cert_file, certificate), (pair.key_file, key)):
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(path)
