"""The TLS of a running application: by `garrison certs check`, and by sslyze 6 where it is installed.

sslyze is AGPL-3.0: it is asked as a program, never imported, and not installed by us. Its exit code tells of Mozilla's
profile only; what is read is its JSON.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from .adapter import Limits, Result, whole
from .live import Live
from .process import run_bounded
from .project import Project
from .taxonomy import asvs, owasp
from .tool_garrison import OwnCommand

_NAME: Final = "sslyze"
_OLD: Final = {"ssl_2_0_cipher_suites": "SSL 2.0", "ssl_3_0_cipher_suites": "SSL 3.0",
               "tls_1_0_cipher_suites": "TLS 1.0", "tls_1_1_cipher_suites": "TLS 1.1"}  # fmt: skip
_HOLES: Final = {
    "heartbleed": ("is_vulnerable_to_heartbleed", "Heartbleed", Severity.CRITICAL, 119),
    "openssl_ccs_injection": ("is_vulnerable_to_ccs_injection", "CCS injection", Severity.HIGH, 327),
    "tls_compression": ("supports_compression", "TLS compression (CRIME)", Severity.HIGH, 310),
    "session_renegotiation": (
        "is_vulnerable_to_client_renegotiation_dos", "Renegotiation by the client", Severity.MEDIUM, 400,
    ),
}  # fmt: skip
WANTED: Final = (
    "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--heartbleed", "--openssl_ccs",
    "--compression", "--reneg", "--robot",
)  # fmt: skip


def tls(target: Live) -> OwnCommand:
    """`garrison certs check` as an adapter."""
    parts = urlsplit(target.url)
    return OwnCommand("tls", [f"{parts.hostname}:{parts.port or 443}"], ["certs", "check"])


@dataclass(frozen=True, slots=True)
class Sslyze:
    """The adapter. `command`: another than the one on the PATH, for tests."""

    live: Live
    command: tuple[str, ...] = ()
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        found = self.command or tuple(one for one in (shutil.which("sslyze"),) if one)
        if not found:
            return Result(ToolStatus.skipped(_NAME, "not installed: sslyze is not on the PATH", required=False))
        parts = urlsplit(self.live.url)
        where = f"{parts.hostname}:{parts.port or 443}"
        command = [*found, "--json_out=-", "--mozilla_config=disable", *WANTED, where]
        ended = run_bounded(command, Path.cwd(), limits)
        if why := ended.crash(0, 1):
            return Result(ToolStatus.failed(_NAME, why))
        return whole(_NAME, lambda: read_report(json.loads(ended.output), where))


def read_report(data: dict[str, Any], where: str) -> Result:
    """Findings and status of sslyze's JSON. Raises KeyError, TypeError, IndexError for another shape."""
    version = str(data.get("sslyze_version", ""))
    one = data["server_scan_results"][0]
    if one["scan_status"] != "COMPLETED" or not one["scan_result"]:
        why = f"{where}: {one.get('connectivity_status', 'no connection')}"
        return Result(ToolStatus.failed(_NAME, why, version=version))
    result = one["scan_result"]
    unread = [name for name in (*_OLD, *_HOLES, "robot") if result[name]["status"] != "COMPLETED"]
    found = tuple(_findings(result, unread, where))
    if unread:
        status = ToolStatus.incomplete(_NAME, f"could not try {', '.join(unread)}", where)
        return Result(replace(status, version=version), found)
    return Result(ToolStatus.ran(_NAME, where, version=version), found)


def _findings(result: dict[str, Any], unread: list[str], where: str) -> Iterator[Finding]:
    for name, shown in _OLD.items():
        if name not in unread and result[name]["result"]["accepted_cipher_suites"]:
            yield _finding("old-protocol", f"Speaks {shown}", Severity.HIGH, 327, where, shown)
    for name, (key, shown, severity, cwe) in _HOLES.items():
        if name not in unread and result[name]["result"][key]:
            yield _finding(name, f"Open to {shown}", severity, cwe, where, shown)
    if "robot" not in unread and "VULNERABLE" in str(result["robot"]["result"]["robot_result"]).replace(
        "NOT_VULNERABLE", ""
    ):
        yield _finding("robot", "Open to ROBOT", Severity.HIGH, 203, where, "ROBOT")


def _finding(id: str, title: str, severity: Severity, cwe: int, where: str, mark: str) -> Finding:
    return Finding(
        id=f"sslyze/{id}", title=title, severity=severity, message=f"{title}.",
        consequence="Attackers on the path read or change what is sent.",
        remedy="TLS 1.2 and 1.3 with a current library.",
        reference="docs/serve/tls.md", location=Location(key=where), source=_NAME, cwe=(cwe,), owasp=owasp((cwe,)),
        asvs=asvs((cwe,)), snippet=f"{id} {mark}",
    )  # fmt: skip
