"""What every authority is given, and what is looked at in what it sends back.

Threat: an authority (or who stands in its place) signs another key, other names, or nothing that is good today; put to
use, that is an outage at the best. Nothing is put to use that is not for this key, these names and this day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from .errors import IssueRefused

LONGEST: Final = 400
"""Characters of somebody else's text."""


def request_for(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> bytes:
    """A request in PEM to certify `key` for `names`."""
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    return builder.add_extension(alternatives, critical=False).sign(key, SHA256()).public_bytes(Encoding.PEM)


def check_issued(chain: str, key: ec.EllipticCurvePrivateKey, names: Sequence[str], remedy: str = "") -> None:
    """Raise `IssueRefused` unless the first of `chain` (PEM) is for `key` and `names`, and good today."""
    try:
        certificate = x509.load_pem_x509_certificates(chain.encode())[0]
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        given = {name.lower() for name in found.get_values_for_type(x509.DNSName)}
    except (ValueError, x509.ExtensionNotFound) as error:
        raise IssueRefused("what it sent is no certificate for these names", remedy) from error
    if certificate.public_key() != key.public_key():
        raise IssueRefused("what it sent is for another key", remedy)
    if not set(names) <= given:
        raise IssueRefused("what it sent is for other names", remedy)
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        raise IssueRefused("what it sent has expired (or this machine's clock is wrong)", remedy)


def plain_line(text: str) -> str:
    """Somebody else's text: one line of bounded length."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"
