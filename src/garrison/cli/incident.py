"""`garrison incident`: keep together what belongs to one attack, and what was done about it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..events.terms import Severity
from .group import Group
from .options import Format, PolicyFile, State
from .output import Shape, Usage, err, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeVar

    from ..events.event import Event
    from ..reactions.incidents import Incident, Incidents, Note
    from .ban_book import Opened

    T = TypeVar("T")

app = typer.Typer(cls=Group, no_args_is_help=True, help="What belongs to one attack, and what was done about it.")
Id = Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")]
_SHOWN: Final = 40


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

    now = time.time()
    try:
        start = now - parse_duration(since)
    except ValueError as error:
        raise Usage(f"--since is {error}.") from None
    made = _with(policy, lambda kept, _: kept.open(title, severity, where, start, by=operator(), now=now))
    _show(made, shape)


@app.command("list")
def list_(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """List incidents, the newest first."""
    from rich.table import Table

    found = _with(policy, lambda kept, _: kept.list())
    if shape is Shape.JSON:
        print_json([asdict(one) for one in found])
        return
    if not found:
        err().print("No incidents.")
        return
    table = Table(box=None, pad_edge=False)
    for head in ("id", "opened", "state", "severity", "title", "by"):
        table.add_column(head, overflow="fold")
    for one in found:
        table.add_row(*map(safe, (one.id, _time(one.opened), one.state, one.severity, one.title, one.by)))
    out().print(table)


@app.command()
def show(what: Id, policy: PolicyFile = None, state: State = None, shape: Format = Shape.TEXT) -> None:
    """Show an incident: its events by name, clients and users, its notes, and the last events."""
    from .incident_bundle import timeline

    incident, notes = _with(policy, lambda kept, _: _both(kept, what))
    events = timeline(incident, policy, state)
    if shape is Shape.JSON:
        print_json({**asdict(incident), "notes": [asdict(one) for one in notes], "events": len(events),
                    "clients": _counts(events, "client"), "principals": _counts(events, "principal"),
                    "names": _counts(events, "name")})  # fmt: skip
        return
    _page(incident, notes, events)


@app.command()
def note(
    what: Id,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be remembered.")],
    policy: PolicyFile = None,
) -> None:
    """Write a note."""
    from .ban_book import operator

    _with(policy, lambda kept, _: kept.note(what, text, by=operator(), now=time.time()))
    out().print("noted")


@app.command()
def contain(
    what: Id,
    ban: Annotated[list[str], typer.Option("--ban", metavar="TARGET", help="Whom to ban, as `bans add` takes it.")],
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="How long.")] = "24h",
    force: Annotated[bool, typer.Option("--force", help="Also loopback and very wide networks.")] = False,
    policy: PolicyFile = None,
) -> None:
    """Ban those behind it, note that, and mark the incident as contained. `garrison bans lift` takes a ban back."""
    from ..core.bans import parse_target
    from ..policy.units import parse_duration
    from .ban_book import operator

    try:
        seconds = parse_duration(for_)
    except ValueError as error:
        raise Usage(f"--for is {error}.") from None

    async def work(kept: Incidents, opened: Opened) -> None:
        incident = await kept.get(what)
        targets = [parse_target(text, opened.policy.client.ipv6_prefix) for text in ban]
        for target in targets:
            opened.bans.rules.check(target, force=force)  # all or none
        by = operator()
        for target in targets:
            reason = f"incident {incident.id}"
            held = await opened.bans.add(target, reason=reason, by=by, seconds=seconds, force=force)
            text = f"banned {target}; undo: garrison bans lift {held.id}"
            await kept.note(what, text, by=by, now=time.time(), kind="containment")
            out().print(safe(text))
        await kept.turn(what, "contained", by=by, now=time.time())

    _with(policy, work)


@app.command()
def close(what: Id, policy: PolicyFile = None) -> None:
    """Close an incident: its timeline ends here, and nothing about it is changed any more."""
    from .ban_book import operator

    _with(policy, lambda kept, _: kept.turn(what, "closed", by=operator(), now=time.time()))
    out().print("closed")


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


@app.command()
def export(
    what: Id,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; must not exist.")],
    policy: PolicyFile = None,
    state: State = None,
) -> None:
    """Write a signed bundle of evidence: timeline, proofs from the audit log, versions, report."""
    from ..reactions.evidence import pack
    from .audit_log import log_folder, open_log, own_signer
    from .incident_bundle import files_of, proofs_of, timeline

    incident, notes = _with(policy, lambda kept, _: _both(kept, what))
    events = timeline(incident, policy, state)
    with open_log(policy, state, signing=True) as log:
        log.checkpoint()
    proofs = proofs_of(log_folder(policy, state), events)
    files = files_of(incident, notes, events, proofs)
    try:
        pack(output, incident.id, files, own_signer(policy), time.time())
    except OSError as error:
        raise Usage(f"{output} can't be written: {error.strerror}.") from None
    out().print(safe(f"{len(events)} events, {len(proofs)} of them proved, in {output}"))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle of evidence.")],
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="KEY", help="Who may have signed: what `audit key` prints.")
    ] = None,
    policy: PolicyFile = None,
    shape: Format = Shape.TEXT,
) -> None:
    """Check a bundle, on any machine. Ends with 1 when anything in it was changed."""
    from ..reactions.evidence import origins
    from ..reactions.evidence import verify as verify_bundle
    from .audit_log import keys_for

    found = verify_bundle(file, keys_for(key, policy, origins(file) or ["garrison"]))
    if shape is Shape.JSON:
        print_json(found)
    else:
        out().print(safe(f"{found['incident']}: {found['files']} files and {found['proofs']} proofs hold"))


def _with(policy: Path | None, work: Callable[[Incidents, Opened], Awaitable[T]]) -> T:
    from ..reactions.incidents import Incidents
    from .ban_book import with_store

    return with_store(policy, lambda opened: work(Incidents(opened.records, opened.emit), opened))


async def _both(kept: Incidents, what: str) -> tuple[Incident, Sequence[Note]]:
    return await kept.get(what), await kept.notes(what)


def _counts(events: Sequence[Event], field: str) -> dict[str, int]:
    found = Counter(str(getattr(event, field)) for event in events if getattr(event, field))
    return dict(found.most_common(100))


def _show(incident: Incident, shape: Shape) -> None:
    if shape is Shape.JSON:
        print_json(asdict(incident))
    else:
        out().print(safe(f"{incident.id}: {incident.title} ({incident.severity}, {incident.state})"))


def _page(incident: Incident, notes: Sequence[Note], events: Sequence[Event]) -> None:
    _show(incident, Shape.TEXT)
    out().print(safe(f"since {_time(incident.since)}, events chosen by: {incident.where}"))
    for head, field in (("events", "name"), ("clients", "client"), ("users", "principal")):
        counted = _counts(events, field)
        said = ", ".join(f"{name} {count}" for name, count in list(counted.items())[:10])
        out().print(safe(f"{head}: {said or 'none'}"), soft_wrap=True)
    for one in notes:
        out().print(safe(f"{_time(one.when)}  {one.by} ({one.kind}): {one.text}"), soft_wrap=True)
    for event in events[-_SHOWN:]:
        who = event.client or event.principal or event.node
        out().print(safe(f"{event.time[:19]}  {event.name}  {who}  {event.path}"), soft_wrap=True)


def _time(when: float) -> str:
    return f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S} UTC"
