"""`garrison edge … --check`: the native checker first, then a trial run with probes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from ..findings.record import Finding
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from .probe import APPLICATION, RULES, Trial, findings, found
from .site import Site
from .stand_in import stand_in
from .trial import Files, TrialFailed, examine, on_trial, program, running, write

_SAID: Final = 2000


def check(server: str, site: Site) -> tuple[list[Finding], ToolStatus]:
    """What is wrong with the server's configuration for `site`, and what was really looked at.

    Nothing is looked at where the server is not installed: the status says so, and is no success.
    """
    run = program(server)
    if run is None:
        return [], ToolStatus.skipped(server, f"{server} is not installed on this machine")
    with TemporaryDirectory(prefix="garrison-edge-") as name:
        files = _files(Path(name), site)
        trial = on_trial(site, files)
        try:
            path = write(server, trial)
            examine(server, path, run)
            with stand_in(files.socket, APPLICATION) as seen, running(server, path, trial, run):
                wrong = list(findings(Trial(server, trial, seen)))
        except TrialFailed as failed:
            return [_refused(server, failed)], ToolStatus.ran(server, run)
    return wrong, ToolStatus.ran(server, f"{run}: its own checker, and {len(RULES)} probes of a trial run")


def _refused(server: str, failed: TrialFailed) -> Finding:
    said = failed.said[-_SAID:].strip() or "it said nothing"
    return found(
        server, "E001", "The configuration is not accepted", Severity.CRITICAL, f"{failed}: {said}",
        "The proxy does not start.",
    )  # fmt: skip


def _files(folder: Path, site: Site) -> Files:
    """A certificate of the trial's own, for a day."""
    names = [*site.names, *(f"*.{name}" for name in site.below)]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Garrison trial")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, SHA256())
    )
    files = Files(folder, folder / "chain.pem", folder / "key.pem", folder / "app.sock")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
