from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from garrison.serve.context import TlsProfile, server_context
from garrison.serve.devca import DevCA, Leaf
from garrison.serve.errors import CertificateUnusableError
from tests.serve.conftest import client_context, handshake

OLD_AND_WEAK = "ALL:@SECLEVEL=0"


pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")


@pytest.fixture
def leaf(ca: DevCA) -> Leaf:
    return ca.issue()


@pytest.fixture
def hardened(leaf: Leaf) -> ssl.SSLContext:
    return server_context(TlsProfile(leaf.cert_file, leaf.key_file))


@pytest.fixture
def careless(leaf: Leaf) -> ssl.SSLContext:
    """The control: a server that takes whatever the client offers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(OLD_AND_WEAK)
    context.load_cert_chain(leaf.cert_file, leaf.key_file)
    return context


def client(ca: DevCA, newest: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
    context = client_context(ca.certificate_file)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = newest
    context.set_ciphers(ciphers)
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_below_1_2_is_refused(
    version: ssl.TLSVersion, ca: DevCA, hardened: ssl.SSLContext, careless: ssl.SSLContext
) -> None:
    """RFC 8996: TLS 1.0 and 1.1 must not be used."""
    with pytest.raises(ssl.SSLError):
        handshake(hardened, client(ca, version, OLD_AND_WEAK), "localhost")
    assert handshake(careless, client(ca, version, OLD_AND_WEAK), "localhost").version() == version.name.replace(
        "_", "."
    )


@pytest.mark.parametrize(
    "suite", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-NULL-SHA"]
)
def test_a_suite_without_modern_encryption_is_refused(
    suite: str, ca: DevCA, hardened: ssl.SSLContext, careless: ssl.SSLContext
) -> None:
    """RFC 9325 section 4.2: AEAD and forward secrecy."""
    weak = client(ca, ssl.TLSVersion.TLSv1_2, f"{suite}:@SECLEVEL=0")
    if suite == "ECDHE-ECDSA-NULL-SHA":
        careless.set_ciphers(f"{suite}:@SECLEVEL=0")

    with pytest.raises(ssl.SSLError):
        handshake(hardened, weak, "localhost")
    assert handshake(careless, weak, "localhost").cipher() is not None


def test_tls_1_2_is_served_with_an_aead_suite(ca: DevCA, hardened: ssl.SSLContext) -> None:
    session = handshake(hardened, client(ca, ssl.TLSVersion.TLSv1_2, "DEFAULT"), "localhost")
    cipher = session.cipher()

    assert session.version() == "TLSv1.2"
    assert cipher is not None
    assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]


def test_every_suite_that_is_offered_has_aead_and_forward_secrecy(hardened: ssl.SSLContext) -> None:
    for suite in hardened.get_ciphers():
        assert suite["aead"]
        assert suite["name"].startswith(("TLS_", "ECDHE-"))


def test_compression_and_renegotiation_are_off(hardened: ssl.SSLContext) -> None:
    assert hardened.options & ssl.OP_NO_COMPRESSION
    assert hardened.options & ssl.OP_NO_RENEGOTIATION


def test_only_the_protocols_of_the_profile_are_agreed_on(ca: DevCA, hardened: ssl.SSLContext) -> None:
    eager = client_context(ca.certificate_file)
    eager.set_alpn_protocols(["h2", "http/1.1"])

    assert handshake(hardened, eager, "localhost").selected_alpn_protocol() == "http/1.1"


def test_a_profile_may_ask_for_tls_1_3_only(leaf: Leaf, ca: DevCA) -> None:
    modern = server_context(TlsProfile(leaf.cert_file, leaf.key_file, minimum=ssl.TLSVersion.TLSv1_3))

    with pytest.raises(ssl.SSLError):
        handshake(modern, client(ca, ssl.TLSVersion.TLSv1_2, "DEFAULT"), "localhost")


def test_a_profile_may_not_ask_for_less_than_tls_1_2(leaf: Leaf) -> None:
    with pytest.raises(ValueError, match=r"1\.2"):
        server_context(TlsProfile(leaf.cert_file, leaf.key_file, minimum=ssl.TLSVersion.TLSv1_1))


def test_an_unusable_certificate_is_named(leaf: Leaf, ca: DevCA, tmp_path: Path) -> None:
    noise = tmp_path / "noise.pem"
    noise.write_bytes(b"noise")
    other = ca.issue(["other.localhost"])
    for pair in [(noise, noise), (tmp_path / "none", leaf.key_file), (leaf.cert_file, other.key_file)]:
        with pytest.raises(CertificateUnusableError) as refused:
            server_context(TlsProfile(*pair))
        assert refused.value.path == pair[0]


def test_an_encrypted_key_is_refused_instead_of_asked_for_at_the_terminal(leaf: Leaf, tmp_path: Path) -> None:
    key = load_pem_private_key(leaf.key_file.read_bytes(), None)
    path = tmp_path / "encrypted.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")))

    with pytest.raises(CertificateUnusableError):
        server_context(TlsProfile(leaf.cert_file, path))
