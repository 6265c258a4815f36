"""`garrison`: all commands in one place. Each lives in a file of its own and imports what is heavy when it runs.

Exit codes: 0 fine, 1 found something, 2 wrong usage, 3 could not run.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated

import typer

from . import (
    alerts,
    audit,
    bans,
    certs,
    check,
    config,
    demo,
    edge,
    events,
    explain,
    hold,
    honey,
    incident,
    init,
    report,
    routes,
    scan,
    secrets,
    serve,
    undo,
)
from .group import Group
from .output import COULD_NOT_RUN, out

app = typer.Typer(
    name="garrison",
    cls=Group,
    help="Security hardening for Python web applications: one policy, one line of code, and evidence that it holds.",
    epilog="Exit codes: 0 fine, 1 found something, 2 wrong usage, 3 could not run.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.command(rich_help_panel="Start")(demo.demo)
app.command(rich_help_panel="Start")(init.init)
app.command(rich_help_panel="Start")(serve.serve)
app.command(rich_help_panel="Policy")(check.check)
app.command(rich_help_panel="Policy")(explain.explain)
app.add_typer(config.app, name="config", rich_help_panel="Policy")
app.command(rich_help_panel="Policy")(routes.routes)
app.add_typer(scan.app, name="scan", rich_help_panel="Policy")
app.command(rich_help_panel="Run time")(report.report)
app.command(rich_help_panel="Run time")(undo.undo)
app.add_typer(alerts.app, name="alerts", rich_help_panel="Run time")
app.add_typer(bans.app, name="bans", rich_help_panel="Run time")
app.add_typer(events.app, name="events", rich_help_panel="Run time")
app.add_typer(honey.app, name="honey", rich_help_panel="Run time")
app.add_typer(incident.app, name="incident", rich_help_panel="Run time")
app.add_typer(edge.app, name="edge", rich_help_panel="Start")
app.add_typer(audit.app, name="audit", rich_help_panel="Run time")
app.add_typer(certs.app, name="certs", rich_help_panel="Keys and certificates")
app.add_typer(secrets.app, name="secrets", rich_help_panel="Keys and certificates")


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        out().print(f"garrison {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that stand before the command."""


def main() -> None:
    """Run the command line; the entry point of the package."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a narrow terminal encoding must not end a command
    hold.OWN_PROCESS = True
    try:
        app(prog_name="garrison")
    except BrokenPipeError:  # `garrison events tail | head`: the reader has seen enough
        with suppress(OSError):
            sys.stdout.close()
        raise SystemExit(COULD_NOT_RUN) from None


if __name__ == "__main__":
    main()
