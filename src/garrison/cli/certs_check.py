"""`garrison certs check` and `garrison certs trust`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..findings.formats import Format as ReportFormat
from .output import Usage, out, print_raw, safe

if TYPE_CHECKING:
    from ..findings.report import ToolStatus
    from ..serve.examining import Endpoint, Seen


def check(
    endpoint: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="Any TLS endpoint: a name or an address.")],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The name it must be for, if not that of the endpoint.")
    ] = "",
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", metavar="FILE", help="Trust these authorities, not this machine's.")
    ] = None,
    shape: Annotated[ReportFormat, typer.Option("--format", "-f", help="How to print.")] = ReportFormat.TEXT,
) -> None:
    """Examine a TLS endpoint: chain, expiry, names, protocols, suites, groups, and Mozilla's profile it keeps to.

    Exit code 1 when something is found that is more than a note.
    """
    from .. import __version__
    from ..findings.formats import write
    from ..findings.report import Report, exit_code
    from ..findings.severity import Severity
    from ..scan.tls import judge, profile_of
    from ..serve.examining import examine

    seen = examine(_parsed(endpoint, name, ca_file))
    now = datetime.now(UTC)
    text = shape is ReportFormat.TEXT
    status = _status(seen, [seen.endpoint.shown] if text else _facts(seen))  # as text they stand above
    report = Report(
        command="certs check", tool="garrison", version=__version__, created=now, findings=tuple(judge(seen, now)),
        statuses=(status,),
    )  # fmt: skip
    if text:
        from ..findings.as_text import render

        for fact in (*_facts(seen), f"Mozilla profile: {profile_of(seen) or 'none'}"):
            out().print(safe(fact), soft_wrap=True)
        out().print(render(report))
    else:
        print_raw(write(report, shape))
    raise typer.Exit(exit_code(report, Severity.LOW))


def _status(seen: Seen, looked_at: list[str]) -> ToolStatus:
    """What could not be told is never passed over; what the endpoint left unanswered is no result to go by."""
    from ..findings.report import ToolStatus

    unasked = [name for name, spoken in seen.versions.items() if spoken is None and name not in seen.unanswered]
    reasons = [f"this machine can't speak {', '.join(unasked)}"] if unasked else []
    reasons += [f"it gave no answer in time about {', '.join(seen.unanswered)}"] if seen.unanswered else []
    if not reasons:
        return ToolStatus.ran("certs check", *looked_at)
    return ToolStatus.incomplete("certs check", "; ".join(reasons), *looked_at, required=bool(seen.unanswered))


def _facts(seen: Seen) -> list[str]:
    leaf = seen.chain[0]
    from ..serve.certificates import names_of

    return [
        f"names: {', '.join(sorted(map(str, names_of(leaf))))}",
        f"until: {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, serial {leaf.serial_number:x}",
        *(f"chain: {one.subject.rfc4514_string() or '(no subject)'}" for one in seen.chain),
        f"protocols: {', '.join(version for version, spoken in seen.versions.items() if spoken)}",
        f"suites up to TLS 1.2: {', '.join(seen.suites) or 'none'}",
        f"groups of those asked about: {', '.join(seen.curves) or 'none'}",
    ]


def _parsed(text: str, name: str, ca_file: Path | None) -> Endpoint:
    from ..core.host import host_name
    from ..serve.examining import Endpoint

    with_port = text.count(":") == 1 or "]:" in text
    host, _, port = text.rpartition(":") if with_port else (text, "", "443")
    if not (port.isdecimal() and 0 < int(port) < 65_536):
        raise Usage(f"{text!r} is no endpoint: {port!r} is no port.", remedy="Write example.com or example.com:8443.")
    try:
        found = host_name(host)
    except ValueError as error:
        raise Usage(f"{text!r} is no endpoint: {error}.", remedy="Write example.com or example.com:8443.") from None
    if ca_file is not None and not ca_file.is_file():
        raise Usage(f"There is no file {ca_file}.", remedy="Name a PEM file of authorities.")
    return Endpoint(found.name, int(port), name, ca_file)


_TRUST = {
    "linux": """For this user's Chromium and Chrome (certutil is in the package libnss3-tools):
    mkdir -p ~/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t "C,," -n "{name}" -i {file}
    and to take it back: certutil -d sql:$HOME/.pki/nssdb -D -n "{name}"
For Firefox: Settings, Privacy & Security, View Certificates, Authorities, Import.
For every program of this machine (Debian, Ubuntu):
    sudo cp {file} /usr/local/share/ca-certificates/garrison-development.crt && sudo update-ca-certificates""",
    "darwin": """For this user:
    security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {file}
    and to take it back: security remove-trusted-cert {file}""",
    "win32": """For this user, in PowerShell:
    certutil -user -addstore Root {file}
    and to take it back: certutil -user -delstore Root "{name}\"""",
}


def trust() -> None:
    """Explain how to trust the development CA here, and how to take that back. It changes nothing itself."""
    from cryptography import x509

    from ..serve.devca import DevCA

    authority = DevCA.open(None, datetime.now(UTC))
    subject = x509.load_pem_x509_certificate(authority.certificate_file.read_bytes()).subject
    names = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    name = str(names[0].value) if names else "Garrison development CA"
    text = _TRUST.get(sys.platform, _TRUST["linux"])
    print_raw(
        f"The development CA is {authority.certificate_file}\n"
        "It can sign for loopback names only, whoever gets hold of its key.\n\n"
        + text.format(file=authority.certificate_file, name=name)
        + f"\nFor one command: curl --cacert {authority.certificate_file} https://localhost:8443/\n"
    )
