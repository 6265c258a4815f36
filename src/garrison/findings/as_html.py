"""The report as one HTML file that needs nothing else: to attach, to archive, to open from disk.

Threat: a finding's text that runs as a script in whoever opens the report, or that calls home. Every text
is made inert and escaped; the page's own Content-Security-Policy (CSP3) allows no source at all but the one
style and the one script in it, by hash, so that even a slip in the escaping stays text.
Let pass: a link to a finding's reference, followed on purpose (``noreferrer``). ``frame-ancestors`` has no
effect in a meta tag.
"""

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files

from .inert import is_web_url, lines, one_line
from .record import Finding
from .report import Report, ToolStatus
from .severity import Severity
from .trend import Point, drawing


def write(report: Report) -> str:
    """The whole report as one HTML document, ending in a line feed."""
    style, script = _asset("report.css"), _asset("report.js")
    name = _text(f"{report.tool} {report.command}")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{name}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{name}</h1>
<p class="quiet">{_text(report.tool)} {_text(report.version)}{_created(report)}</p>
</header>
<main>
{_verdict(report)}
{_findings(report.findings)}
{_statuses(report.statuses)}
{_trend(report.trend, report.trend_apart)}
</main>
<script>{script}</script>
</body>
</html>
"""


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'"
    )


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


@cache
def _asset(name: str) -> str:
    return files("garrison.findings").joinpath(name).read_text(encoding="utf-8")


def _text(text: str) -> str:
    return escape(one_line(text), quote=True)


def _block(text: str) -> str:
    return escape(lines(text), quote=True)


def _created(report: Report) -> str:
    return f" · {_text(report.created.isoformat(' ', 'minutes'))}" if report.created else ""


def _verdict(report: Report) -> str:
    if not report.statuses:
        said = "Nothing was looked at: this says nothing about the project."
    elif report.findings:
        total = len(report.findings)
        said = f"{total} finding{'' if total == 1 else 's'}."
    else:
        said = "Nothing found."
    good = report.complete and not report.findings
    looked = f"<p>Looked at: {_text(', '.join(report.examined))}.</p>" if report.examined else ""
    gaps = "" if report.complete or not report.statuses else f'<p class="gap">{_GAPS}</p>'
    counts = "".join(
        f"<li>{_badge(severity, f'{number} {severity}')}</li>" for severity, number in report.counts.items() if number
    )
    tally = f'<ul class="counts">{counts}</ul>' if counts else ""
    tone = "verdict good" if good else "verdict"
    return f'<section class="{tone}"><p><strong>{said}</strong></p>{gaps}{looked}{tally}</section>'


_GAPS = "Not everything ran: this is not the whole picture."


def _badge(severity: Severity, words: str) -> str:
    return f'<span class="severity {severity.value}">{words}</span>'


def _trend(trend: tuple[Point, ...], apart: int) -> str:
    others = f" Left out: {apart} by other scanners or of another target." if apart else ""
    if len(trend) < 2:  # one point is no trend
        return f'<p class="quiet">No earlier scan like this one.{others}</p>' if others else ""
    rows = "\n".join(_point(one) for one in reversed(trend[-10:]))
    heads = "".join(f'<th scope="col">{title}</th>' for title in ("Scan", "Findings", "New", "Gone", "Not fully run"))
    return (
        f'<h2>Trend</h2>\n<p class="quiet">Scans by {_text(str(trend[-1].scope))}.{others}</p>\n'
        f'{drawing(trend)}\n<div class="scroll"><table><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _point(point: Point) -> str:
    counts = ", ".join(f"{number} {severity}" for severity, number in point.counts.items() if number) or "0"
    change = "".join(f"<td>{'–' if number is None else number}</td>" for number in (point.new, point.gone))
    gaps = _text(", ".join(point.gaps))
    return f"<tr><td>{_text(point.at.isoformat(' ', 'minutes'))}</td><td>{counts}</td>{change}<td>{gaps}</td></tr>"


def _findings(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return ""
    heads = "".join(
        f'<th scope="col"{order}><button type="button">{title}</button></th>'
        for title, order in (("Severity", ' aria-sort="ascending"'), ("Rule", ""), ("Where", ""), ("What", ""))
    )
    rows = "\n".join(map(_row, findings))
    return (
        f'<h2>Findings</h2>\n<div class="scroll"><table><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n'
        "</tbody></table></div>"
    )


def _row(finding: Finding) -> str:
    severity = finding.severity
    tags = [f"CWE-{number}" for number in finding.cwe] + [_text(item) for item in (*finding.owasp, *finding.asvs)]
    tags += [f"also {_text(voice)}" for voice in finding.voices] + [_text(one) for one in finding.context]
    where = f"<code>{_text(str(finding.location))}</code>" if finding.location else ""
    rule = f"<code>{_text(finding.id)}</code>"
    return (
        f'<tr id="{finding.fingerprint}">'
        f'<td data-key="{4 - severity.rank}">{_badge(severity, severity.value)}</td>'
        f'<td>{rule}<p class="quiet">{_text(finding.source)}</p></td><td class="where">{where}</td>'
        f'<td class="what"><strong>{_text(finding.title)}</strong>{_paragraphs(finding)}'
        f'<p class="quiet">{" · ".join([*tags, f"confidence {finding.confidence.value}"])}</p></td></tr>'
    )


def _paragraphs(finding: Finding) -> str:
    said = f'<p class="given">{_block(finding.message)}</p>'
    if finding.evidence:
        said += f"<pre>{_block(finding.evidence)}</pre>"
    for name, text in (("Risk", finding.consequence), ("Fix", finding.remedy)):
        if text.strip():
            said += f'<p class="given"><b>{name}:</b> {_block(text)}</p>'
    return said + _reference(finding.reference)


def _reference(reference: str) -> str:
    if not reference.strip():
        return ""
    shown = _text(reference)
    if is_web_url(reference):
        shown = f'<a href="{shown}" rel="noreferrer noopener">{shown}</a>'
    return f"<p><b>More:</b> {shown}</p>"


def _statuses(statuses: tuple[ToolStatus, ...]) -> str:
    if not statuses:
        return ""
    rows = "\n".join(map(_status, statuses))
    return (
        '<h2>What ran</h2>\n<div class="scroll"><table><thead><tr><th scope="col">Tool</th>'
        '<th scope="col">Outcome</th><th scope="col">Detail</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _status(status: ToolStatus) -> str:
    tone = "gap" if status.required and not status.outcome.full else "quiet"
    optional = "" if status.required else " (optional)"
    detail = _text(status.detail or ", ".join(status.examined))
    return (
        f"<tr><td>{_text(status.tool)} {_text(status.version)}</td>"
        f'<td class="{tone}">{status.outcome.value}{optional}</td><td>{detail}</td></tr>'
    )
