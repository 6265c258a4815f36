"""Reports that browsers send: parsed into a few known, short, clean fields.

Threat: anybody can post anything here: floods, nested garbage, texts made for log viewers, and secrets in the URLs of
honest reports (CWE-400, CWE-117, CWE-532). Assumption: the caller limits bytes and rate, and never bans for a report,
because any site can make a visitor's browser send one.
Lets pass: known kinds with plausible fields, true or not. Unknown kinds and malformed reports are dropped; samples of
the page's content are never read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from ..core.layer import Layer
from ..core.ports import Detail, Services
from ..core.verdict import Reason, Refuse
from ..policy.model import Policy
from .problem import clean

CSP_REPORT: Final = b"application/csp-report"
REPORTS: Final = b"application/reports+json"
LIMIT: Final = 256 * 1024
"""Bytes beyond which no body is parsed, whatever the policy allows."""

KINDS: Final = frozenset(
    {
        "csp-violation",
        "coop",
        "coep",
        "deprecation",
        "intervention",
        "crash",
        "permissions-policy-violation",
        "integrity-violation",
    }
)
_TEXT: Final = 200
_URL: Final = 300
_MAX_LINE: Final = 2**31
_NAME: Final = "reports"


@dataclass(frozen=True, slots=True)
class BrowserReport:
    """One report.

    kind         one of `KINDS`
    url          the page, without credentials, query and fragment
    disposition  "enforce" or "report", or empty
    rule         the violated directive, feature, deprecated API or crash reason
    blocked      what was blocked: a URL as above, its scheme alone for `data:` and the like, or a word as "inline"
    source, line, column   where in the page's code
    message      the browser's own words (deprecation, intervention)
    """

    kind: str
    url: str = ""
    disposition: str = ""
    rule: str = ""
    blocked: str = ""
    source: str = ""
    line: int = 0
    column: int = 0
    message: str = ""


def compile(policy: Policy, services: Services) -> Layer:
    """The layer's place in the stack; the endpoint itself is one of the onion's own paths."""
    return Layer(_NAME, mode=policy.reports.mode)


def parse_reports(content_type: bytes, body: bytes, limit: int) -> list[BrowserReport] | Refuse:
    """At most `limit` reports of the body; a refusal (413, 415, 400) when it is none. Never raises on client input."""
    if len(body) > LIMIT:
        return Refuse(Reason.BODY_TOO_LARGE, 413, layer=_NAME, hint="The report is too large.")
    media_type = content_type[:100].split(b";")[0].strip().lower()
    if media_type not in {CSP_REPORT, REPORTS}:
        hint = "Send application/reports+json or application/csp-report."
        return Refuse(Reason.CONTENT_TYPE_UNSUPPORTED, 415, layer=_NAME, hint=hint)
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):  # no JSON, no UTF-8, a number of 5,000 digits, or nested too deeply
        return Refuse(Reason.BODY_MALFORMED, 400, layer=_NAME, hint="The report is not valid JSON.")
    entries = [parsed] if isinstance(parsed, dict) else parsed if isinstance(parsed, list) else []
    read = _read_legacy if media_type == CSP_REPORT else _read_report
    reports = (read(entry) for entry in entries[:limit] if isinstance(entry, dict))
    return [report for report in reports if report is not None]


def to_event_details(report: BrowserReport) -> dict[str, Detail]:
    """The report's fields for an event, without empty ones."""
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    return {name: value for name, value in values.items() if value not in ("", 0)}


def _read_legacy(entry: Mapping[str, object]) -> BrowserReport | None:
    """`report-uri` (CSP3, section 5.3): one object in the member `csp-report`, names with hyphens."""
    body = entry.get("csp-report")
    if not isinstance(body, dict):
        return None
    return BrowserReport(
        kind="csp-violation",
        url=_url(body.get("document-uri")),
        disposition=_disposition(body.get("disposition")),
        rule=_text(body.get("effective-directive")) or _text(body.get("violated-directive")),
        blocked=_url(body.get("blocked-uri")),
        source=_url(body.get("source-file")),
        line=_line(body.get("line-number")),
        column=_line(body.get("column-number")),
    )


def _read_report(entry: Mapping[str, object]) -> BrowserReport | None:
    """Reporting API, section 2.1: `type`, `url` and a `body` whose members depend on the type."""
    kind = entry.get("type")
    body = entry.get("body")
    if not isinstance(kind, str) or kind not in KINDS:
        return None
    if not isinstance(body, dict):
        body = {}
    return BrowserReport(
        kind=kind,
        url=_url(body.get("documentURL")) or _url(entry.get("url")),
        disposition=_disposition(body.get("disposition")),
        rule=_first(body, "effectiveDirective", "featureId", "policyId", "id", "reason", "type", "effectivePolicy"),
        blocked=_url(body.get("blockedURL")),
        source=_url(body.get("sourceFile")),
        line=_line(body.get("lineNumber")),
        column=_line(body.get("columnNumber")),
        message=_text(body.get("message")),
    )


def _first(body: Mapping[str, object], *names: str) -> str:
    return next((text for name in names if (text := _text(body.get(name)))), "")


def _text(value: object) -> str:
    return clean(value, _TEXT) if isinstance(value, str) else ""


def _disposition(value: object) -> str:
    return {"enforce": "enforce", "report": "report", "reporting": "report"}.get(_text(value), "")


def _line(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MAX_LINE else 0


def _url(value: object) -> str:
    """Scheme, host and path; query, fragment and credentials can hold secrets."""
    if not isinstance(value, str):
        return ""
    text = clean(value, _URL).split("#", 1)[0].split("?", 1)[0]
    scheme, colon, rest = text.partition(":")
    if not colon:
        return text
    if not rest.startswith("//") or scheme.lower() not in {"http", "https", "ws", "wss"}:
        return f"{scheme[:30].lower()}:"
    authority, slash, path = rest[2:].partition("/")
    return f"{scheme.lower()}://{authority.rpartition('@')[2]}{slash}{path}"
