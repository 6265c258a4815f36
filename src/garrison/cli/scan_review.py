"""`garrison scan review BASE..HEAD`: the security review checklist that fits a change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ..findings.formats import Format as ReportFormat
from ..findings.severity import Severity
from .output import out, print_raw


def review(
    span: Annotated[str, typer.Argument(metavar="BASE..HEAD", help="The change: what HEAD has since both parted.")],
    path: Annotated[Path, typer.Option("--path", metavar="FOLDER", help="The repository.")] = Path(),
    fail: Annotated[Severity, typer.Option("--fail", help="Exit code 1 from this severity on.")] = Severity.HIGH,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write here instead.")] = None,
    shape: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="markdown is the checklist, sarif and github mark lines.")
    ] = ReportFormat.TEXT,
) -> None:
    """Show what a reviewer should look at: endpoints, dangerous calls, policy, packages, rights, secrets, tests.

    Exit code 1: something of the severity of `--fail`. 3: a file could not be read.
    """
    from .. import __version__
    from ..findings.as_text import render
    from ..findings.formats import write
    from ..findings.report import exit_code
    from ..scan.history import read_changes
    from ..scan.review import checklist
    from ..scan.review import review as examine
    from ..secrets.private_files import write_whole

    report = examine(read_changes(path, span), __version__, datetime.now(UTC))
    text = checklist(report) if shape is ReportFormat.MARKDOWN else write(report, shape)
    if output is not None:
        write_whole(output, text.encode(), mode=0o644)
    elif shape is ReportFormat.TEXT:
        out().print(render(report))
    else:
        print_raw(text)
    raise typer.Exit(exit_code(report, fail))
