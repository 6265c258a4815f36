"""`garrison check`: is the policy safe, and does everything it asks for really start?"""

from __future__ import annotations

from typing import Annotated

import typer

from ..findings.formats import Format as ReportFormat
from .options import PolicyFile, Where, settle
from .output import Usage, out, print_raw


def check(
    target: Annotated[str, typer.Argument(metavar="[MODULE:APP]", help="The application, as with --app.")] = "",
    policy: PolicyFile = None,
    app: Annotated[
        str, typer.Option("--app", "-a", metavar="MODULE:APP", help="The application, to check along with the policy.")
    ] = "",
    environment: Where = None,
    shape: Annotated[ReportFormat, typer.Option("--format", "-f", help="How to print.")] = ReportFormat.TEXT,
) -> None:
    """Check the policy, and build everything it asks for once, as the application would at its start.

    Exit code 1 when something is found that would stop a production start.
    """
    from ..findings.formats import write
    from ..findings.report import exit_code
    from ..findings.severity import Severity
    from .examine import examine

    settle(policy, environment)
    if app and target:
        raise Usage("The application is named twice.", remedy="Leave --app out.")
    report = examine(policy, app or target)
    if shape is ReportFormat.TEXT:
        from ..findings.as_text import render

        out().print(render(report))
    else:
        print_raw(write(report, shape))
    raise typer.Exit(exit_code(report, Severity.HIGH))
