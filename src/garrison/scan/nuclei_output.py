"""What nuclei's JSON lines and its final count say: findings, and how much of it was really looked at. Pure.

Requests, answers, what was taken out of them and `curl` lines are never read: they hold secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ..findings.inert import is_web_url, one_line
from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from .adapter import Result
from .live import Live
from .taxonomy import asvs, owasp

NAME: Final = "nuclei"
_MOST: Final = 2000
_SEVERITY: Final = {
    "critical": Severity.CRITICAL, "high": Severity.HIGH, "medium": Severity.MEDIUM, "low": Severity.LOW,
    "info": Severity.INFO, "unknown": Severity.MEDIUM,
}  # fmt: skip
_SKIPPED: Final = re.compile(r"Skipped \S+ from target list as found unresponsive")
_CWE: Final = re.compile(r"cwe-(\d+)", re.IGNORECASE)


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
        return Result(ToolStatus.failed(NAME, why), findings)
    if loaded < given[0]:
        gaps.append(f"it loaded {loaded} of {given[0]} templates")
    if matched > len(events):
        gaps.append(f"it counted {matched} matches and wrote {len(events)}")
    if _SKIPPED.search(log):
        gaps.append("it gave the host up as unresponsive")
    return _outcome(gaps, findings, given, live, f"{sent} requests, {errors} errors")


def _outcome(gaps: list[str], found: tuple[Finding, ...], given: tuple[int, int], live: Live, sent: str) -> Result:
    examined = [f"{given[0]} of {given[1]} templates on {live.shown}", *([sent] if sent else [])]
    status = ToolStatus.incomplete(NAME, "; ".join(gaps), *examined) if gaps else ToolStatus.ran(NAME, *examined)
    return Result(status, found)


def _last_count(log: str) -> dict[str, Any] | None:
    """Its last line of statistics; the final one comes at the end of a run."""
    found = None
    for line in log.splitlines():
        if line.startswith("{") and '"templates"' in line:
            data = json.loads(line)
            found = data if isinstance(data, dict) else found
    return found


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
        source=NAME,
        cwe=cwe,
        owasp=owasp(cwe),
        asvs=asvs(cwe),
        snippet=f"{path} {matcher}",
    )


def _text(given: Any) -> str:
    return " ".join(str(given or "").split())[:1000]
