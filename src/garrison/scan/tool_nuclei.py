"""nuclei 3, where it is on the PATH: its HTTP templates that may be sent, by its JSONL output and its final count.

No package index has it, so it was not there when this was written: docs/scan-live.md tells what was tried. It ends with
0 whatever it found, also when it gave the host up half-way, so its words count: as many templates loaded as it was
given, requests sent, no host skipped, no more matches counted than written. It asks nobody but the target: updates,
callbacks and redirects are off, its settings and its cloud key stay out (its home is an empty folder). The credential
stands in a file of that private folder, bound to the host; requests, answers and `curl` lines are never read back.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from ..findings.inert import is_web_url, one_line
from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from .adapter import Limits, Result
from .live import Live, ask
from .nuclei_templates import HARMFUL, choose
from .process import run_bounded
from .project import Project
from .taxonomy import asvs, owasp

_NAME: Final = "nuclei"
_MEMORY: Final = 16_000
"""Megabytes of address space: its runtime reserves much more than it uses."""
_OLDEST: Final = (3, 2)
"""The first with a file for secrets (`-secret-file`). Of version 4 nothing is known."""
_MOST: Final = 2000
_SEVERITY: Final = {
    "critical": Severity.CRITICAL, "high": Severity.HIGH, "medium": Severity.MEDIUM, "low": Severity.LOW,
    "info": Severity.INFO, "unknown": Severity.MEDIUM,
}  # fmt: skip
_VERSION: Final = re.compile(r"Engine Version:\s*v?((\d+)\.(\d+)[\w.-]*)")
_SKIPPED: Final = re.compile(r"Skipped \S+ from target list as found unresponsive")
_CWE: Final = re.compile(r"cwe-(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Nuclei:
    """The adapter."""

    live: Live
    program: Path | None = None
    """Another program than that on the PATH: for tests."""
    name: str = _NAME

    def run(self, project: Project, limits: Limits) -> Result:
        """See `Adapter`."""
        program = self.program or shutil.which(_NAME)
        if not program:
            return _skipped("not installed: nuclei is not on the PATH")
        templates = _templates()
        if templates is None:
            return _skipped("not installed: its templates; GARRISON_NUCLEI_TEMPLATES names no folder with them")
        with tempfile.TemporaryDirectory(prefix="garrison-nuclei-") as name:
            return self._run(str(program), templates, Path(name), limits)

    def _run(self, program: str, templates: Path, folder: Path, limits: Limits) -> Result:
        bounds = replace(limits, memory=max(limits.memory, _MEMORY))
        version, wrong = _version(program, folder, bounds)
        if wrong:
            return _failed(wrong, version)
        try:
            ask(self.live, "/")
            chosen, seen = choose(templates, self.live.methods)
        except (OSError, ValueError) as error:
            return _failed(f"{self.live.shown} or {templates.name}: {error or type(error).__name__}", version)
        if not chosen:
            return _failed(f"none of {seen} templates may be sent to {self.live.shown}", version)
        command = [program, *self._arguments(folder, chosen)]
        environ = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "settings"),
                   "NUCLEI_TEMPLATES_DIR": str(folder / "templates")}  # fmt: skip
        ended = run_bounded(command, folder, bounds, extra=environ)
        stopped = ended.why.startswith("stopped after")
        if (why := ended.crash(0)) and not stopped:
            return _failed(why, version)
        try:
            written = folder / "found.jsonl"
            text = written.read_text(encoding="utf-8") if written.is_file() else ""
            result = read_output(text, ended.errors, self.live, (len(chosen), seen), why)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return _failed(f"its output is not whole, or of another shape ({type(error).__name__})", version)
        return Result(replace(result.status, version=version), result.findings)

    def _arguments(self, folder: Path, chosen: Mapping[str, str]) -> list[str]:
        for path, text in chosen.items():
            copy = folder / "templates" / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8")
        arguments = [
            "-target", self.live.url, "-templates", str(folder / "templates"), "-type", "http",
            "-exclude-tags", ",".join(HARMFUL), "-no-interactsh", "-disable-update-check", "-disable-redirects",
            "-no-stdin", "-rate-limit", str(self.live.rate), "-bulk-size", "1", "-concurrency", "5", "-timeout", "10",
            "-retries", "1", "-jsonl", "-output", "found.jsonl", "-omit-raw", "-omit-template", "-no-color", "-stats",
            "-stats-json", "-stats-interval", "5",
        ]  # fmt: skip
        if self.live.secret:
            (folder / "secrets.yaml").write_text(self._secrets(), encoding="utf-8")
            arguments += ["-secret-file", "secrets.yaml"]
        return arguments

    def _secrets(self) -> str:
        """JSON, which is YAML. A host with its port, as nuclei compares it; alone where the port is the usual one."""
        place = urlsplit(self.live.url)
        host = place.netloc if place.port else f"{place.netloc}:{443 if place.scheme == 'https' else 80}"
        usual = host.endswith((":443", ":80"))
        domains = [host, *([host.rpartition(":")[0]] if usual else [])]
        header = {"key": self.live.header, "value": self.live.secret}
        info = {"name": "garrison", "author": "garrison"}
        return json.dumps(
            {
                "id": "garrison",
                "info": info,
                "static": [{"type": "header", "domains": domains, "headers": [header]}],
            }
        )


def read_output(text: str, log: str, live: Live, given: tuple[int, int], stopped: str = "") -> Result:
    """Findings and status. `text`: its JSONL file; `log`: what it printed; `given`: the templates that it got, and that
    there are; `stopped`: why it was stopped. Raises ValueError, KeyError, TypeError for another shape.
    """
    lines = text.splitlines()
    if stopped and text and not text.endswith("\n"):
        lines.pop()  # it was stopped in the middle of it
    events = [json.loads(line) for line in lines if line.strip()]
    ours = [one for one in events if one["matcher-status"] and _here(one, live)]
    found = {(one["template-id"], one.get("matcher-name", ""), _path(one)): one for one in ours}
    findings = tuple(_finding(one) for one in list(found.values())[:_MOST])
    gaps = [stopped] if stopped else []
    if foreign := sum(not _here(one, live) for one in events):
        gaps.append(f"{foreign} matches are about another host")
    if len(found) > _MOST:
        gaps.append(f"{len(found) - _MOST} findings left out")
    count = _last_count(log)
    if count is None:
        gaps.append("it gave no final count")
        return _outcome(gaps, findings, given, live, "")
    loaded, sent, errors, matched = (int(count[key]) for key in ("templates", "requests", "errors", "matched"))
    if not sent or errors >= sent:
        why = f"no request got an answer ({sent} sent, {errors} errors)" if sent else "it sent no request"
        return Result(ToolStatus.failed(_NAME, why), findings)
    if loaded < given[0]:
        gaps.append(f"it loaded {loaded} of {given[0]} templates")
    if matched > len(events):
        gaps.append(f"it counted {matched} matches and wrote {len(events)}")
    if _SKIPPED.search(log):
        gaps.append("it gave the host up as unresponsive")
    return _outcome(gaps, findings, given, live, f"{sent} requests, {errors} errors")


def _outcome(gaps: list[str], found: tuple[Finding, ...], given: tuple[int, int], live: Live, sent: str) -> Result:
    examined = [f"{given[0]} of {given[1]} templates on {live.shown}", *([sent] if sent else [])]
    status = ToolStatus.incomplete(_NAME, "; ".join(gaps), *examined) if gaps else ToolStatus.ran(_NAME, *examined)
    return Result(status, found)


def _last_count(log: str) -> dict[str, Any] | None:
    """Its last line of statistics; the final one comes at the end of a run."""
    found = None
    for line in log.splitlines():
        if line.startswith("{") and '"templates"' in line:
            data = json.loads(line)
            found = data if isinstance(data, dict) else found
    return found


def _version(program: str, folder: Path, limits: Limits) -> tuple[str, str]:
    """The version, and what is wrong with it."""
    ended = run_bounded([program, "-version"], folder, replace(limits, seconds=30), extra={"HOME": str(folder)})
    if why := ended.crash(0):
        return "", why
    match = _VERSION.search(ended.errors + ended.output.decode(errors="replace"))
    if match is None:
        return "", "it tells no version"
    known = (int(match[2]), int(match[3])) >= _OLDEST and int(match[2]) == _OLDEST[0]
    return match[1], "" if known else f"is {match[1]}: known are versions from 3.2 on, before 4"


def _templates() -> Path | None:
    """GARRISON_NUCLEI_TEMPLATES, or where nuclei keeps them."""
    if named := os.environ.get("GARRISON_NUCLEI_TEMPLATES"):
        usual = [Path(named)]
    else:
        usual = [Path.home() / "nuclei-templates", Path.home() / ".local" / "nuclei-templates"]
    return next((one.absolute() for one in usual if one.is_dir()), None)


def _here(event: Mapping[str, Any], live: Live) -> bool:
    at, ours = urlsplit(str(event["matched-at"])), urlsplit(live.url)
    return (at.hostname, at.port or _usual(at.scheme)) == (ours.hostname, ours.port or _usual(ours.scheme))


def _usual(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _path(event: Mapping[str, Any]) -> str:
    """Without the query: it holds the attack of this run, and a finding has to be known again."""
    return re.sub("/{2,}", "/", urlsplit(str(event["matched-at"])).path) or "/"


def _numbers(info: Mapping[str, Any]) -> Iterator[int]:
    for one in (info.get("classification") or {}).get("cwe-id") or ():
        if match := _CWE.fullmatch(str(one)):
            yield int(match[1])


def _finding(event: Mapping[str, Any]) -> Finding:
    info = event["info"]
    path, matcher = _path(event), one_line(str(event.get("matcher-name") or ""))[:100]
    cwe = tuple(_numbers(info))
    names = ", ".join(map(str, (info.get("classification") or {}).get("cve-id") or ()))
    name = one_line(str(info["name"]))[:200]
    address = str(event.get("template-url", ""))
    return Finding(
        id=f"nuclei/{re.sub(r'[^a-z0-9]+', '-', str(event['template-id']).lower()).strip('-')}",
        title=name,
        severity=_SEVERITY[str(info["severity"])],
        message=name + (f" ({matcher})" if matcher else "") + (f": {names[:200]}" if names else ""),
        consequence=_text(info.get("impact") or info.get("description")),
        remedy=_text(info.get("remediation")) or "Look at the template's description and references.",
        reference=address if is_web_url(address) else "https://docs.projectdiscovery.io/opensource/nuclei/overview",
        location=Location(key=path),
        source=_NAME,
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
        snippet=f"{path} {matcher}",
    )


def _text(given: Any) -> str:
    return " ".join(str(given or "").split())[:1000]


def _skipped(why: str) -> Result:
    return Result(ToolStatus.skipped(_NAME, why, required=False))


def _failed(why: str, version: str) -> Result:
    return Result(replace(ToolStatus.failed(_NAME, why), version=version))
