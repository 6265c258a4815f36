"""``Report``: what was found, and just as important, what was really looked at.

Threat: a scanner that is missing, crashed, or read last year's database looks exactly like clean code. So
each tool's outcome is a value beside the findings, and anything but a full run has to say why.
Let pass: whether a tool that says it ran was any good.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from .record import Finding
from .severity import Severity
from .trend import Point


class Outcome(StrEnum):
    """How a tool's run ended. Only the first two are a full run."""

    OK = "ok"
    FINDINGS = "findings"
    SKIPPED = "skipped"
    ERROR = "error"
    INCOMPLETE = "incomplete"
    STALE = "stale"

    @property
    def full(self) -> bool:
        """Whether everything was looked at, with current data."""
        return self in (Outcome.OK, Outcome.FINDINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStatus:
    """One tool's outcome. Make it with ``ran``, ``skipped``, ``failed``, ``incomplete`` or ``stale``.

    ``examined``: what it looked at, in words (``garrison.toml``, ``42 routes``). ``required``: whether the
    verdict may not be trusted without it. ``detail``: the reason for anything but a full run;
    ``ValueError`` without one. ``since``: the last day that a stale tool's data knows.
    """

    tool: str
    outcome: Outcome
    detail: str = ""
    version: str = ""
    examined: tuple[str, ...] = ()
    required: bool = True
    since: date | None = None

    def __post_init__(self) -> None:
        if not self.tool.strip():
            raise ValueError("a tool status needs the tool's name")
        if not self.outcome.full and not self.detail.strip():
            raise ValueError(f"{self.tool}: {self.outcome} needs a reason")

    @classmethod
    def ran(cls, tool: str, *examined: str, version: str = "", required: bool = True) -> "ToolStatus":
        """It ran to the end. ``Report`` turns this into ``findings`` when the tool found something."""
        return cls(tool=tool, outcome=Outcome.OK, version=version, examined=examined, required=required)

    @classmethod
    def skipped(cls, tool: str, reason: str, *, version: str = "", required: bool = True) -> "ToolStatus":
        """It was not started, and this is why."""
        return cls(tool=tool, outcome=Outcome.SKIPPED, detail=reason, version=version, required=required)

    @classmethod
    def failed(cls, tool: str, reason: str, *, version: str = "", required: bool = True) -> "ToolStatus":
        """It was started and ended in an error."""
        return cls(tool=tool, outcome=Outcome.ERROR, detail=reason, version=version, required=required)

    @classmethod
    def incomplete(cls, tool: str, what: str, *examined: str, version: str = "", required: bool = True) -> "ToolStatus":
        """It ran, but ``what`` was left out."""
        return cls(
            tool=tool, outcome=Outcome.INCOMPLETE, detail=what, version=version, examined=examined, required=required
        )

    @classmethod
    def stale(cls, tool: str, since: date, *examined: str, required: bool = True) -> "ToolStatus":
        """It ran with data that ends at ``since``: newer problems are unknown to it."""
        detail = f"its data ends on {since.isoformat()}"
        return cls(tool=tool, outcome=Outcome.STALE, detail=detail, examined=examined, required=required, since=since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one command found, ready for a writer.

    ``command``: which (``check``, ``scan``). ``version``: of ``tool``. ``created``: with a time zone, or
    ``None`` for a report that is the same on each run; ``ValueError`` for a naive time, or for two statuses
    of one tool.

    On the way in, findings are sorted worst first, like ones are numbered (so that no two share a
    fingerprint), a tool that ran and found something gets the outcome ``findings``, and a tool known only
    by its findings gets a status.

    ``trend``: earlier reports of the same scope and this one, oldest first, for writers that can show it.
    ``trend_apart``: how many earlier reports of another scope there are.
    """

    command: str
    version: str
    findings: tuple[Finding, ...] = ()
    statuses: tuple[ToolStatus, ...] = ()
    tool: str = "garrison"
    created: datetime | None = None
    trend: tuple[Point, ...] = ()
    trend_apart: int = 0

    def __post_init__(self) -> None:
        if self.created is not None and self.created.utcoffset() is None:
            raise ValueError("a report's time needs a time zone")
        if len({status.tool for status in self.statuses}) < len(self.statuses):
            raise ValueError("two statuses for one tool: give each run a name of its own")
        object.__setattr__(self, "findings", tuple(sorted(_numbered(self.findings), key=_worst_first)))
        object.__setattr__(self, "statuses", tuple(_settled(self.statuses, self.findings)))

    @property
    def counts(self) -> dict[Severity, int]:
        """How many findings of each severity, worst first, zeros included."""
        seen = Counter(finding.severity for finding in self.findings)
        return {severity: seen[severity] for severity in Severity}

    @property
    def gaps(self) -> tuple[ToolStatus, ...]:
        """The tools that did not fully run, required or not."""
        return tuple(status for status in self.statuses if not status.outcome.full)

    @property
    def complete(self) -> bool:
        """Whether something ran and every required tool ran fully."""
        return bool(self.statuses) and not any(status.required for status in self.gaps)

    @property
    def examined(self) -> tuple[str, ...]:
        """Everything that was looked at, each once, in the order of the tools."""
        return tuple(dict.fromkeys(item for status in self.statuses for item in status.examined))


def exit_code(report: Report, threshold: Severity = Severity.LOW) -> int:
    """The exit status of a command that gives this report.

    0: fine. 1: found something at or above ``threshold``. 3: a required tool did not fully run, or nothing
    ran at all.
    3 wins over 1: a list of findings that is known to have holes must not be taken for the whole list.
    """
    if not report.complete:
        return 3
    return int(any(finding.severity >= threshold for finding in report.findings))


def _place(finding: Finding) -> tuple[int, int, int]:
    where = finding.location
    return (where.line or 0 if where else 0, where.column or 0 if where else 0, finding.occurrence)


def _numbered(findings: Iterable[Finding]) -> list[Finding]:
    """Like findings numbered from the top of their file: the order, unlike the line, survives code moving
    down."""
    seen: Counter[str] = Counter()
    numbered = []
    for finding in sorted(findings, key=_place):
        family = replace(finding, occurrence=0).fingerprint
        numbered.append(replace(finding, occurrence=seen[family]))
        seen[family] += 1
    return numbered


def _worst_first(finding: Finding) -> tuple[int, str, int, int, str, int]:
    path = finding.location.path if finding.location else ""
    line, column, occurrence = _place(finding)
    return (-finding.severity.rank, path, line, column, finding.id, occurrence)


def _settled(statuses: Iterable[ToolStatus], findings: Iterable[Finding]) -> list[ToolStatus]:
    found = list(findings)
    sources = dict.fromkeys(finding.source for finding in found)
    spoke = {*sources, *(voice.partition(":")[0] for finding in found for voice in finding.voices)}
    given = [
        replace(status, outcome=Outcome.FINDINGS) if status.outcome is Outcome.OK and status.tool in spoke else status
        for status in statuses
    ]
    known = {status.tool for status in given}
    return given + [ToolStatus(tool=name, outcome=Outcome.FINDINGS) for name in sources if name not in known]
