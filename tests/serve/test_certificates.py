"""The CA's promise is that its key, once stolen, is good for loopback only: tried with the key in the thief's hands."""

from __future__ import annotations

import ssl
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from garrison.serve.certificates import Name, build_ca, build_leaf, loopback_names, new_key
from garrison.serve.context import TlsProfile, server_context
from garrison.serve.errors import NameRefusedError
from tests.serve.conftest import client_context, handshake


def rebuilt(
    key: ec.EllipticCurvePrivateKey, ca: x509.Certificate, *, without: type, plus: x509.ExtensionType | None = None
) -> x509.Certificate:
    """The same CA without one of its extensions, or with another in its place."""
    builder = x509.CertificateBuilder(
        ca.issuer,
        ca.subject,
        key.public_key(),
        x509.random_serial_number(),
        ca.not_valid_before_utc,
        ca.not_valid_after_utc,
    )
    for extension in ca.extensions:
        if not isinstance(extension.value, without):
            builder = builder.add_extension(extension.value, extension.critical)
    if plus is not None:
        builder = builder.add_extension(plus, critical=True)
    return builder.sign(key, SHA256())


def serve(folder: Path, key: ec.EllipticCurvePrivateKey, chain: list[x509.Certificate]) -> ssl.SSLContext:
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + b"".join(one.public_bytes(Encoding.PEM) for one in chain))
    return server_context(TlsProfile(path, path))


def trust(folder: Path, ca: x509.Certificate) -> ssl.SSLContext:
    path = folder / "trusted.pem"
    path.write_bytes(ca.public_bytes(Encoding.PEM))
    return client_context(path)


MALFORMED = ["", "*.localhost", "localhost.", ".localhost", "a..localhost", "-a.localhost", "a_b.localhost"]
MALFORMED += ["::ffff:127.0.0.1", "::1%lo", "[::1]", "127.1", "localhost\n", "localhost:8443", "a" * 64 + ".localhost"]
FOREIGN = ["example.com", "localhost.example.com", "notlocalhost", "com", "203.0.113.7", "10.0.0.1", "2001:db8::1"]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_stolen_ca_key_signs_for_no_foreign_name(name: str, tmp_path: Path, now: datetime) -> None:
    """RFC 5280 section 4.2.1.10: all names below a constrained CA must lie within the permitted subtrees."""
    ca_key, key = new_key(), new_key()
    ca = build_ca(ca_key, now)
    loose = rebuilt(ca_key, ca, without=x509.NameConstraints)
    leaf = build_leaf(key.public_key(), (parse(name),), ca=ca, ca_key=ca_key, now=now)
    server = serve(tmp_path, key, [leaf])

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(server, trust(tmp_path, ca), name)
    assert handshake(server, trust(tmp_path, loose), name).version()  # control: without the constraints it passes


@pytest.mark.parametrize("name", ["localhost", "shop.localhost", "a.b.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_the_constraints_let_every_loopback_name_through(name: str, tmp_path: Path, now: datetime) -> None:
    ca_key, key = new_key(), new_key()
    ca = build_ca(ca_key, now)
    leaf = build_leaf(key.public_key(), loopback_names([name]), ca=ca, ca_key=ca_key, now=now)

    assert handshake(serve(tmp_path, key, [leaf]), trust(tmp_path, ca), name).version()


def test_a_foreign_name_beside_a_loopback_name_is_refused_too(tmp_path: Path, now: datetime) -> None:
    ca_key, key = new_key(), new_key()
    ca = build_ca(ca_key, now)
    leaf = build_leaf(key.public_key(), ("localhost", "example.com"), ca=ca, ca_key=ca_key, now=now)

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(serve(tmp_path, key, [leaf]), trust(tmp_path, ca), "localhost")


def test_a_stolen_ca_key_can_not_pass_on_its_power(tmp_path: Path, now: datetime) -> None:
    """RFC 5280 section 4.2.1.9: pathLenConstraint 0 allows no further CA below."""
    ca_key, below_key, key = new_key(), new_key(), new_key()
    ca = build_ca(ca_key, now)
    long = rebuilt(ca_key, ca, without=x509.BasicConstraints, plus=x509.BasicConstraints(ca=True, path_length=1))
    below = intermediate(below_key, ca, ca_key)
    leaf = build_leaf(key.public_key(), ("localhost",), ca=below, ca_key=below_key, now=now)
    server = serve(tmp_path, key, [leaf, below])

    with pytest.raises(ssl.SSLCertVerificationError, match="path length constraint exceeded"):
        handshake(server, trust(tmp_path, ca), "localhost")
    assert handshake(server, trust(tmp_path, long), "localhost").version()  # control: pathlen 1 lets it through


def test_the_constraints_are_critical_and_the_ca_may_do_nothing_else(now: datetime) -> None:
    extensions = build_ca(new_key(), now).extensions
    constraints = extensions.get_extension_for_class(x509.NameConstraints)
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)

    assert constraints.critical
    assert basic.critical
    assert basic.value == x509.BasicConstraints(ca=True, path_length=0)
    assert usage.critical
    assert (usage.value.key_cert_sign, usage.value.digital_signature) == (True, False)


@pytest.mark.parametrize(
    "name",
    [*FOREIGN, *MALFORMED],
)
def test_no_certificate_is_asked_for_a_name_that_is_not_loopback(name: str) -> None:
    with pytest.raises(NameRefusedError) as refused:
        loopback_names(["localhost", name])
    assert refused.value.name == name
    assert refused.value.remedy


def test_names_are_the_same_whatever_their_case_order_and_number() -> None:
    once = loopback_names(["localhost", "shop.localhost", "127.0.0.1", "::1"])
    again = loopback_names(["::1", "SHOP.localhost", "127.0.0.1", "LocalHost", "0:0:0:0:0:0:0:1", "localhost"])

    assert once == again


def parse(name: str) -> Name:
    try:
        return ip_address(name)
    except ValueError:
        return name


def intermediate(
    key: ec.EllipticCurvePrivateKey, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "below")])
    public = key.public_key()
    builder = x509.CertificateBuilder(
        ca.subject,
        own,
        public,
        x509.random_serial_number(),
        ca.not_valid_before_utc,
        ca.not_valid_after_utc,
    )
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage).value
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, SHA256())
    )
