"""What a post-incident report says (NIST SP 800-61r3): facts from the record, and room for what only people know.

Built once as a `Page` and written as Markdown or HTML. Every text in it may be a client's; the writers make it inert.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..events.event import Event
    from ..reactions.affected import Affected
    from ..reactions.incidents import Incident, Note

MOST_ROWS: Final = 200
_OWN: Final = "incident_"
"""How events about the incident itself begin: its notes say the same, and more."""
_LISTED: Final = 100
_HOUR: Final = 3600
_CLOCKS: Final = (
    (24, "NIS2 Art. 23(4)(a), early warning; CRA Art. 14(2)(a), (4)(a); DORA (Delegated Regulation 2025/301)"),
    (72, "GDPR Art. 33(1), supervisory authority; NIS2 Art. 23(4)(b); CRA Art. 14(2)(b), (4)(b)"),
)
"""Hours after somebody became aware; the incident plan says which apply."""


@dataclass(frozen=True, slots=True)
class Part:
    """One section: paragraphs, then a table if it has heads. `blank`: people fill it in."""

    head: str
    said: Sequence[str] = ()
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A report. `mark` stands above everything, if there is one."""

    title: str
    about: str
    mark: str
    parts: Sequence[Part] = field(default_factory=tuple)


def page_of(incident: Incident, notes: Sequence[Note], events: Sequence[Event], found: Affected, now: float) -> Page:
    """The report of an incident."""
    parts = [
        Part("Summary", heads=("", ""), rows=list(_summary(incident, events))),
        Part("Alerts", *_alerts(events)),
        Part("Timeline", *_timeline(incident, notes, events)),
        *_concerned(found),
        Part("What was done", *_done(notes)),
        *([] if incident.drill else [Part("Legal clocks", [_CLOCK_NOTE], ("until", "what"), list(_clocks(incident)))]),
        Part("Effect", ["For users, for the service, in numbers."], blank=True),
        Part("Cause", ["The way in, since when it was open, and why nobody saw it."], blank=True),
        Part("What helped, what was missing", blank=True),
        Part("What we change", ["Who, what, until when."], blank=True),
    ]
    about = f"Incident {incident.id}, written {when(now)} from {len(events)} events on record."
    drill = f"DRILL {incident.drill}: this was an exercise. No attack took place, and no clock runs."
    return Page(incident.title, about, drill if incident.drill else "", parts)


_CLOCK_NOTE: Final = (
    "Counted from when the incident was opened. They run from becoming aware, which may have been earlier, and hold "
    "only where the law applies: the incident response plan says which, and counsel decides."
)


def when(moment: float) -> str:
    """A moment in words; empty for none."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else ""


def length(seconds: float) -> str:
    """How long that is: `45 s`, `3 min`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def chosen(incident: Incident) -> str:
    """Which events it is about, in words."""
    until = f" to {when(incident.until)}" if incident.until else ""
    return f"{incident.where or 'all'}, from {when(incident.since)}{until}"


def _summary(incident: Incident, events: Sequence[Event]) -> Iterator[tuple[str, str]]:
    yield "severity", incident.severity
    yield "state", incident.state
    yield "opened", f"{when(incident.opened)} by {incident.by}"
    yield "with", incident.assignee or "nobody"
    if incident.contained:
        took = length(max(0.0, incident.contained - incident.opened))
        yield "contained", f"{when(incident.contained)} by {incident.contained_by}, {took} after it was opened"
    if incident.state == "closed":
        yield "closed", f"{when(incident.until)} by {incident.closed_by or 'somebody'}"
    if events:
        yield "events", f"{len(events)}, the first {when(events[0].when)}, the last {when(events[-1].when)}"
    else:
        yield "events", "none on record"
    yield "chosen by", chosen(incident)


