"""Checks on the audit log and on detection: that they are on, and that what proves the log leaves by a safe way."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ..findings.severity import Severity
from .checks import Objection, Subject, check
from .store_address import is_loopback

_PLAINTEXT = ("http://", "syslog://", "otlp+http://", "redis://")


@check(
    "P050", "No audit log", Severity.MEDIUM,
    consequence="Whoever gets the application's rights can change what is known of it, and nobody can tell.",
    remedy="Take audit.enabled = false out.",
    reference="OWASP ASVS 5.0 V16.4; docs/audit.md", production_only=True, cwe=(778,),
)  # fmt: skip
def no_audit_log(subject: Subject) -> Iterator[Objection]:
    if not subject.policy.audit.enabled:
        yield Objection("audit.enabled", "false.")


@check(
    "P051", "Checkpoints stay on the machine", Severity.LOW,
    consequence="Whoever takes the machine over can cut off the end of the audit log, and with the key rewrite it.",
    remedy="Name a place they can't write to in audit.ship.",
    reference="docs/audit.md", production_only=True,
    cwe=(353,),
)  # fmt: skip
def nothing_shipped(subject: Subject) -> Iterator[Objection]:
    if subject.policy.audit.enabled and not subject.policy.audit.ship:
        yield Objection("audit.ship", "empty.")


@check(
    "P052", "Checkpoints over a plaintext link", Severity.HIGH,
    consequence="Who sits on the network path can drop or replace what proves the log.",
    remedy='Write https:// or syslog+tls://, or name it where the network is trusted: allow_insecure_link = ["audit"].',
    reference="OWASP ASVS 5.0 V12.3; docs/audit.md", production_only=True, cwe=(319,),
)  # fmt: skip
def plaintext_shipping(subject: Subject) -> Iterator[Objection]:
    if "audit" in subject.policy.allow_insecure_link:
        return
    for index, text in enumerate(subject.policy.audit.ship):
        if _is_exposed(text) or (text.startswith("s3://") and _is_exposed(_endpoint(subject))):
            yield Objection(f"audit.ship.{index}", "plaintext to another machine.")


@check(
    "P053", "Events over a plaintext link", Severity.HIGH,
    consequence="Who sits on the network path reads who does what, and can drop or forge events.",
    remedy='Write https://, syslog+tls://, otlp+https:// or rediss://, or allow it: allow_insecure_link = ["export"].',
    reference="OWASP ASVS 5.0 V12.3; docs/siem.md", production_only=True, cwe=(319,),
)  # fmt: skip
def plaintext_export(subject: Subject) -> Iterator[Objection]:
    if "export" in subject.policy.allow_insecure_link:
        return
    for index, table in enumerate(subject.policy.events.exports):
        if _is_exposed(subject.revealed(table.to)):
            yield Objection(f"events.exports.{index}.to", "plaintext to another machine.")


@check(
    "P054", "No detection", Severity.MEDIUM,
    consequence="Guessing, stuffing and probing go on until somebody reads the log by chance.",
    remedy="Take detection.enabled = false out.",
    reference="OWASP ASVS 5.0 V16.3; docs/detection/index.md", production_only=True, cwe=(778,),
)  # fmt: skip
def no_detection(subject: Subject) -> Iterator[Objection]:
    if not subject.policy.detection.enabled:
        yield Objection("detection.enabled", "false.")


@check(
    "P056", "Traps that nobody watches", Severity.HIGH,
    consequence="Honey paths, accounts or tokens are set, and with detection off nobody hears of a touch.",
    remedy="Take detection.enabled = false out, or the traps.",
    reference="docs/detection/honey.md", cwe=(778,),
)  # fmt: skip
def traps_without_detection(subject: Subject) -> Iterator[Objection]:
    section = subject.policy.detection
    for name in ("honey_paths", "honey_accounts", "honey_tokens"):
        if getattr(section, name) and not section.enabled:
            yield Objection(f"detection.{name}", "detection is off.")


@check(
    "P057", "Nobody may name an autonomous system", Severity.MEDIUM,
    consequence="detection.asn_header is believed from trusted proxies only, and there is none: it is never read.",
    remedy="Name the proxies in `proxies`, or take detection.asn_header out.",
    reference="docs/detection/index.md",
)  # fmt: skip
def asn_without_proxies(subject: Subject) -> Iterator[Objection]:
    if subject.policy.detection.asn_header and not subject.policy.proxies:
        yield Objection("detection.asn_header", "proxies is empty.")


@check(
    "P081", "Alerts that never come", Severity.HIGH,
    consequence="Receivers are named, and with detection off they are never told anything.",
    remedy="Take detection.enabled = false out, or the receivers.",
    reference="docs/detection/alerts.md",
)  # fmt: skip
def alerts_without_detection(subject: Subject) -> Iterator[Objection]:
    if subject.policy.alerts.receivers and not subject.policy.detection.enabled:
        yield Objection("alerts.receivers", "detection is off.")


@check(
    "P082", "Alerts over a plaintext link", Severity.HIGH,
    consequence="Who sits on the network path reads what was found out about an attack, and can drop it.",
    remedy='Write https://, or allow it where the network is trusted: allow_insecure_link = ["alerts"].',
    reference="OWASP ASVS 5.0 V12.3; docs/detection/alerts.md", production_only=True, cwe=(319,),
)  # fmt: skip
def plaintext_alerts(subject: Subject) -> Iterator[Objection]:
    if "alerts" in subject.policy.allow_insecure_link:
        return
    for index, receiver in enumerate(subject.policy.alerts.receivers):
        text = subject.revealed(receiver.to)
        if _is_exposed(text) or text.startswith(("mailto://", "json://", "form://", "xml://")):
            yield Objection(f"alerts.receivers.{index}.to", "plaintext to another machine.")


def _endpoint(subject: Subject) -> str:
    """Where the environment has boto3 send what is meant for S3; empty: to the provider's own, over https."""
    return subject.environ.get("AWS_ENDPOINT_URL_S3") or subject.environ.get("AWS_ENDPOINT_URL", "")


def _is_exposed(text: str) -> bool:
    return text.startswith(_PLAINTEXT) and not is_loopback(_host(text))


def _host(text: str) -> str:
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""
