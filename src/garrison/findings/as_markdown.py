"""The report as GitHub-flavoured Markdown, for the summary of a pull request.

Threat: text of a finding that becomes markup: a link, an image that reports who looks, HTML, a forged table
row, a mention that notifies people, a reference that shows up in another project's issue. ASCII punctuation
that can mean something is escaped (CommonMark 0.31 section 2.4), ``<``, ``>`` and ``&`` as entities. Mentions
and issue references are recognised by hosts after rendering, so ``@`` and ``#`` are followed by a word
joiner (U+2060).
Assumption: a comment holds at most 65,536 characters; what does not fit is counted, not dropped unsaid.
"""

import re

from .inert import clip, is_web_url, one_line
from .record import Finding
from .report import Report, ToolStatus

BUDGET = 60_000  # characters, below the 65,536 of a comment
CELL = 600  # characters of one text before escaping

_SPECIAL = re.compile(r"[!#$&()*+.:<=>@\[\\\]^_`{|}~-]")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;&#8288;", "#": "&#35;&#8288;"}


def escape(text: str) -> str:
    """The text on one line, in which nothing is Markdown, HTML, a link or a mention."""
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match[0], "\\" + match[0]), one_line(text))


def write(report: Report) -> str:
    """A heading, the verdict, a table of findings worst first, and what ran; ends in a line feed."""
    parts = [f"## {escape(report.tool)} {escape(report.command)}", _verdict(report)]
    if report.findings:
        parts.append(_findings(report))
    if report.statuses:
        parts.append(_statuses(report))
    parts.append(f"<sub>{escape(report.tool)} {escape(report.version)}</sub>")
    return "\n\n".join(parts) + "\n"


def _verdict(report: Report) -> str:
    counts = ", ".join(f"{number} {severity}" for severity, number in report.counts.items() if number)
    if not report.statuses:
        return "**Nothing was looked at.** This report says nothing about the project."
    found = f"**{counts}**" if counts else "**Nothing found**"
    gaps = "" if report.complete else " **Not everything ran: this is not the whole picture.**"
    examined = escape(clip(", ".join(report.examined), CELL))
    return f"{found}.{gaps}" + (f" Looked at: {examined}." if examined else "")


def _findings(report: Report) -> str:
    rows = ["| severity | rule | where | what |", "| --- | --- | --- | --- |"]
    size = 0
    for shown, finding in enumerate(report.findings):
        row = _row(finding)
        size += len(row) + 1
        if size > BUDGET:
            left = len(report.findings) - shown
            return "\n".join(rows) + f"\n\n**{left} more not shown here for length.**"
        rows.append(row)
    return "\n".join(rows)


def _row(finding: Finding) -> str:
    what = f"**{_cell(finding.title)}**: {_cell(finding.message)}"
    if finding.remedy:
        what += f"<br>Fix: {_cell(finding.remedy)}"
    rule = escape(finding.id)
    if is_web_url(finding.reference):
        # No URL that is_web_url accepts holds what could end a target or a cell; only entities are left.
        rule = f"[{rule}](<{finding.reference.replace('&', '&amp;')}>)"
    where = _cell(str(finding.location)) if finding.location else ""
    return f"| {finding.severity} | {rule} | {where} | {what} |"


def _cell(text: str) -> str:
    return escape(clip(text, CELL))


def _statuses(report: Report) -> str:
    rows = ["| tool | outcome | detail |", "| --- | --- | --- |"]
    rows += [_status_row(status) for status in report.statuses]
    return "<details><summary>What ran</summary>\n\n" + "\n".join(rows) + "\n\n</details>"


def _status_row(status: ToolStatus) -> str:
    detail = status.detail or ", ".join(status.examined)
    optional = "" if status.required else " (optional)"
    name = _cell(f"{status.tool} {status.version}".strip())
    return f"| {name} | {status.outcome}{optional} | {_cell(detail)} |"
