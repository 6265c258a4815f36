"""The report as JSON (RFC 8259), for programs. The layout is ``garrison-findings/1`` and only ever gains
keys.

Threat: the file is printed to a terminal, or pasted into a page. So it is pure printable ASCII without
``<``, ``>`` and ``&``: those and everything else are ``\\u`` escapes, which every JSON reader turns back.
Let pass: a program that decodes a message and shows it has to escape it again; the text itself is
unchanged, except that a lone surrogate, which is no character, becomes U+FFFD.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from .record import Finding, Location
from .report import Report, ToolStatus

LAYOUT = "garrison-findings/1"

Json: TypeAlias = "str | int | float | bool | Mapping[str, Json] | Sequence[Json] | None"


def write(report: Report) -> str:
    """The whole report as one JSON object, ending in a line feed."""
    return dump(
        {
            "layout": LAYOUT,
            "tool": report.tool,
            "version": report.version,
            "command": report.command,
            "created": report.created.isoformat() if report.created else None,
            "complete": report.complete,
            "counts": {severity.value: number for severity, number in report.counts.items()},
            "statuses": [_status(status) for status in report.statuses],
            "findings": [_finding(finding) for finding in report.findings],
        }
    )


def dump(value: Json) -> str:
    """JSON in printable ASCII, two blanks deep, safe inside HTML and on a terminal."""
    text = json.dumps(_whole(value), indent=2, ensure_ascii=True, allow_nan=False)
    for character in "<>&":  # outside of strings JSON has none of these
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text + "\n"


def _whole(value: Json) -> Json:
    """Pairs of surrogates joined and lone ones replaced: strict readers refuse them (RFC 7493 section
    2.1)."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_whole(item) for item in value]
    return value


def _status(status: ToolStatus) -> dict[str, Json]:
    return {
        "tool": status.tool,
        "version": status.version,
        "outcome": status.outcome.value,
        "detail": status.detail,
        "since": status.since.isoformat() if status.since else None,
        "examined": status.examined,
        "required": status.required,
    }


def _finding(finding: Finding) -> dict[str, Json]:
    return {
        "id": finding.id,
        "title": finding.title,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "message": finding.message,
        "consequence": finding.consequence,
        "remedy": finding.remedy,
        "reference": finding.reference,
        "location": _location(finding.location),
        "source": finding.source,
        "cwe": finding.cwe,
        "owasp": finding.owasp,
        "asvs": finding.asvs,
        "voices": finding.voices,
        "context": finding.context,
        "evidence": finding.evidence,
        "fingerprint": finding.fingerprint,
    }


def _location(where: Location | None) -> Json:
    if where is None:
        return None
    return {"path": where.path, "line": where.line, "column": where.column, "key": where.key}
