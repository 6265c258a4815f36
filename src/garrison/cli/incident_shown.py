"""How incidents are shown on a terminal, and as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from .incident_report import CONCERNED, chosen, length, when
from .output import out, safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from ..events.event import Event
    from ..reactions.affected import Affected
    from ..reactions.incidents import Incident, Note
    from .incident_book import Timeline

_SHOWN: Final = 40
_NAMED: Final = 10
_COLOURS: Final = {"critical": "bold red", "error": "red", "warning": "yellow"}
_STATES: Final = {"open": "bold red", "contained": "yellow", "closed": "green"}


def table(found: Sequence[Incident]) -> Table:
    """All incidents, a row each."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for head in ("id", "opened", "state", "severity", "with", "title", "by"):
        made.add_column(head, overflow="fold")
    for one in found:
        grave = f"{one.severity}, drill" if one.drill else one.severity
        made.add_row(
            safe(one.id), safe(when(one.opened)), safe(one.state, _STATES.get(one.state, "")),
            safe(grave, _COLOURS.get(one.severity, "")), safe(one.assignee or "nobody"), safe(one.title), safe(one.by),
        )  # fmt: skip
    return made


def one_line_of(incident: Incident) -> str:
    """An incident in a line."""
    mark = f"DRILL {incident.drill}, " if incident.drill else ""
    return f"{incident.id}: {incident.title} ({mark}{incident.severity}, {incident.state})"


def as_data(incident: Incident, notes: Sequence[Note], found: Timeline) -> dict[str, Any]:
    """What `--format json` prints."""
    from ..reactions.affected import affected

    return {
        **asdict(incident), "notes": [asdict(one) for one in notes], "events": len(found.events),
        "left_out": found.left_out, "clients": _counts(found.events, "client"),
        "principals": _counts(found.events, "principal"), "names": _counts(found.events, "name"),
        "affected": asdict(affected(found.events)),
    }  # fmt: skip


def page(incident: Incident, notes: Sequence[Note], found: Timeline) -> None:
    """An incident on a terminal."""
    from ..reactions.affected import affected

    screen = out()
    screen.print(safe(one_line_of(incident), _STATES.get(incident.state, "")))
    for line in _about(incident):
        screen.print(safe(line), soft_wrap=True)
    screen.print(safe(f"events: {_listed(_counts(found.events, 'name'))}"), soft_wrap=True)
    for line in concerned(affected(found.events)):
        screen.print(safe(line), soft_wrap=True)
    if found.left_out:
        screen.print(safe(f"{found.left_out} older events are not counted here."), soft_wrap=True)
    for one in notes:
        screen.print(safe(f"{when(one.when)}  {one.by} ({one.kind}): {one.text}"), soft_wrap=True)
    for event in found.events[-_SHOWN:]:
        who = event.client or event.principal or str(event.details.get("who", "")) or event.node
        screen.print(safe(f"{event.time[:19]}  {event.name}  {who}  {event.path}"), soft_wrap=True)


def concerned(found: Affected) -> list[str]:
    """Who and what it concerns, and what the record does not tell."""
    lines = []
    for name, head in CONCERNED:
        counted: Mapping[str, int] = getattr(found, name)
        if counted:
            lines.append(f"{head.lower()}: {_listed(counted, found.left_out.get(name, 0))}")
    if found.read:
        lines.append(f"read: at least {found.read:,} bytes")
    if found.stored:
        lines.append(f"received and kept: {found.stored:,} bytes")
    return [*lines, *(f"not told: {one}" for one in found.untold)]


def _about(incident: Incident) -> list[str]:
    lines = [f"with {incident.assignee or 'nobody'}; opened {when(incident.opened)} by {incident.by}"]
    if incident.contained:
        took = length(max(0.0, incident.contained - incident.opened))
        lines.append(f"contained {when(incident.contained)} by {incident.contained_by}, {took} after it was opened")
    if incident.state == "closed":
        lines.append(f"closed {when(incident.until)} by {incident.closed_by or 'somebody'}")
    return [*lines, f"events chosen by: {chosen(incident)}"]


def _listed(counted: Mapping[str, int], left: int = 0) -> str:
    said = ", ".join(f"{name} {count}" for name, count in list(counted.items())[:_NAMED])
    more = len(counted) - _NAMED + left
    return f"{said} and {more} more" if more > 0 else said or "none"


def _counts(events: Sequence[Event], field: str) -> dict[str, int]:
    found = Counter(str(getattr(event, field)) for event in events if getattr(event, field))
    return dict(found.most_common(100))
