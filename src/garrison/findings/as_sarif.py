"""The report as SARIF 2.1.0 (OASIS, errata 01), which code hosts and editors read.

One run for each foreign tool that was started, and one of Garrison's own, which also tells of tools that were not: code
hosts take twenty runs. Each tool's outcome is an invocation, and anything but a full run is a notification in it, so
that "did not run" can be told from "found nothing". Artifact URIs are relative to ``%SRCROOT%``.

Threat: viewers turn ``[text](target)`` in a message into a link and ``{0}`` into an argument (sections
3.11.5, 3.11.6), and some show help as Markdown. Brackets are escaped where they would make a link; Markdown
is escaped as in ``as_markdown``.
Let pass: braces that are no placeholder (``/items/{id}``) stay single although section 3.11.5 wants all
doubled: most viewers do not undo the doubling, and none reads them as anything.
"""

import re
from collections.abc import Sequence
from urllib.parse import quote

from .as_json import Json, dump
from .as_markdown import escape
from .fingerprint import VERSION
from .inert import is_web_url, lines, one_line
from .record import Finding, Location
from .report import Outcome, Report, ToolStatus
from .severity import Confidence

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"

_PLACEHOLDER = re.compile(r"\{(\d+)\}")
_SURE = {Confidence.HIGH: 2, Confidence.MEDIUM: 1, Confidence.LOW: 0}

_Rule = tuple[str, str]  # source and id: two tools may call different rules by one id


def write(report: Report) -> str:
    """The whole report as one SARIF log, ending in a line feed."""
    foreign = [status for status in report.statuses if _is_foreign(status)]
    own = [status for status in report.statuses if not _is_foreign(status)]
    runs = [_run(report, own), *(_run(report, [status], status) for status in foreign)]
    return dump({"$schema": SCHEMA, "version": "2.1.0", "runs": list(runs)})


def _is_foreign(status: ToolStatus) -> bool:
    """Whether it is a program of somebody else, which has a version of its own, and was started."""
    return bool(status.version) and status.outcome is not Outcome.SKIPPED


def _run(report: Report, statuses: Sequence[ToolStatus], foreign: ToolStatus | None = None) -> dict[str, Json]:
    tools = {status.tool: index for index, status in enumerate(statuses)}
    found = [finding for finding in report.findings if finding.source in tools]
    rules: dict[_Rule, list[Finding]] = {}
    for finding in found:
        rules.setdefault((finding.source, finding.id), []).append(finding)
    indexes = {rule: index for index, rule in enumerate(rules)}
    driver: dict[str, Json] = {
        "name": one_line(foreign.tool if foreign else report.tool),
        "version": one_line(foreign.version if foreign else report.version),
        "rules": [_rule(findings) for findings in rules.values()],
    }
    # Code hosts keep one set of alerts per tool and category: without it a scan would replace a check.
    category = f"{one_line(report.tool)}/{one_line(report.command)}/"
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"{category}{one_line(foreign.tool)}/" if foreign else category},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the project."}}},
        "invocations": [_invocation(status) for status in statuses],
        "results": [_result(finding, indexes[finding.source, finding.id], tools[finding.source]) for finding in found],
    }


def message(text: str) -> str:
    """Plain text for a SARIF ``message.text``: nothing in it is a link, a placeholder, or invisible."""
    plain = _PLACEHOLDER.sub(r"{{\1}}", lines(text))
    return re.sub(r"([\[\]])", r"\\\1", plain) if "](" in plain else plain


def _rule(findings: list[Finding]) -> dict[str, Json]:
    worst, surest = findings[0], max(findings, key=lambda finding: _SURE[finding.confidence])
    tags = ["security", *(f"external/cwe/cwe-{number:03d}" for number in worst.cwe), *map(one_line, worst.owasp)]
    properties: dict[str, Json] = {"tags": list(dict.fromkeys(tags)), "precision": surest.confidence.value}
    if worst.severity.score:  # readers want a number above 0 and none at all for a mere note
        properties["security-severity"] = str(worst.severity.score)
    rule: dict[str, Json] = {
        "id": worst.id,
        "shortDescription": {"text": message(worst.title)},
        "fullDescription": {"text": message(worst.consequence or worst.title)},
        "help": _help(worst),
        "defaultConfiguration": {"level": worst.severity.level.value},
        "properties": properties,
    }
    if is_web_url(worst.reference):
        rule["helpUri"] = worst.reference
    return rule


def _help(finding: Finding) -> dict[str, Json]:
    parts = [
        ("Consequence", finding.consequence),
        ("Remedy", finding.remedy),
        ("Reference", finding.reference),
    ]
    said = [(name, text) for name, text in parts if text.strip()] or [("Rule", finding.title)]
    return {
        "text": "\n\n".join(f"{name}: {message(one_line(text))}" for name, text in said),
        "markdown": "\n\n".join(f"**{name}:** {escape(text)}" for name, text in said),
    }


def _result(finding: Finding, rule: int, invocation: int) -> dict[str, Json]:
    return {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "level": finding.severity.level.value,
        "message": {"text": message(finding.message)},
        "locations": [_location(finding.location)],
        "partialFingerprints": {
            f"garrison/v{VERSION}": finding.fingerprint,
            # The one that code hosts compare; they would make their own from the line's text.
            "primaryLocationLineHash": finding.fingerprint,
        },
        "provenance": {"invocationIndex": invocation},
        "properties": {
            "source": one_line(finding.source),
            "severity": finding.severity.value,
            "confidence": finding.confidence.value,
            "evidence": lines(finding.evidence),
            "voices": [one_line(voice) for voice in finding.voices],
            "context": [one_line(one) for one in finding.context],
            "asvs": [one_line(item) for item in finding.asvs],
        },
    }


def _location(where: Location | None) -> dict[str, Json]:
    """A place with a file and a line in any case: code hosts refuse the whole log when one result lacks them.

    Where there is no file it is the project's root, where there is no line the first.
    """
    line, column = (where.line, where.column) if where else (None, None)
    region: dict[str, Json] = {"startLine": line or 1}
    if column:
        region["startColumn"] = column
    uri = _uri(where.path) if where and where.path else "."
    location: dict[str, Json] = {
        "physicalLocation": {"artifactLocation": {"uri": uri, "uriBaseId": ROOT}, "region": region}
    }
    if where and where.key:
        location["logicalLocations"] = [{"fullyQualifiedName": one_line(where.key)}]
    return location


def _uri(path: str) -> str:
    """A relative reference (RFC 3986 section 4.2). What is no character in a file's name becomes a
    ``?``."""
    return quote(path, safe="/", errors="replace")


def _invocation(status: ToolStatus) -> dict[str, Json]:
    invocation: dict[str, Json] = {
        "executionSuccessful": status.outcome.full,
        "properties": {
            "tool": one_line(status.tool),
            "version": one_line(status.version),
            "outcome": status.outcome.value,
            "required": status.required,
            "examined": [one_line(item) for item in status.examined],
        },
    }
    if not status.outcome.full:
        text = message(f"{status.tool} {status.outcome.value}: {status.detail}")
        level = "error" if status.required else "warning"
        invocation["toolExecutionNotifications"] = [{"level": level, "message": {"text": text}}]
    return invocation
