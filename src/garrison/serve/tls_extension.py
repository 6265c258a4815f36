"""The ASGI `tls` extension: what an application may know of its connection's TLS.

Source: ASGI TLS extension, version 0.2. The server's own certificate is left out, since it may have been swapped since
the handshake. Python before 3.13 tells only the client's own certificate, not the chain it was verified through.
"""

from __future__ import annotations

import asyncio
import ssl

from cryptography import x509

_VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}


def tls_extension(transport: asyncio.BaseTransport) -> dict[str, object] | None:
    """The extension for a connection, or None when it has no TLS."""
    connection = transport.get_extra_info("ssl_object")
    if connection is None:
        return None
    chain: list[str] = []
    name: str | None = None
    if connection.context.verify_mode != ssl.CERT_NONE and (der := connection.getpeercert(binary_form=True)):
        chain = [ssl.DER_cert_to_PEM_cert(one) for one in _chain(connection, der)]
        name = x509.load_der_x509_certificate(der).subject.rfc4514_string()
    cipher = connection.cipher()
    return {
        "server_cert": None,
        "client_cert_chain": chain,
        "client_cert_name": name,
        "client_cert_error": None,
        "tls_version": _VERSIONS.get(connection.version() or ""),
        "cipher_suite": _number(connection.context, cipher[0]) if cipher else None,
    }


def _chain(connection: ssl.SSLObject, der: bytes) -> list[bytes]:
    whole = getattr(connection, "get_verified_chain", None)
    found: list[bytes] = whole() if whole is not None else []
    return found or [der]


_numbers: dict[str, int] = {}


def _number(context: ssl.SSLContext, name: str) -> int | None:
    """The suite's number in the IANA registry; OpenSSL's own id carries the protocol in its upper half."""
    if name not in _numbers:
        for suite in context.get_ciphers():
            _numbers[suite["name"]] = suite["id"] & 0xFFFF
    return _numbers.get(name)
