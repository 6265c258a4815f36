"""What was seen of a TLS endpoint, as findings. Pure.

Source: Mozilla's server-side TLS guidelines 5.7 (modern and intermediate), RFC 9325, the CA/Browser Forum's baseline
requirements for how long certificates live.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ..findings.record import Finding, Location
from ..findings.severity import Severity
from ..serve.certificates import names_of
from ..serve.examining import Seen
from ..serve.issuing.times import alarm_of

INTERMEDIATE: Final = frozenset({
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305",
})  # fmt: skip
CURVES: Final = frozenset({"X25519", "prime256v1", "secp384r1"})
LONGEST: Final = timedelta(days=398, hours=1)
_ANONYMOUS: Final = ("ADH-", "AECDH-")
_MOZILLA: Final = "Mozilla Server Side TLS 5.7"
_LEVELS: Final = (Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH)


def profile_of(seen: Seen) -> str:
    """Mozilla's profile that the endpoint keeps to: "modern", "intermediate", or "" for neither or not known."""
    versions = {name for name, spoken in seen.versions.items() if spoken}
    if seen.unanswered or not set(seen.curves) <= CURVES or not versions or not _key_will_do(seen.chain[0]):
        return ""
    if versions == {"TLSv1.3"}:
        return "modern"
    return "intermediate" if versions <= {"TLSv1.2", "TLSv1.3"} and set(seen.suites) <= INTERMEDIATE else ""


def judge(seen: Seen, now: datetime) -> list[Finding]:
    """Everything that is wrong with what was seen."""
    return [*_trust(seen), *_time(seen, now), *_tls(seen)]


def _finding(seen: Seen, id: str, severity: Severity, title: str, message: str, why: str, **more: str) -> Finding:
    return Finding(
        id=id, title=title, severity=severity, message=message, consequence=why, remedy=more.get("remedy", ""),
        reference=more.get("reference", _MOZILLA), location=Location(key=seen.endpoint.shown), source="certs check",
        cwe=(295,) if id < "TLS004" else (327,),
    )  # fmt: skip


def _trust(seen: Seen) -> Iterator[Finding]:
    name = seen.endpoint.name or seen.endpoint.host
    if seen.distrust:
        names = ", ".join(sorted(map(str, names_of(seen.chain[0]))))[:200]
        yield _finding(
            seen, "TLS001", Severity.HIGH, "Not trusted",
            f"Clients that trust what this machine trusts refuse it for {name}: {seen.distrust}. It is for: {names}.",
            "Users see a warning, and those who click it away can't tell an attacker from the site.",
            remedy="Serve the whole chain of a certificate for this name, from an authority that clients know.",
            reference="RFC 5280 section 6, RFC 9525",
        )  # fmt: skip


def _time(seen: Seen, now: datetime) -> Iterator[Finding]:
    leaf = seen.chain[0]
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    left = (ends - now).total_seconds() / 86_400
    alarm = alarm_of(begins, ends, now)
    if alarm:
        yield _finding(
            seen, "TLS002", _LEVELS[alarm] if left > 0 else Severity.CRITICAL, "Little of its life left",
            f"The certificate {f'ends in {left:.1f} days' if left > 0 else 'has expired'} ({ends:%Y-%m-%d %H:%M} UTC).",
            "Clients refuse an expired certificate.",
            remedy="Renew it; docs/serve/expired.md tells how.", reference="docs/serve/expired.md",
        )  # fmt: skip
    if ends - begins > LONGEST:
        yield _finding(
            seen, "TLS003", Severity.LOW, "Lives too long",
            f"The certificate lives {(ends - begins).days} days; browsers take 398 at most.",
            "A stolen key is good for longer, and browsers refuse the certificate if a public authority signed it.",
            remedy="Issue it for 90 days or less, and renew it by itself.", reference="CA/Browser Forum BR 6.3.2",
        )  # fmt: skip


def _tls(seen: Seen) -> Iterator[Finding]:
    old = [name for name in ("TLSv1", "TLSv1.1") if seen.versions.get(name)]
    if old:
        yield _finding(
            seen, "TLS004", Severity.HIGH, "Old protocols", f"It speaks {' and '.join(old)}.",
            "Attackers on the path can bring clients down to protocols with known breaks.",
            remedy="Allow TLS 1.2 and 1.3 only.", reference="RFC 8996",
        )  # fmt: skip
    open_ = [suite for suite in seen.suites if suite.startswith(_ANONYMOUS) or "NULL" in suite]
    if open_:
        yield _finding(
            seen, "TLS009", Severity.CRITICAL, "Suites that protect nothing",
            f"It agrees to {len(open_)} without a certificate or without encryption: {', '.join(open_[:8])}.",
            "Whoever is on the path can take its place, or read along.",
            remedy="Allow ECDHE with AES-GCM or ChaCha20 only.", reference="RFC 9325 section 4.1",
        )  # fmt: skip
    weak = [suite for suite in seen.suites if suite not in INTERMEDIATE and suite not in open_]
    if weak:
        yield _finding(
            seen, "TLS005", Severity.MEDIUM, "Weak suites", f"It agrees to {len(weak)}: {', '.join(weak[:8])}.",
            "No forward secrecy, or modes with known attacks.", remedy="Allow ECDHE with AES-GCM or ChaCha20 only.",
        )  # fmt: skip
    odd = [curve for curve in seen.curves if curve not in CURVES]
    if odd:
        yield _finding(
            seen, "TLS006", Severity.LOW, "Groups outside the profile", f"It agrees to {', '.join(odd)}.",
            "Large groups cost the server much for each handshake.", remedy="Allow X25519, P-256 and P-384 only.",
        )  # fmt: skip
    if not seen.versions.get("TLSv1.3"):
        yield _finding(
            seen, "TLS007", Severity.LOW, "No TLS 1.3", "It does not speak TLS 1.3.",
            "Handshakes are slower, and certificates are shown in the clear.", remedy="Allow TLS 1.3.",
        )  # fmt: skip
    if not _key_will_do(seen.chain[0]):
        yield _finding(
            seen, "TLS008", Severity.HIGH, "Weak key", "The certificate's key is RSA below 2048 bits, or odd.",
            "It can be broken, or clients refuse it.", remedy="Use P-256, or RSA with 2048 bits.",
        )  # fmt: skip


def _key_will_do(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= 2048
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in {"secp256r1", "secp384r1"}
