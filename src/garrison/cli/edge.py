"""`garrison edge`: configurations of proxies and of systemd, from the same policy."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..findings.formats import Format as ReportFormat
from .group import Group
from .options import PolicyFile, load_policy
from .output import Usage, err, out, print_raw, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..edge.site import Site
    from ..findings.record import Finding
    from ..findings.report import ToolStatus

app = typer.Typer(cls=Group, no_args_is_help=True, help="Configurations of proxies and systemd, from the policy.")

Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of the terminal.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Try the configuration out with the server that is installed here.")
]
Shape = Annotated[ReportFormat, typer.Option("--format", "-f", help="How to print what --check finds.")]


class Server(StrEnum):
    """Proxies that a configuration can be written for."""

    NGINX = "nginx"
    HAPROXY = "haproxy"
    CADDY = "caddy"


@app.command()
def nginx(
    policy: PolicyFile = None, output: Output = None, check: Check = False, shape: Shape = ReportFormat.TEXT
) -> None:
    """A whole nginx.conf."""
    _proxy(Server.NGINX, policy, output, check, shape)


@app.command()
def haproxy(
    policy: PolicyFile = None, output: Output = None, check: Check = False, shape: Shape = ReportFormat.TEXT
) -> None:
    """A whole haproxy.cfg."""
    _proxy(Server.HAPROXY, policy, output, check, shape)


@app.command()
def caddy(
    policy: PolicyFile = None, output: Output = None, check: Check = False, shape: Shape = ReportFormat.TEXT
) -> None:
    """A whole Caddyfile."""
    _proxy(Server.CADDY, policy, output, check, shape)


@app.command()
def systemd(
    application: Annotated[
        str, typer.Argument(metavar="MODULE:APP", help="The ASGI application: main:app, or main:make().")
    ],
    policy: PolicyFile = None,
    folder: Annotated[
        str, typer.Option("--folder", help="Where the application and its .venv are on the server.")
    ] = "/srv/app",
    output: Output = None,
    check: Check = False,
    shape: Shape = ReportFormat.TEXT,
) -> None:
    """A unit that runs the application on its Unix socket, with nothing it does not need."""
    from ..edge import systemd as unit

    loaded = load_policy(policy).policy
    text = unit.render(_site(policy), application, folder, loaded.serve.shutdown)
    if check:
        from ..edge.check_unit import check_unit

        _report(*check_unit(text), shape=shape)
    _give(text, output)


def _site(policy: Path | None) -> Site:
    from ..edge.site import site_of

    return site_of(load_policy(policy).policy)


def _proxy(server: Server, policy: Path | None, output: Path | None, check: bool, shape: ReportFormat) -> None:
    from ..edge.trial import RENDER

    site = _site(policy)
    if check:
        from ..edge.check import check as try_out

        _report(*try_out(server, site), shape=shape)
    _give(RENDER[server](site), output)


def _give(text: str, output: Path | None) -> None:
    if output is None:
        print_raw(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Usage(f"{output} can't be written: {error.strerror}.", remedy="Name another file.") from error
    err().print(safe(f"Written to {output}", "bold green"))


def _report(findings: Sequence[Finding], status: ToolStatus, *, shape: ReportFormat) -> None:
    """Print what a check found, and end there."""
    from .. import __version__
    from ..findings.formats import write
    from ..findings.report import Report, exit_code
    from ..findings.severity import Severity

    report = Report(command="edge", version=__version__, findings=tuple(findings), statuses=(status,))
    if shape is ReportFormat.TEXT:
        from ..findings.as_text import render

        out().print(render(report))
    else:
        print_raw(write(report, shape))
    raise typer.Exit(exit_code(report, Severity.MEDIUM))
