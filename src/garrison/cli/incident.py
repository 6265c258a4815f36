"""`garrison incident`: keep together what belongs to one attack, and what was done about it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ..events.terms import Severity
from . import incident_contain, incident_drill, incident_evidence
from .group import Group
from .incident_book import Id
from .options import Format, PolicyFile, State
from .output import Shape, Usage, err, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..reactions.incidents import Incident

app = typer.Typer(cls=Group, no_args_is_help=True, help="What belongs to one attack, and what was done about it.")


@app.callback()
def _incident() -> None:
    """Incidents are kept in the policy's store; every change leaves an event."""


@app.command("open")
def open_(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is, in a few words.")],
    where: Annotated[str, typer.Option("--where", "-w", metavar="FILTER", help="Its events, as in `events query`.")],
    since: Annotated[str, typer.Option("--since", help="How far back it goes: 2h, 3 days.")] = "24h",
    severity: Annotated[Severity, typer.Option("--severity", help="How bad it is.")] = Severity.ERROR,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Open an incident about the events that a filter chooses."""
    from ..policy.units import parse_duration
    from .ban_book import operator
    from .incident_book import with_incidents

    now = time.time()
    try:
        start = now - parse_duration(since)
    except ValueError as error:
        raise Usage(f"--since is {error}.") from None
    made = with_incidents(policy, lambda kept, _: kept.open(title, severity, where, start, by=operator(), now=now))
    _tell(made, shape)


@app.command("list")
def list_(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """List incidents, the newest first."""
    from .incident_book import with_incidents
    from .incident_shown import table

    found = with_incidents(policy, lambda kept, _: kept.list())
    if shape is Shape.JSON:
        print_json([asdict(one) for one in found])
    elif found:
        out().print(table(found))
    else:
        err().print("No incidents.")


@app.command()
def show(what: Id, policy: PolicyFile = None, state: State = None, shape: Format = Shape.TEXT) -> None:
    """Show an incident: who has it, who and what it concerns, its notes, and the last events."""
    from .drill_shown import measured
    from .incident_book import read, timeline
    from .incident_shown import as_data, page

    incident, notes = read(policy, what)
    found = timeline(incident, policy, state)
    if shape is Shape.JSON:
        print_json({**as_data(incident, notes, found), "measured": measured(policy, incident)})
        return
    page(incident, notes, found)
    for name, said in measured(policy, incident).items():
        out().print(safe(f"{name:16} {said}"), soft_wrap=True)


@app.command()
def assign(
    what: Id,
    who: Annotated[str, typer.Argument(metavar="NAME", help="Who has it from now on.")],
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Give an incident to somebody. Who had it before stays in its notes."""
    from .ban_book import operator
    from .incident_book import with_incidents

    given = with_incidents(policy, lambda kept, _: kept.assign(what, who, by=operator(), now=time.time()))
    if shape is Shape.JSON:
        print_json(asdict(given))
    else:
        out().print(safe(f"{given.id} is with {given.assignee}"))


@app.command()
def note(
    what: Id,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    policy: PolicyFile = None,
) -> None:
    """Write a note."""
    from .ban_book import operator
    from .incident_book import with_incidents

    with_incidents(policy, lambda kept, _: kept.note(what, text, by=operator(), now=time.time()))
    out().print("noted")


@app.command()
def close(what: Id, policy: PolicyFile = None) -> None:
    """Close an incident: its timeline ends here, and nothing about it is changed any more."""
    from .ban_book import operator
    from .incident_book import with_incidents

    closed = with_incidents(policy, lambda kept, _: kept.turn(what, "closed", by=operator(), now=time.time()))
    out().print(safe(f"closed by {closed.closed_by}"))


@app.command()
def playbook(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What an alert names; without it, they are listed.")] = "",
    shape: Format = Shape.TEXT,
) -> None:
    """Print what to do about a kind of alert (NIST SP 800-61r3), as Markdown."""
    from ..detection.playbooks import names, read

    if shape is Shape.JSON:
        print_json({one: read(one) for one in ((name,) if name else names())})
    else:
        print_raw(read(name) if name else "\n".join(names()))


app.command()(incident_contain.contain)
app.command()(incident_drill.drill)
app.command()(incident_evidence.report)
app.command()(incident_evidence.export)
app.command()(incident_evidence.verify)


def _tell(incident: Incident, shape: Shape) -> None:
    from .incident_shown import one_line_of

    if shape is Shape.JSON:
        print_json(asdict(incident))
    else:
        out().print(safe(one_line_of(incident)))
