"""`garrison routes`: what is unsafe about each endpoint of an application."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..findings.formats import Format as ReportFormat
from ..findings.severity import Severity
from .options import PolicyFile, assume_development, settle
from .output import load_quietly, out, print_raw

if TYPE_CHECKING:
    from ..findings.report import Report
    from ..policy.model import Policy

_BARE: Final = "as behind {} (it does not call harden(); `garrison serve` does)"
_NO_POLICY: Final = "behind no policy (it does not call harden(), and there is no garrison.toml)"


def routes(
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="The application: module:attribute.")],
    policy: PolicyFile = None,
    least: Annotated[Severity, typer.Option("--least", "-l", help="Leave out what is less severe.")] = Severity.LOW,
    fail: Annotated[Severity, typer.Option("--fail", help="Exit code 1 from this severity on.")] = Severity.LOW,
    shape: Annotated[ReportFormat, typer.Option("--format", "-f", help="How to print.")] = ReportFormat.TEXT,
) -> None:
    """Examine every endpoint, mounts and routers included, and show what is unsafe and how to mend it.

    Loads the application and never calls it. Exceptions stand in the policy, as `[[suppressions]]`.
    """
    from dataclasses import replace

    from .. import __version__
    from ..asgi.onion import Onion
    from ..findings.formats import write
    from ..findings.report import exit_code
    from ..policy.load import load
    from ..scan.routes import Exceptions, examine_routes

    settle(policy, None)
    assume_development()
    loaded = load(policy, os.environ)
    found = load_quietly(app)
    inner, policies = (found.app, [door.policy for door in found.doors]) if isinstance(found, Onion) else (found, [])
    if not policies and loaded.file is not None:
        policies = [loaded.policy.effective(route) for route in (None, *loaded.policy.routes)]
    approval = Severity(loaded.policy.scan.approval_from)
    exceptions = Exceptions(loaded.policy.suppressions, datetime.now(UTC).date(), loaded.file, approval)
    report = examine_routes(inner, app, _in_force(policies), exceptions, __version__)
    if not isinstance(found, Onion):
        report = _with_note(report, _BARE.format(loaded.file) if loaded.file else _NO_POLICY)
    hidden = sum(one.severity < least for one in report.findings)
    report = replace(report, findings=tuple(one for one in report.findings if one.severity >= least))
    if shape is ReportFormat.TEXT:
        from .routes_shown import render

        out().print(render(report, hidden))
    else:
        print_raw(write(report, shape))
    raise typer.Exit(exit_code(report, fail))


def _in_force(policies: Sequence[Policy]) -> Callable[[str, str], Policy | None]:
    """The policy of the route class that a route's own path falls into, parameters standing for themselves.

    `policies`: that of no class, then those of the classes in their order. Without any nothing is in force.
    """
    from ..core.path import RouteTable

    if not policies:
        return lambda path, method: None
    classes = [policy.route for policy in policies[1:] if policy.route]
    table = RouteTable([(one.paths, one.methods) for one in classes])
    return lambda path, method: policies[table.find(path, method)]


def _with_note(report: Report, note: str) -> Report:
    """The report, saying under which policy the routes were judged."""
    from dataclasses import replace

    routes, *others = report.statuses
    return replace(report, statuses=(replace(routes, examined=(*routes.examined, note)), *others))
