"""OWASP ZAP, where it is installed: a generated plan, run by `zap.sh`, its `traditional-json` report read back.

Assumption: ZAP 2.16 or newer, as documented; it was not there when this was written (docs/scan-live.md tells what was
tried). Its exit code is not trusted: no report, or one without the target, is an error. Or through Docker, where
GARRISON_ZAP_IMAGE names an image by its digest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..findings.record import Finding, Location
from ..findings.report import Outcome, ToolStatus
from ..findings.severity import Confidence, Severity
from .adapter import Limits, Result, whole
from .live import Live
from .process import run_bounded
from .project import Project
from .taxonomy import asvs, owasp
from .zap_plan import DOCUMENT, REPORT, operations, plan

_NAME: Final = "zap"
_MEMORY: Final = 64_000
"""Megabytes of address space: Java reserves much more than it uses."""
_INSIDE: Final = "/zap/wrk"
_DAEMON: Final = ("DOCKER_HOST", "DOCKER_CONFIG", "XDG_RUNTIME_DIR")
"""Where Docker's client finds its daemon."""
_RISK: Final = {"3": Severity.HIGH, "2": Severity.MEDIUM, "1": Severity.LOW, "0": Severity.INFO}
_SURE: Final = {"4": Confidence.HIGH, "3": Confidence.HIGH, "2": Confidence.MEDIUM, "1": Confidence.LOW}
_MOST: Final = 2000


@dataclass(frozen=True, slots=True)
class Zap:
    """The adapter."""

    live: Live
    program: Path | None = None
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        with tempfile.TemporaryDirectory(prefix="garrison-zap-") as name:
            folder = Path(name)
            command = self._command(folder)
            if not command:
                why = "not installed: zap.sh is not on the PATH, and GARRISON_ZAP_IMAGE names no image"
                return Result(ToolStatus.skipped(_NAME, why, required=False))
            try:
                text, count = operations(self.live)
            except (OSError, ValueError) as error:
                return Result(ToolStatus.failed(_NAME, f"{self.live.schema}: {error or type(error).__name__}"))
            inside = _INSIDE if self._by_docker(command) else name
            (folder / DOCUMENT).write_text(text, encoding="utf-8")
            (folder / "plan.yaml").write_text(plan(self.live, inside, limits.seconds), encoding="utf-8")
            return self._run(command, folder, limits, count)

    def _command(self, folder: Path) -> list[str]:
        image = os.environ.get("GARRISON_ZAP_IMAGE", "")
        found = self.program or shutil.which("zap.sh")
        if found:
            return [str(found), "-cmd", "-dir", str(folder / "home"), "-autorun", str(folder / "plan.yaml")]
        docker = shutil.which("docker")
        if docker and re.fullmatch(r"[\w./:-]+@sha256:[0-9a-f]{64}", image):
            names = [word for name in self._environ() for word in ("--env", name)]
            return [
                docker, "run", "--rm", "--name", folder.name, "--network=host", "--cap-drop=ALL",
                "--security-opt=no-new-privileges", f"--user={os.getuid()}:{os.getgid()}",
                f"--volume={folder}:{_INSIDE}", "--env", f"HOME={_INSIDE}", *names, image, "zap.sh", "-cmd",
                "-dir", f"{_INSIDE}/home", "-autorun", f"{_INSIDE}/plan.yaml",
            ]  # fmt: skip
        return []

    @staticmethod
    def _by_docker(command: list[str]) -> bool:
        return command[1] == "run"

    def _environ(self) -> dict[str, str]:
        """How ZAP takes a header for all requests to one site: documented under header based authentication."""
        if not self.live.secret:
            return {}
        host = urlsplit(self.live.url).hostname or ""
        return {
            "ZAP_AUTH_HEADER": self.live.header, "ZAP_AUTH_HEADER_VALUE": self.live.secret,
            "ZAP_AUTH_HEADER_SITE": host,
        }  # fmt: skip

    def _run(self, command: list[str], folder: Path, limits: Limits, count: int) -> Result:
        extra = {name: os.environ[name] for name in _DAEMON if name in os.environ and self._by_docker(command)}
        bounds = replace(limits, memory=_MEMORY, output=500)
        ended = run_bounded(command, folder, bounds, extra={**extra, **self._environ()})
        if ended.why and self._by_docker(command):  # the client is gone, its container may not be
            run_bounded([command[0], "rm", "--force", folder.name], folder, Limits(30), extra=extra)
        if why := ended.crash(0, 1, 2):
            return Result(ToolStatus.failed(_NAME, why))
        result = whole(_NAME, lambda: read_report(json.loads((folder / REPORT).read_bytes()), self.live, count))
        if ended.code == 1 and result.status.outcome is not Outcome.ERROR:
            # the plan's own errors: with exitStatus as it is written, findings don't set it
            status = ToolStatus.incomplete(
                _NAME, "its plan reported errors", *result.status.examined, version=result.status.version
            )
            return Result(status, result.findings)
        return result


def read_report(data: dict[str, Any], live: Live, count: int = 0) -> Result:
    """Findings and status of a `traditional-json` report. Raises KeyError, TypeError for another shape."""
    version = str(data["@version"])
    place = urlsplit(live.url)
    port = str(place.port or (443 if place.scheme == "https" else 80))
    sites = [one for one in data["site"] if one["@host"] == place.hostname and str(one["@port"]) == port]
    if not sites:
        return Result(ToolStatus.failed(_NAME, f"its report says nothing about {live.shown}", version=version))
    found = [finding for site in sites for alert in site["alerts"] for finding in _findings(alert)]
    examined = (f"{count} operations of {live.shown}",) if count else (live.shown,)
    if len(found) > _MOST:
        status = ToolStatus.incomplete(_NAME, f"{len(found) - _MOST} findings left out", *examined)
        return Result(replace(status, version=version), tuple(found[:_MOST]))
    return Result(ToolStatus.ran(_NAME, *examined, version=version), tuple(found))


def _findings(alert: dict[str, Any]) -> Iterator[Finding]:
    if str(alert["confidence"]) == "0":
        return  # marked as a false positive in ZAP
    number = int(alert["cweid"]) if str(alert.get("cweid", "")).lstrip("-").isdigit() else 0
    cwe = (number,) if number > 0 else ()
    for method, path, param in dict.fromkeys(_place(one) for one in alert["instances"]):
        yield Finding(
            id=f"zap/{alert.get('alertRef') or alert['pluginid']}",
            title=_text(alert["name"])[:200],
            severity=_RISK[str(alert["riskcode"])],
            confidence=_SURE[str(alert["confidence"])],
            message=_text(alert["name"]) + (f" in {param}" if param else ""),
            consequence=_text(alert.get("desc", "")),
            remedy=_text(alert.get("solution", "")),
            reference=f"https://www.zaproxy.org/docs/alerts/{alert.get('alertRef') or alert['pluginid']}/",
            location=Location(key=f"{method} {path}"),
            source=_NAME,
            cwe=cwe,
            owasp=owasp(cwe),
            asvs=asvs(cwe),
            snippet=f"{method} {path} {param}",
        )


def _place(instance: dict[str, Any]) -> tuple[str, str, str]:
    """Method, path and parameter: the query holds the attack of this run, and a finding has to be known again."""
    return str(instance["method"]), urlsplit(instance["uri"]).path or "/", str(instance.get("param", ""))


def _text(html: str) -> str:
    return " ".join(re.sub(r"</?p>", " ", str(html)).split())[:2000]
