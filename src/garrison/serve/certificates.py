"""What the development CA and its certificates look like. Pure: no files, no clock.

Threat: a development CA that its user trusts is stolen, and then signs for any site. Each CA made here
carries critical name constraints (RFC 5280 section 4.2.1.10) for loopback names, `pathlen` 0 and the
server-authentication purpose, so a stolen key can impersonate nothing but this machine to itself.
Lets pass: clients that ignore constraints on a trust anchor (RFC 5280 section 6.1 leaves that to them;
OpenSSL, Go and today's browsers enforce them).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .errors import NameRefusedError

CA_LIFE = timedelta(days=730)
LEAF_LIFE = timedelta(days=60)
BACKDATE = timedelta(hours=1)  # for clients whose clock is a little behind

LOOPBACK_V4 = ip_network("127.0.0.0/8")
LOOPBACK_V6 = ip_network("::1/128")
# Labels as RFC 1123 section 2.1 has them.
_LOCALHOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*localhost")

Name = IPv4Address | IPv6Address | str
Profile = tuple[tuple[x509.ExtensionType, bool], ...]


def loopback_names(names: Iterable[str]) -> tuple[Name, ...]:
    """Parse names into loopback addresses and lower-case DNS names, each once, in a fixed order.

    Raises `NameRefusedError` for any other name, wildcards among them.
    """
    parsed = {_loopback_name(name) for name in names}
    return tuple(sorted(parsed, key=lambda name: (not isinstance(name, str), str(name))))


def _loopback_name(name: str) -> Name:
    try:
        address = ip_address(name)
    except ValueError:
        host = name.lower()
        if len(host) > 253 or not _LOCALHOST.fullmatch(host):
            raise NameRefusedError(name) from None
        return host
    if address not in LOOPBACK_V4 and address != LOOPBACK_V6.network_address:
        raise NameRefusedError(name)
    return address


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def ca_profile(public: ec.EllipticCurvePublicKey) -> Profile:
    """The extensions of a development CA, each with whether it is critical."""
    constraints = x509.NameConstraints(
        # RFC 5280: a DNS constraint covers the name and all names below it, so this is `.localhost` too. The
        # form with a leading dot is not defined for DNS names, and clients disagree about it.
        permitted_subtrees=[
            x509.DNSName("localhost"),
            x509.IPAddress(LOOPBACK_V4),
            x509.IPAddress(LOOPBACK_V6),
        ],
        excluded_subtrees=None,
    )
    return (
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_usage(signs_certificates=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (constraints, True),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
    )


def build_ca(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """A self-signed CA certificate with `ca_profile`, valid for `CA_LIFE`."""
    public = key.public_key()
    mark = x509.SubjectKeyIdentifier.from_public_key(public).digest.hex()[:8]
    name = _subject(f"Garrison development CA {mark}")
    return _build(name, name, public, now, now + CA_LIFE, ca_profile(public)).sign(key, SHA256())


def build_leaf(
    public: ec.EllipticCurvePublicKey,
    names: tuple[Name, ...],
    *,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """A server certificate for `names`, valid for `LEAF_LIFE` but never longer than its CA."""
    until = min(now + LEAF_LIFE, ca.not_valid_after_utc)
    profile: Profile = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(_general(names)), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False),
    )
    subject = _subject("Garrison development server")
    return _build(subject, ca.subject, public, now, until, profile).sign(ca_key, SHA256())


def follows(certificate: x509.Certificate, profile: Profile) -> bool:
    """Whether the certificate carries exactly these extensions, critical where the profile says so."""
    try:
        found = {extension.oid: (extension.value, extension.critical) for extension in certificate.extensions}
    except (ValueError, x509.DuplicateExtension):  # an extension that can't be parsed is not one of ours
        return False
    return found == {value.oid: (value, critical) for value, critical in profile}


def names_of(certificate: x509.Certificate) -> frozenset[Name]:
    """The DNS names and addresses a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):  # none, or none that can be read
        return frozenset()
    addresses = found.get_values_for_type(x509.IPAddress)
    hosts = [address for address in addresses if isinstance(address, IPv4Address | IPv6Address)]
    return frozenset([*found.get_values_for_type(x509.DNSName), *hosts])


def _build(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    until: datetime,
    profile: Profile,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number(), now - BACKDATE, until)
    for extension, critical in profile:
        builder = builder.add_extension(extension, critical)
    return builder


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Garrison"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _general(names: tuple[Name, ...]) -> list[x509.GeneralName]:
    return [x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name) for name in names]


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
