"""Certificate files that change under a running server: watched, tried out, and swapped whole.

Threat: an expired certificate because nobody restarted the server; a half-written or mismatched pair that takes the
server down. Assumption: whoever may write these files may speak for this server. Lets pass: a valid pair for other
names than before; a resumed TLS session, which shows no certificate at all.

A new pair is loaded into a context of its own and handed to each later handshake by the SNI callback, which OpenSSL
calls with or without a name. Loading it into the listening context would leave a half-changed one when the key does not
fit, and an old certificate of another key type beside the new one.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from ..core.errors import GarrisonError
from .context import TlsProfile, server_context
from .errors import CertificateUnusableError

_log = logging.getLogger("uvicorn.error")

Alarm = Callable[[str], None]
"""Told what is wrong with the files; "" when it is well again."""
Mark = tuple[tuple[int, int, int, int] | None, ...]


class Certificates:
    """The certificate that a server shows. `context` is what it listens with; `look` is called about every second.

    Raises what `server_context` raises when the first pair can't be used. A first pair that is expired is served all
    the same, with an alarm: clients can judge it, and nothing better is there.
    """

    def __init__(self, profile: TlsProfile, alarm: Alarm, now: Callable[[], datetime] | None = None) -> None:
        self._profile = profile
        self._alarm = alarm
        self._now = now or _utc_now
        self._mark = self._seen = _mark(profile)
        self._alarmed = False
        self.context = self._current = server_context(profile)
        self.context.sni_callback = self._choose
        try:
            self.certificate = self._examined()
        except CertificateUnusableError as error:
            self.certificate = _read(profile.cert_file)
            self._tell(str(error))

    def look(self) -> bool:
        """See whether the files changed, and swap. True when a new pair was put to work.

        A pair is tried once it looked the same twice: certificate and key are written one after the other.
        """
        mark = _mark(self._profile)
        settled, self._seen = mark == self._seen, mark
        if mark == self._mark or not settled:
            return False
        self._mark = mark
        try:
            context, certificate = server_context(self._profile), self._examined()
        except GarrisonError as error:
            self._tell(f"{error} The one loaded before is still served.")
            return False
        self._current, self.certificate = context, certificate
        _log.info(
            "Serving a new certificate: serial %x, until %s", certificate.serial_number, certificate.not_valid_after_utc
        )
        self._tell("")
        return True

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if self._current is not context:
            connection.context = self._current

    def _examined(self) -> x509.Certificate:
        certificate = _read(self._profile.cert_file)
        now = self._now()
        if now >= certificate.not_valid_after_utc:
            raise CertificateUnusableError(
                self._profile.cert_file, f"it has expired, on {certificate.not_valid_after_utc}"
            )
        if now < certificate.not_valid_before_utc:
            raise CertificateUnusableError(
                self._profile.cert_file, f"it is not valid before {certificate.not_valid_before_utc}"
            )
        return certificate

    def _tell(self, wrong: str) -> None:
        if wrong:
            _log.error("%s", wrong)
        if wrong or self._alarmed:
            self._alarm(wrong)
        self._alarmed = bool(wrong)


def _read(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError) as error:
        raise CertificateUnusableError(path, "it can't be read") from error


def _mark(profile: TlsProfile) -> Mark:
    """What changes when a file does: links are followed, so a link that points elsewhere is a change."""
    files = (profile.cert_file, profile.key_file, profile.client_ca)
    return tuple(_stat(path) if path is not None else None for path in files)


def _stat(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:  # gone for the moment, or for good: then loading says so
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _utc_now() -> datetime:
    return datetime.now(UTC)