def _alerts(events: Sequence[Event]) -> tuple[list[str], Sequence[str], list[Sequence[str]]]:
    from ..events.vocabulary import EventName

    rows: list[Sequence[str]] = [
        (when(event.when), str(event.details.get("rule", "")), str(event.details.get("who", "")),
         f"{event.severity.value}, {event.details.get('confidence', '')}", str(event.details.get("attack", "")))
        for event in events if event.name is EventName.ALERT_RAISED
    ]  # fmt: skip
    said = [] if rows else ["None of the events it is about is an alert."]
    return said, ("when", "rule", "about", "severity, confidence", "ATT&CK") if rows else (), rows[:MOST_ROWS]


def _timeline(
    incident: Incident, notes: Sequence[Note], events: Sequence[Event]
) -> tuple[list[str], Sequence[str], list[Sequence[str]]]:
    """Runs of the same event by the same client as one row each, with what people did in between."""
    rows = [(note.when, f"{note.by}: {note.text}", note.kind, "") for note in notes]
    rows += [(incident.opened, f"{incident.by} opened the incident", "opened", "")]
    rows += list(_runs(events))
    rows.sort(key=lambda row: row[0])
    left = len(rows) - MOST_ROWS
    said = (
        [f"{left} rows in the middle are left out; timeline.jsonl of the bundle holds every event."] if left > 0 else []
    )
    half = MOST_ROWS // 2
    kept = [*rows[:half], *rows[-half:]] if left > 0 else rows
    return said, ("when", "what", "kind", "how often"), [(when(row[0]), *row[1:]) for row in kept]


def _runs(events: Sequence[Event]) -> Iterator[tuple[float, str, str, str]]:
    """`(first, what, name, how often)` for each run."""
    run: list[Event] = []
    for event in [*(one for one in events if not one.name.startswith(_OWN)), None]:
        if run and (event is None or (event.name, event.client) != (run[0].name, run[0].client)):
            first = run[0]
            who = first.client or first.principal or str(first.details.get("who", "")) or first.node
            what = " ".join(filter(None, (first.sentence, f"({who})" if who else "", first.path)))
            many = f"{len(run)}, until {when(run[-1].when)}" if len(run) > 1 else "1"
            yield first.when, what, first.name.value, many
            run = []
        if event is not None:
            run.append(event)


def _concerned(found: Affected) -> Iterator[Part]:
    said = [*found.untold]
    if found.read:
        said.insert(0, f"At least {found.read:,} bytes were read, as an alert has counted.")
    if found.stored:
        said.insert(0, f"{found.stored:,} bytes of files were received and kept.")
    yield Part("Who and what is concerned", said)
    for name, head in CONCERNED:
        counted: Mapping[str, int] = getattr(found, name)
        if counted:
            rows = [(value, str(count)) for value, count in list(counted.items())[:_LISTED]]
            left = len(counted) - len(rows) + found.left_out.get(name, 0)
            more = [f"{left} more are not listed."] if left else []
            yield Part(head, more, ("who or what", "events"), rows)


CONCERNED: Final = (
    ("principals", "Users"), ("entered", "Users who were logged in"), ("accounts", "Accounts that were tried"),
    ("sessions", "Sessions"), ("keys", "API keys"), ("clients", "Clients"), ("objects", "Objects and files"),
    ("routes", "Routes"),
)  # fmt: skip
"""Fields of `Affected`, and what they are called."""


def _done(notes: Sequence[Note]) -> tuple[list[str], Sequence[str], list[Sequence[str]]]:
    kinds = Counter(note.kind for note in notes)
    said = [] if kinds["containment"] else ["No containment is on record."]
    rows: list[Sequence[str]] = [(when(note.when), note.by, note.kind, note.text) for note in notes]
    return said, ("when", "who", "kind", "what") if rows else (), rows


def _clocks(incident: Incident) -> Iterator[tuple[str, str]]:
    for hours, what in _CLOCKS:
        yield f"{when(incident.opened + hours * _HOUR)} ({hours} h)", what
