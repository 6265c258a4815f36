"""The report for a person at a terminal, rendered through rich.

Threat: escape sequences in a finding that recolour, retitle or overwrite the terminal, and rich's own
``[markup]``. Text is made inert first and handed over as ``Text``, which rich does not parse.
Assumption: colour only repeats what words say, so that nothing is lost without it.
"""

from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .inert import lines, one_line
from .record import Finding
from .report import Outcome, Report, ToolStatus
from .severity import Severity

_STYLE = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "dim",
}
_OUTCOME_STYLE = {Outcome.OK: "green", Outcome.FINDINGS: "yellow"}


def write(report: Report, *, width: int = 100) -> str:
    """The report as plain text without colour, ``width`` columns wide at most, ending in a line feed."""
    buffer = StringIO()
    console = Console(file=buffer, width=width, color_system=None, force_terminal=False, legacy_windows=False)
    console.print(render(report))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def render(report: Report) -> RenderableType:
    """The report as something that ``console.print`` shows, with colour where the console has it."""
    head = Text(one_line(f"{report.tool} {report.command} {report.version}"), style="bold")
    parts: list[RenderableType] = [head]
    parts.append(Text())
    if report.findings:
        parts.append(_findings(report))  # brings its own blank line at the end
    return Group(*parts, summary(report))


def summary(report: Report) -> RenderableType:
    """What ran and the verdict, for a command that shows its findings in another order."""
    parts: list[RenderableType] = []
    if report.gaps or len(report.statuses) > 1:
        parts += [_statuses(report), Text()]
    return Group(*parts, _verdict(report))


def _findings(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    table.add_column("severity", no_wrap=True)
    table.add_column("rule", max_width=24, overflow="fold")
    table.add_column("finding", ratio=1, overflow="fold")
    for finding in report.findings:
        severity = Text(f" {finding.severity.upper()} ", style=_STYLE[finding.severity])
        table.add_row(severity, Text(finding.id), _finding(finding))
    return table


def _finding(finding: Finding) -> Group:
    title = Text(one_line(finding.title), style="bold")
    # Labels stand in a column of their own, so that no text can write a line that looks like a label.
    details = Table.grid(padding=(0, 1))
    details.add_column()
    details.add_column(overflow="fold")
    parts = [
        ("Where", one_line(str(finding.location or ""))),
        ("What", finding.message),
        ("Seen", finding.evidence),
        ("Here", "; ".join(finding.context)),
        ("Risk", finding.consequence),
        ("Fix", finding.remedy),
        ("More", finding.reference),
    ]
    for name, text in parts:
        if text.strip():
            details.add_row(Text(name, style="bold"), Text(lines(text)))
    return Group(title, details)


def _statuses(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("What ran", "Outcome", "Detail"):
        table.add_column(title, overflow="fold")
    for status in report.statuses:
        detail = Text(one_line(status.detail or ", ".join(status.examined)))
        table.add_row(_name(status), _outcome(status), detail)
    return table


def _name(status: ToolStatus) -> Text:
    return Text(one_line(f"{status.tool} {status.version}".strip()))


def _outcome(status: ToolStatus) -> Text:
    word = status.outcome.value if status.required else f"{status.outcome.value} (optional)"
    gap = "red" if status.required else "dim"
    return Text(word, style=_OUTCOME_STYLE.get(status.outcome, gap))


def _verdict(report: Report) -> Text:
    if not report.statuses:
        return Text("Nothing was looked at: this says nothing about the project.", style="bold red")
    counts = ", ".join(f"{number} {severity}" for severity, number in report.counts.items() if number)
    verdict = Text(f"Found {counts}." if counts else "Nothing found.", style="bold")
    if report.examined:
        verdict.append(one_line(f" Looked at {', '.join(report.examined)}."), style="not bold")
    if not report.complete:
        verdict.append(" Not everything ran: this is not the whole picture.", style="red")
    elif not report.findings:
        verdict.stylize("green", 0, len("Nothing found."))
    return verdict
