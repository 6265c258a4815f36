"""The hardened TLS context of every server Garrison starts.

Threat: downgrade to old protocols and suites (RFC 9325), CRIME through compression, renegotiation floods.
Assumption: OpenSSL's own defaults for groups and signatures are sound. Lets pass: nothing below TLS 1.2, no
key exchange without forward secrecy, no CBC.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from .errors import CertificateUnusableError

# Mozilla's server-side TLS guidelines 5.7, "intermediate", without its two finite-field suites. TLS 1.3
# suites are not chosen here: all of OpenSSL's are AEAD with forward secrecy.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)


@dataclass(frozen=True, slots=True)
class TlsProfile:
    """What a server's TLS is made of. `alpn` is what it speaks, best first; `minimum` is TLS 1.2 or 1.3."""

    cert_file: Path
    key_file: Path
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    ciphers: tuple[str, ...] = CIPHERS
    alpn: tuple[str, ...] = ("http/1.1",)


def server_context(profile: TlsProfile) -> ssl.SSLContext:
    """A server-side context for `profile`.

    Raises `CertificateUnusableError` when certificate and key can't be loaded, `ValueError` when `minimum` is
    below TLS 1.2. Source: RFC 9325 sections 3.1 and 4.2, Mozilla's server-side TLS guidelines.
    """
    if profile.minimum < ssl.TLSVersion.TLSv1_2:
        raise ValueError("TLS below 1.2 is not offered")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = profile.minimum
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(":".join(profile.ciphers))
    context.set_alpn_protocols(list(profile.alpn))
    _load(context, profile)
    return context


def _load(context: ssl.SSLContext, profile: TlsProfile) -> None:
    try:
        # An empty password: for an encrypted key OpenSSL would else stop and ask at the terminal.
        context.load_cert_chain(profile.cert_file, profile.key_file, password=lambda: b"")
    except ssl.SSLError as error:
        raise CertificateUnusableError(profile.cert_file, error.reason or "not PEM, or the key is encrypted") from error
    except OSError as error:
        raise CertificateUnusableError(profile.cert_file, error.strerror or type(error).__name__) from error
