"""`garrison scan`: every scanner that fits a project, one report, one gate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..findings.formats import Format as ReportFormat
from ..findings.severity import Severity
from . import scan_data, scan_deps, scan_init, scan_review, scan_sbom, scan_trend
from .group import Group
from .options import Format
from .output import COULD_NOT_RUN, Shape, err, out, print_json, print_raw, safe
from .scan_live import live_adapters

if TYPE_CHECKING:
    from ..findings.report import Report


class ScanGroup(Group):
    """`garrison scan PATH` is `garrison scan run PATH`: whatever is no command is the way to a project."""

    fallback = "run"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where none is named."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [self.fallback, *args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


app = typer.Typer(
    cls=ScanGroup, help="Scan a project: code, dependencies, secrets, policy. `scan PATH` is `scan run PATH`."
)
app.command("init")(scan_init.init)
app.command("deps")(scan_deps.deps)
app.command("review")(scan_review.review)
app.command("sbom")(scan_sbom.sbom)
app.add_typer(scan_data.tools, name="tools")
app.add_typer(scan_data.database, name="db")
app.command("trend")(scan_trend.trend)


@app.command()
def run(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The folder of the project.")] = Path(),
    application: Annotated[
        str, typer.Option("--app", "-a", metavar="MODULE:APP", help="The application: its routes are examined as well.")
    ] = "",
    url: Annotated[str, typer.Option("--url", help="A running application: what it shows is examined as well.")] = "",
    osv: Annotated[
        str,
        typer.Option("--osv", metavar="URL", help="Ask this OSV service, by pip-audit: names and versions go there."),
    ] = "",
    active: Annotated[bool, typer.Option("--active", help="Attack --url as well; it has to be yours.")] = False,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="Try this method as well as GET, HEAD and OPTIONS.")
    ] = None,
    rate: Annotated[int, typer.Option("--rate", min=1, max=1000, help="Requests a second, for each scanner.")] = 20,
    schema: Annotated[str, typer.Option("--schema", help="Where --url has its OpenAPI document.")] = "/openapi.json",
    credential: Annotated[
        str, typer.Option("--credential", metavar="HEADER=REFERENCE", help="Log in at --url: env:NAME or file:/path.")
    ] = "",
    only: Annotated[list[str] | None, typer.Option("--only", help="Run this scanner only; can be given again.")] = None,
    optional: Annotated[
        list[str] | None, typer.Option("--optional", help="This scanner may be missing; otherwise exit code 3.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Leave out files, by a pattern.")] = None,
    fail: Annotated[Severity, typer.Option("--fail", help="Exit code 1 from this severity on.")] = Severity.MEDIUM,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Count only what this file does not know.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--write-baseline", metavar="FILE", help="Write what is there now as a baseline.")
    ] = None,
    suppressions: Annotated[
        Path | None, typer.Option("--suppressions", metavar="FILE", help="Take them from here, not from garrison.toml.")
    ] = None,
    kept_in: Annotated[
        Path | None, typer.Option("--trend", metavar="FILE", help="Keep this scan here, for `scan trend` and HTML.")
    ] = None,
    kept: Annotated[bool, typer.Option("--keep/--no-keep", help="Keep this scan for `scan trend`, or not.")] = True,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="Time limit of each scanner.")] = 120,
    memory: Annotated[int, typer.Option("--memory", min=100, help="Memory limit of each scanner, in MB.")] = 3000,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=16, help="Scanners at a time.")] = 2,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report here instead.")] = None,
    shape: Annotated[ReportFormat, typer.Option("--format", "-f", help="How to print.")] = ReportFormat.TEXT,
) -> None:
    """Run every scanner that fits, side by side, and merge what they find.

    Exit code 1: findings from the severity of `--fail` on. 3: a scanner did not fully run, so nobody knows.
    """
    from .. import __version__
    from ..findings.report import exit_code
    from ..scan.adapter import Limits
    from ..scan.gate import read_baseline, write_baseline
    from ..scan.project import read_project
    from ..scan.run import adapters, choose, report_of, scan
    from ..scan.scan_policy import read_section
    from ..scan.tool_pip_audit import PipAudit
    from ..scan.trend import trend_file

    now = datetime.now(UTC)
    known = read_baseline(baseline) if baseline else None
    project = read_project(path, exclude or ())
    section = read_section(path, suppressions)
    every = adapters(now.date(), application, section)
    if osv:
        every.append(PipAudit(osv))
    if url:
        every += live_adapters(
            url, section, only=only or (), active=active, methods=method or (), rate=rate, schema=schema,
            credential=credential,
        )  # fmt: skip
    choose(every, optional or ())
    chosen = choose(every, only or ())
    seen = scan(
        project, chosen, Limits(seconds, memory), optional=optional or (), named=only or (), jobs=jobs, told=_progress
    )
    asked = _asked(
        app=[application], url=[url], schema=[schema] if url else [], osv=[osv], method=method, exclude=exclude,
        credential=[credential.partition("=")[0]],
    )  # fmt: skip
    report = report_of(
        seen,
        now.date(),
        __version__,
        now,
        known,
        suppressions,
        (kept_in or trend_file()) if kept else None,
        fail,
        asked,
    )
    if keep is not None:
        count = write_baseline(keep, seen.merged)
        err().print(safe(f"{keep}: {count} findings written."))
    _give(report, shape, output)
    _closed_by(report, fail)
    raise typer.Exit(exit_code(report, fail))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A report in JSON, from before.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="A report in JSON, from now.")],
    shape: Format = Shape.TEXT,
) -> None:
    """Compare two reports. Exit code 1 for anything new, 3 where a scanner of the old report did not run in the new."""
    from dataclasses import asdict

    from ..scan.diff import compare

    found = compare(old, new)
    if shape is Shape.JSON:
        print_json(asdict(found))
    else:
        for word, style, several in (("new", "red", found.new), ("gone", "green", found.gone)):
            for one in several:
                where = one["location"] or {}
                place = f"{where.get('path', '')}:{where.get('line') or ''} {where.get('key', '')}".strip(" :")
                out().print(safe(f"{word}  {one['severity']}  {one['id']}  {place}  {one['message']}", style))
        out().print(safe(f"{len(found.new)} new, {len(found.gone)} gone, {found.same} the same."))
        for tool in found.blind:
            out().print(safe(f"{tool} did not fully run in the new report: what it found is not gone.", "yellow"))
    raise typer.Exit(COULD_NOT_RUN if found.blind else int(bool(found.new)))


def _asked(**options: list[str] | None) -> list[str]:
    """The options that say what is looked at, beside the scanners: scans that differ in them are not compared."""
    return [f"--{name} {value}" for name, values in options.items() for value in sorted(set(values or ())) if value]


def _progress(name: str, state: str) -> None:
    console = err()
    if console.is_terminal:
        console.print(safe(f"{name}: {state}", "dim"))


_MOST_NAMED: Final = 20


def _closed_by(report: Report, fail: Severity) -> None:
    """What makes the exit code, named once more at the end: a long report is read from its last lines."""
    for one in report.findings:
        if one.source == "gate" and one.severity < fail:
            err().print(safe(f"{one.id} ({one.severity}): {one.message}", "yellow"))
    for gap in report.gaps:
        if gap.required:
            err().print(safe(f"closed by {gap.tool}: {gap.outcome}, {gap.detail}", "red"))
    closing = [one for one in report.findings if one.severity >= fail]
    for one in closing[:_MOST_NAMED]:
        what = one.message if one.source == "gate" else one.location or one.title
        err().print(safe(f"closed by {one.id} ({one.severity}): {what}", "red"))
    if len(closing) > _MOST_NAMED:
        err().print(safe(f"and by {len(closing) - _MOST_NAMED} more", "red"))


def _give(report: Report, shape: ReportFormat, output: Path | None) -> None:
    from ..findings.formats import write
    from ..secrets.private_files import write_whole

    if output is not None:
        write_whole(output, write(report, shape).encode(), mode=0o644)
        err().print(safe(f"{output}: {len(report.findings)} findings."))
    elif shape is ReportFormat.TEXT:
        from ..findings.as_text import render

        out().print(render(report))
    else:
        print_raw(write(report, shape))
