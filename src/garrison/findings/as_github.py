"""The report as GitHub workflow commands: marks beside the lines of a pull request, without an upload.

Threat: a finding's text that becomes another command (`::add-mask`, `::stop-commands`): everything stands on one line,
and `%`, line ends and, in properties, `:` and `,` are escaped as the runner undoes them.
Lets pass: hosts show ten errors and ten warnings of a step; the exit code and the other formats hold all.
"""

from typing import Final

from .inert import one_line
from .record import Finding
from .report import Report, ToolStatus

_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice"}


def write(report: Report) -> str:
    """A command a line, gaps first, ending in a line feed; a notice where there is nothing to say."""
    lines = [_gap(status) for status in report.gaps] + [_finding(one) for one in report.findings]
    if not report.statuses:
        lines.append(_command("error", "Nothing was looked at.", title=f"{report.tool} {report.command}"))
    if not lines:
        examined = ", ".join(report.examined)
        lines.append(_command("notice", f"Nothing found in {examined}.", title=f"{report.tool} {report.command}"))
    return "\n".join(lines) + "\n"


def _finding(one: Finding) -> str:
    where = one.location
    place: dict[str, str] = {}
    if where and where.path:
        place = {"file": where.path, "line": str(where.line or 1)} | (
            {"col": str(where.column)} if where.column else {}
        )
    said = f"{one.message} {one.consequence}".strip() + (f" Fix: {one.remedy}" if one.remedy else "")
    at = f" ({where.key})" if where and where.key else ""
    return _command(_COMMANDS[one.severity.level.value], said, **place, title=f"{one.id} {one.title}{at}")


def _gap(status: ToolStatus) -> str:
    said = f"{status.tool} {status.outcome.value}: {status.detail}"
    return _command("error" if status.required else "warning", said, title=f"{status.tool} did not fully run")


def _command(name: str, message: str, **properties: str) -> str:
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {said}::{_data(message)}"


def _data(text: str) -> str:
    return one_line(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
