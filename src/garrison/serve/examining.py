"""Looking at a TLS endpoint from outside: what it shows and what it agrees to. `scan.tls` says what that means.

Threat: none of its own. It connects where the operator says, up to about ninety times, one after the other, each with a
time limit. Assumption: this machine's OpenSSL can still offer what it asks about; what it can't offer, or what got no
answer, is told as such, never as "refused". A server that ends a handshake after it has chosen, since it asks for a
certificate that nobody has here, has agreed all the same. Lets pass: SSL 2 and 3, TLS 1.3's own suites, and
renegotiation are not asked about.
"""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from ..core.errors import DependencyError
from ..core.host import bracketed

SECONDS: Final = 5.0
MOST_SUITES: Final = 64
VERSIONS: Final = (
    ("TLSv1", ssl.TLSVersion.TLSv1), ("TLSv1.1", ssl.TLSVersion.TLSv1_1), ("TLSv1.2", ssl.TLSVersion.TLSv1_2),
    ("TLSv1.3", ssl.TLSVersion.TLSv1_3),
)  # fmt: skip
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
CURVES: Final = ("X25519", "prime256v1", "secp384r1", "secp521r1", "X448")


class EndpointAway(DependencyError):
    """Nothing at that address speaks TLS. `address` is where it was looked for."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"{address} can't be examined: {why}.", remedy="Check the name, the port and the way there.")
        self.address = address


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to look. `name` is what the certificate must be for; `ca_file` is trusted in place of this machine's."""

    host: str
    port: int = 443
    name: str = ""
    ca_file: Path | None = None

    @property
    def shown(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen. `distrust` is why this machine does not trust it, "" for nothing; in `versions`, None is "can't be
    told"; `suites` are those of TLS 1.2 and older, as the server chose them; `chain` begins with the server's own.
    `unanswered` is what it gave no answer about in time, which may hide more."""

    endpoint: Endpoint
    chain: tuple[x509.Certificate, ...]
    distrust: str
    versions: dict[str, bool | None]
    suites: tuple[str, ...]
    curves: tuple[str, ...]
    unanswered: tuple[str, ...] = ()


class _Unanswered(Exception):
    """The endpoint did not answer: neither yes nor no."""


def examine(endpoint: Endpoint) -> Seen:
    """Look at `endpoint`. Raises `EndpointAway`."""
    chain = _chain(endpoint)
    silent: list[str] = []
    versions: dict[str, bool | None] = {}
    for name, version in VERSIONS:
        versions[name] = None
        with _noted(silent, name):
            versions[name] = _speaks(endpoint, version)
    suites: list[str] = []
    with _noted(silent, "further suites"):
        suites.extend(_suites(endpoint))
    curves: list[str] = []
    with _noted(silent, "further groups"):
        curves.extend(_curves(endpoint))
    return Seen(endpoint, chain, _distrust(endpoint), versions, tuple(suites), tuple(curves), tuple(silent))


@contextmanager
def _noted(silent: list[str], about: str) -> Iterator[None]:
    try:
        yield
    except _Unanswered:
        silent.append(about)


def _loose() -> ssl.SSLContext:
    """A client that accepts whatever it is shown: it looks, and sends nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are offered to see who still takes them
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return context


@contextmanager
def _connected(endpoint: Endpoint, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    name = endpoint.name or endpoint.host
    with (
        socket.create_connection((endpoint.host, endpoint.port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False) as connection,
    ):
        try:
            connection.do_handshake()
        except ssl.SSLCertVerificationError:
            raise
        except OSError:
            if connection.cipher() is None:  # else it had chosen, and wants a certificate of ours
                raise
        yield connection


def _chain(endpoint: Endpoint) -> tuple[x509.Certificate, ...]:
    try:
        with _connected(endpoint, _loose()) as connection:
            shown = _shown(connection)
    except (OSError, ValueError) as error:
        raise EndpointAway(endpoint.shown, _why(error)) from error
    found = []
    for der in shown:
        with suppress(ValueError):
            found.append(x509.load_der_x509_certificate(der))
    if not found:
        raise EndpointAway(endpoint.shown, "it shows no certificate that can be read")
    return tuple(found)


def _shown(connection: ssl.SSLSocket) -> list[bytes]:
    whole = getattr(connection, "get_unverified_chain", None)
    if whole is not None:
        return list(whole() or ())
    inner = getattr(getattr(connection, "_sslobj", None), "get_unverified_chain", None)  # before Python 3.13
    if inner is not None:
        return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in inner() or ()]
    der = connection.getpeercert(binary_form=True)
    return [der] if der else []


def _distrust(endpoint: Endpoint) -> str:
    context = ssl.create_default_context(cafile=str(endpoint.ca_file) if endpoint.ca_file else None)
    with suppress(ssl.SSLError):
        context.set_ciphers("ALL:@SECLEVEL=1")
    try:
        with _connected(endpoint, context):
            return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message or "it can't be verified"
    except (OSError, ValueError) as error:
        return _why(error)


def _agrees(endpoint: Endpoint, prepare: Callable[[ssl.SSLContext], None]) -> str | None:
    """The suite agreed on, "" for a refusal, None where this machine can't even ask. Raises `_Unanswered`."""
    context = _loose()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            prepare(context)
        except (ssl.SSLError, ValueError):
            return None
    try:
        with _connected(endpoint, context) as connection:
            cipher = connection.cipher()
            return cipher[0] if cipher else ""
    except ssl.SSLError as error:
        return None if error.reason == "NO_PROTOCOLS_AVAILABLE" else ""
    except (TimeoutError, ConnectionRefusedError) as error:
        raise _Unanswered from error
    except OSError:  # closed instead of answered
        return ""


def _speaks(endpoint: Endpoint, version: ssl.TLSVersion) -> bool | None:
    def prepare(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version

    agreed = _agrees(endpoint, prepare)
    return None if agreed is None else bool(agreed)


def _suites(endpoint: Endpoint) -> Iterator[str]:
    """Ask, take away what was chosen, ask again."""
    taken: list[str] = []
    for _ in range(MOST_SUITES):

        def prepare(context: ssl.SSLContext) -> None:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(":".join(["ALL", "COMPLEMENTOFALL", "@SECLEVEL=0", *(f"!{one}" for one in taken)]))

        agreed = _agrees(endpoint, prepare)
        if not agreed or agreed in taken:
            return
        taken.append(agreed)
        yield agreed


def _curves(endpoint: Endpoint) -> Iterator[str]:
    for curve in CURVES:

        def prepare(context: ssl.SSLContext, curve: str = curve) -> None:
            context.set_ecdh_curve(curve)
            context.set_ciphers("ECDHE:@SECLEVEL=0")

        if _agrees(endpoint, prepare):
            yield curve


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ssl.SSLError):
        if error.reason in _NO_TLS:
            return "what it answers is no TLS"
        return (error.reason or "no TLS").lower().replace("_", " ")
    return str(getattr(error, "strerror", "") or error or type(error).__name__)
