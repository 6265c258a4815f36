"""All tools over one project, side by side, and their findings as one report.

Assumption: tools only read the project. A tool whose adapter breaks all the same is an error in the report, like one
that crashed: the others' findings are not lost with it, and the gate closes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

from ..core.errors import OperatorError
from ..findings.report import Outcome, Report, ToolStatus
from ..findings.severity import Severity
from ..findings.trend import Point
from ..policy.files import FILE_NAME
from ..policy.section_scan import ScanSection
from .adapter import Adapter, Limits, Result
from .context import in_context
from .gate import Baseline, Rules, gate
from .merge import Merged, merge
from .project import Project
from .scan_policy import policy_file, read_section, read_suppressions
from .tool_advisories import Dependencies
from .tool_bandit import bandit
from .tool_code import CodeScan
from .tool_deploy import compose, units
from .tool_garrison import OwnCommand
from .tool_gitleaks import Gitleaks
from .tool_gixy import Gixy
from .tool_hadolint import hadolint
from .tool_history import History
from .tool_licences import Licences
from .tool_opengrep import opengrep
from .tool_ruff import ruff
from .tool_secrets import detect_secrets
from .tool_zizmor import zizmor
from .trend import TrendUnusable, apart, keep, points

Told = Callable[[str, str], None]
_LONGEST: Final = ("detect-secrets", "routes", "bandit", "code")
"""By processor time over 50,000 lines (`make bench ONLY=scan`): 11, 4.4 and 3.9 s; `routes` loads an application."""


class UnknownScanner(OperatorError):
    """`--only` or `--optional` names no scanner."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Scan:
    """What one run saw: the results as the tools gave them, and everything merged, before the gate."""

    project: Project
    statuses: tuple[ToolStatus, ...]
    merged: tuple[Merged, ...]


def adapters(today: date, app: str = "", section: ScanSection | None = None) -> list[Adapter]:
    """Everything that can look at a project; `app` (module:attribute) adds `garrison routes`, `section` is `[scan]`."""
    held = section or ScanSection()
    found: list[Adapter] = [
        CodeScan(),
        bandit(),
        ruff(),
        opengrep(),
        detect_secrets(),
        zizmor(),
        Gixy(),
        hadolint(),
        compose(),
        units(),
        History(),
        Gitleaks(),
        Dependencies(today),
        Licences(held),
        OwnCommand("check"),
    ]
    if app:
        found.append(OwnCommand("routes", [app]))
    return found


def choose(found: Sequence[Adapter], only: Collection[str]) -> list[Adapter]:
    """Those that are named, or all. Raises `UnknownScanner`."""
    names = [one.name for one in found]
    for name in only:
        if name not in names:
            raise UnknownScanner(f"There is no scanner {name!r}.", remedy=f"Known are {', '.join(names)}.")
    return [one for one in found if not only or one.name in only]


def scan(
    project: Project, chosen: Sequence[Adapter], limits: Limits, *, optional: Collection[str] = (),
    named: Collection[str] = (), jobs: int = 2,
    told: Told = lambda name, state: None,
) -> Scan:  # fmt: skip
    """Run them, at most `jobs` at a time. `told(name, state)` hears of each beginning and end, from any thread."""
    order = [one.name for one in chosen]
    results: dict[str, Result] = {}

    def one_run(adapter: Adapter) -> Result:
        told(adapter.name, "runs")
        try:
            return adapter.run(project, limits)
        except Exception as error:  # noqa: BLE001  # a broken adapter must not take the others' findings along
            return Result(ToolStatus.failed(adapter.name, f"{type(error).__name__} in its adapter"))

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting = {pool.submit(one_run, adapter): adapter.name for adapter in sorted(chosen, key=_turn)}
        for future in as_completed(waiting):
            name = waiting[future]
            results[name] = future.result()
            told(name, results[name].status.outcome.value)
    statuses = [_weighed(results[name].status, optional, named) for name in order]
    findings = [finding for name in order for finding in results[name].findings]
    return Scan(project, tuple(statuses), tuple(merge(in_context(findings, project), project)))


def _turn(adapter: Adapter) -> int:
    """Who begins: the longest first, so that none of them is left to run alone at the end."""
    return _LONGEST.index(adapter.name) if adapter.name in _LONGEST else len(_LONGEST)


def _weighed(status: ToolStatus, optional: Collection[str], named: Collection[str]) -> ToolStatus:
    """Whether the verdict may do without it: as its adapter says, unless somebody named it or let it be missing."""
    if status.tool in optional:
        return replace(status, required=False)
    missing = status.outcome is Outcome.SKIPPED and "not installed" in status.detail
    return replace(status, required=True) if missing and status.tool in named else status


def report_of(
    seen: Scan, today: date, version: str, created: datetime | None = None, baseline: Baseline | None = None,
    suppressions: Path | None = None, kept_in: Path | None = None, fail: Severity | None = None,
    asked: Sequence[str] = (),
) -> Report:  # fmt: skip
    """The report after the gate. Raises `SuppressionsUnusable`.

    `suppressions`: another file than garrison.toml. `kept_in`: the file in which scans are kept; what can't be kept is
    told, and ends nothing; `asked`: the options that say what was looked at, since only like is compared. `fail`: the
    severity from which on a finding closes the gate, whose status says so.
    """
    root = seen.project.root
    file = (suppressions or policy_file(root) or Path(FILE_NAME)).name
    rules = Rules(tuple(read_suppressions(root, suppressions)), read_section(root, suppressions), file)
    ran = {one.tool for one in seen.statuses if one.outcome.full}
    gated = gate(seen.merged, rules, today, root, baseline, ran)
    closing = sum(one.severity >= fail for one in gated.findings) if fail is not None else 0
    said = [f"closed by {closing} of at least {fail}"] if closing else []
    said += [f"{len(seen.merged)} findings before the gate"]
    said += [f"{gated.known} known from the baseline"] if gated.known else []
    said += [f"{gated.suppressed} suppressed"] if gated.suppressed else []
    said += [f"{seen.project.excluded} files excluded"] if seen.project.excluded else []
    unseen = (*seen.project.passed, *seen.project.left_out)
    more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
    said += [f"not looked at: {', '.join(unseen[:5])}{more}"] if unseen else []
    verdict = ToolStatus(tool="gate", outcome=Outcome.FINDINGS if closing else Outcome.OK, detail=", ".join(said))
    statuses = [*seen.statuses, verdict]
    trend: tuple[Point, ...] = ()
    others = 0
    if kept_in is not None and created is not None:
        try:
            scope = keep(kept_in, root, seen.statuses, gated, created, asked)
            trend, others = tuple(points(kept_in, root, of=scope)), apart(kept_in, root, scope)
        except TrendUnusable as error:
            statuses.append(ToolStatus.failed("trend", f"this scan was not kept: {error.message}", required=False))
    return Report(
        command="scan",
        version=version,
        findings=gated.findings,
        statuses=tuple(statuses),
        created=created,
        trend=trend,
        trend_apart=others,
    )
