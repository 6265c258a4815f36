"""The report as GitLab's SAST report, schema 15: the vulnerability list of a project and of a merge request.

Assumption: GitLab drops a whole report that breaks its schema, so a place without file is the root, line 1.
A scanner that did not run is a message of the scan (fatal where required), whose status is `failure` then.
Threat and what is let pass: as for `as_json`.
"""

from datetime import UTC, datetime
from typing import Final

from .as_json import Json, dump
from .inert import is_web_url, one_line
from .record import Finding
from .report import Report, ToolStatus

VERSION: Final = "15.2.1"
_LONGEST: Final = 1_048_576
"""Characters of a description, by the schema."""
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""For a report that is to be the same on each run."""


def write(report: Report) -> str:
    """The whole report as one JSON object, ending in a line feed."""
    name, version = one_line(report.tool), one_line(report.version) or "0"
    when = (report.created or _NEVER).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    by: dict[str, Json] = {"id": name, "name": name, "version": version, "vendor": {"name": name}}
    messages = [_message(status) for status in report.gaps]
    scan: dict[str, Json] = {
        "type": "sast", "status": "success" if report.complete else "failure", "start_time": when, "end_time": when,
        "analyzer": by, "scanner": by,
    }  # fmt: skip
    if messages:
        scan["messages"] = messages
    return dump({"version": VERSION, "scan": scan, "vulnerabilities": [_vulnerability(one) for one in report.findings]})


def _message(status: ToolStatus) -> Json:
    said = one_line(f"{status.tool} {status.outcome.value}: {status.detail}")
    return {"level": "fatal" if status.required else "warn", "value": said}


def _vulnerability(one: Finding) -> Json:
    where = one.location
    path, line = (where.path or ".", where.line or 1) if where else (".", 1)
    rule = one_line(f"{one.source}:{one.id}")
    primary: dict[str, Json] = {"type": f"{one_line(one.source)}_rule", "name": rule, "value": rule}
    if is_web_url(one.reference):
        primary["url"] = one.reference
    numbers: list[Json] = [
        {"type": "cwe", "name": f"CWE-{number}", "value": str(number),
         "url": f"https://cwe.mitre.org/data/definitions/{number}.html"} for number in one.cwe
    ]  # fmt: skip
    said: dict[str, Json] = {
        "id": one.fingerprint,
        "name": one_line(one.title)[:255],
        "description": one_line(f"{one.message} {one.consequence}".strip())[:_LONGEST],
        "severity": one.severity.value.capitalize(),
        "location": {"file": path, "start_line": line},
        "identifiers": [primary, *numbers],
    }
    if one.remedy.strip():
        said["solution"] = one_line(one.remedy)[:7000]
    return said
