"""The hardened TLS context of every server Garrison starts.

Threat: downgrade to old protocols and suites (RFC 9325), CRIME through compression, renegotiation floods, key exchange
over groups that nobody vouches for, tickets under a key that is never changed. Assumption: OpenSSL's own TLS 1.3 suites
and signatures are sound. Lets pass: nothing below TLS 1.2, no key exchange without forward secrecy, no CBC.

Sessions: no tickets that carry the session under a long-lived key. TLS 1.3 resumes from this process' memory, TLS 1.2
by session id; where clients show certificates nothing is resumed, so that each handshake verifies them.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from cryptography import x509

from ..policy.tls import CIPHERS, GROUPS
from .errors import CertificateUnusableError, ClientCAUnusableError
from .groups import forget_sessions, restrict_groups

_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
MINIMUM = {"intermediate": ssl.TLSVersion.TLSv1_2, "modern": ssl.TLSVersion.TLSv1_3}
"""The oldest protocol of Mozilla's profiles."""


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """What a server's TLS is made of. `alpn` is what it speaks, best first; `minimum` is TLS 1.2 or 1.3.

    `client_ca` holds the authorities that must have signed the client's certificate; None asks for none.
    """

    cert_file: Path
    key_file: Path
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    ciphers: tuple[str, ...] = CIPHERS
    alpn: tuple[str, ...] = ("http/1.1",)
    groups: tuple[str, ...] = GROUPS
    client_ca: Path | None = None

    @classmethod
    def named(
        cls, name: Literal["intermediate", "modern"], cert_file: Path, key_file: Path, client_ca: Path | None = None
    ) -> TlsProfile:
        """Mozilla's profile of that name."""
        return cls(cert_file, key_file, minimum=MINIMUM[name], client_ca=client_ca)


def server_context(profile: TlsProfile) -> ssl.SSLContext:
    """A server-side context for `profile`.

    Raises `CertificateUnusableError` when certificate and key can't be loaded, `ClientCAUnusableError` for the clients'
    authorities, `ValueError` when `minimum` is below TLS 1.2. Source: RFC 9325 sections 3.1, 3.4 and 4.2, Mozilla's
    server-side TLS guidelines.
    """
    if profile.minimum < ssl.TLSVersion.TLSv1_2:
        raise ValueError("TLS below 1.2 is not offered")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = profile.minimum
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    # All suites are good: the client knows best which of them its hardware is fast at (Mozilla's guidelines).
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 1
    context.set_ciphers(":".join(profile.ciphers))
    context.set_alpn_protocols(list(profile.alpn))
    restrict_groups(context, profile.groups)
    _load(context, profile)
    if profile.client_ca is not None:
        _ask_for_certificates(context, profile.client_ca)
    return context


def _load(context: ssl.SSLContext, profile: TlsProfile) -> None:
    try:
        # An empty password: for an encrypted key OpenSSL would else stop and ask at the terminal.
        context.load_cert_chain(profile.cert_file, profile.key_file, password=lambda: b"")
    except ssl.SSLError as error:
        raise CertificateUnusableError(profile.cert_file, error.reason or "not PEM, or the key is encrypted") from error
    except OSError as error:
        raise CertificateUnusableError(profile.cert_file, error.strerror or type(error).__name__) from error


def _ask_for_certificates(context: ssl.SSLContext, authorities: Path) -> None:
    try:
        context.load_verify_locations(cafile=authorities)
    except (ssl.SSLError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "not PEM"
        raise ClientCAUnusableError(authorities, why or type(error).__name__) from error
    for certificate in x509.load_pem_x509_certificates(authorities.read_bytes()):
        if flaw := _flaw(certificate.extensions):
            raise ClientCAUnusableError(authorities, f"{certificate.subject.rfc4514_string()} {flaw}")
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_REQUIRED
    forget_sessions(context)


def _flaw(extensions: x509.Extensions) -> str:
    """Why no certificate that this authority signed would be believed: every client would be turned away, unsaid.

    Strict verification asks of an authority what RFC 5280 does, in sections 4.2.1.2, 4.2.1.3 and 4.2.1.9; what
    `openssl req -x509` makes by itself lacks the second.
    """
    usage = _of(extensions, x509.KeyUsage)
    limits = _of(extensions, x509.BasicConstraints)
    if limits is None or not (limits.critical and limits.value.ca):
        return "is no authority (critical basicConstraints with CA:TRUE)"
    if usage is None or not usage.value.key_cert_sign:
        return "may not sign certificates (keyUsage with keyCertSign)"
    return "" if _of(extensions, x509.SubjectKeyIdentifier) else "has no subjectKeyIdentifier"


def _of(extensions: x509.Extensions, kind: type[_Kind]) -> x509.Extension[_Kind] | None:
    try:
        return extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None
