"""What becomes of the certificate in use: swapped, expiring, changed in a way nobody expects, trusted or not.

Threat: a certificate that runs out unnoticed; one that somebody exchanged: for fewer names, from another authority, or
by an older one. Each is an event. Strict-Transport-Security for a certificate that browsers do not trust would lock
users out for years, so it goes out only while this machine's own list of authorities trusts the certificate (RFC 6797
section 8.4 makes every later warning final). Assumption: this machine's list is about as good as the browsers'. Lets
pass: a change between two looks, a second apart.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography import x509

from ..core.ports import Services
from ..events.vocabulary import EventName
from .certificates import names_of
from .issuing.times import ALARMS, alarm_of
from .swap import Certificates


class Watch:
    """Looks after `certificates`, and tells of them through `services`. Called about every second."""

    def __init__(
        self, certificates: Certificates, services: Services, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._certificates = certificates
        self._services = services
        self._now = now
        self._alarmed = 0
        self._judge()
        self._alarm()
        services.gauges["certificate_days_left"] = (
            "Days until the certificate in use ends; below zero when it has.",
            self.days_left,
        )
        services.gauges["certificate_trusted"] = (
            "Whether clients trust the certificate in use.",
            lambda: float(services.trusted),
        )

    def days_left(self) -> float:
        """Days until the certificate in use ends."""
        end = self._certificates.certificate.not_valid_after_utc
        return (end - self._now()).total_seconds() / 86_400

    @property
    def context(self) -> ssl.SSLContext:
        """What to listen with."""
        return self._certificates.context

    def look(self) -> None:
        before = self._certificates.certificate
        if self._certificates.look():
            self._alarmed = 0
            self._judge()
            wrong = unexpected(before, self._certificates.certificate)
            if wrong:
                serial = f"{self._certificates.certificate.serial_number:x}"
                self._services.emit(EventName.CERTIFICATE_CHANGED, None, serial=serial, error=wrong)
        self._alarm()

    def _judge(self) -> None:
        self._services.trusted = trusted(self._certificates.context, self._certificates.certificate)

    def _alarm(self) -> None:
        """Once for each step; the steps are worked out anew, so that a clock put right alarms at once."""
        certificate, now = self._certificates.certificate, self._now()
        level = alarm_of(certificate.not_valid_before_utc, certificate.not_valid_after_utc, now)
        if level > self._alarmed:
            self._services.emit(
                EventName.CERTIFICATE_EXPIRING, None, step=level, steps=len(ALARMS),
                days_left=round(self.days_left(), 2), until=certificate.not_valid_after_utc.isoformat(),
                serial=f"{certificate.serial_number:x}",
            )  # fmt: skip
        self._alarmed = level


def unexpected(before: x509.Certificate, after: x509.Certificate) -> str:
    """What of a change nobody expects of a renewal; "" for nothing."""
    found = []
    lost = sorted(map(str, names_of(before) - names_of(after)))
    if lost:
        found.append(f"it is no longer for {', '.join(lost)}")
    if _organisation(before) != _organisation(after):
        found.append(f"it comes from {_organisation(after)}, not from {_organisation(before)}")
    if after.not_valid_after_utc < before.not_valid_after_utc:
        found.append("it ends before the one it replaced")
    return "; ".join(found)


def _organisation(certificate: x509.Certificate) -> str:
    """The authority, whichever of its intermediates signed."""
    for oid in (x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME):
        found = certificate.issuer.get_attributes_for_oid(oid)
        if found:
            return str(found[0].value)
    return certificate.issuer.rfc4514_string()


def trusted(context: ssl.SSLContext, certificate: x509.Certificate) -> bool:
    """Whether a client with this machine's authorities accepts what `context` shows: a handshake in memory."""
    name = next((str(one).replace("*", "any", 1) for one in names_of(certificate) if isinstance(one, str)), "")
    if not name:
        return False
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = ssl.create_default_context().wrap_bio(to_client, to_server, server_hostname=name)
    shown = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (asking, shown):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:  # the client's refusal, or the server's of a client without a certificate
                if end is asking:
                    return False
            else:
                if end is asking:
                    return True
    return False
