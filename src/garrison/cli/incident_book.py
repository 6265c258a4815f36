"""What the commands of `garrison incident` share: the incidents of a policy, and the events an incident is about."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from .options import event_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from ..events.event import Event
    from ..reactions.incidents import Incident, Incidents, Note
    from .ban_book import Opened

    T = TypeVar("T")

Id = Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")]
MOST_EVENTS: Final = 20_000
_NAMES_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Timeline:
    """The events of an incident in order, the newest `MOST_EVENTS` of them.

    left_out   older ones that are not among them
    policies   what was put to work (`policy_loaded`) within its time, and the last one before
    """

    events: Sequence[Event]
    left_out: int
    policies: Sequence[Event]


def with_incidents(policy: Path | None, work: Callable[[Incidents, Opened], Awaitable[T]]) -> T:
    """What `work` returns. Raises `BansUnreachable` and what the store raises."""
    from ..reactions.incidents import Incidents
    from .ban_book import with_store

    return with_store(policy, lambda opened: work(Incidents(opened.records, opened.emit), opened))


def read(policy: Path | None, what: str) -> tuple[Incident, Sequence[Note]]:
    """An incident and its notes. Raises `NoSuchIncident`."""

    async def both(kept: Incidents, _: Opened) -> tuple[Incident, Sequence[Note]]:
        return await kept.get(what), await kept.notes(what)

    return with_incidents(policy, both)


def timeline(incident: Incident, policy: Path | None, state: Path | None) -> Timeline:
    """The incident's events that the store holds, and what Garrison did about those who caused them. Raises
    `NoEvents`."""
    from ..events.filter import compile_filter
    from ..events.query import scan
    from ..events.vocabulary import EventName

    test, count = compile_filter(incident.where), 0
    found: deque[Event] = deque(maxlen=MOST_EVENTS)
    policies: list[Event] = []
    names: set[str] = set()
    store = event_store(policy, state)
    for stored in scan(store, incident.since):
        event = stored.event
        if incident.until and event.when > incident.until:
            continue
        if event.name is EventName.POLICY_LOADED:
            policies.append(event)
        if event.drill != incident.drill:
            continue  # an exercise is no part of an attack, nor an attack of an exercise
        about = test(event)
        if about and len(names) < _NAMES_KEPT:
            names.update(filter(None, (event.client, event.client_key, event.principal)))
        if about or _follows(event, names):
            found.append(event)
            count += 1
    before = next((one.event for one in scan(store, newest_first=True)
                   if one.event.name is EventName.POLICY_LOADED and one.event.when < incident.since), None)  # fmt: skip
    kept = list(found)
    return Timeline(kept, count - len(kept), [*([before] if before else []), *policies])


def _follows(event: Event, names: set[str]) -> bool:
    """Whether it is an alert or a reaction about one of `names`: those have no client of their own."""
    from ..events.vocabulary import EventName

    answers = (EventName.ALERT_RAISED, EventName.REACTION_TAKEN, EventName.REACTION_UNDONE, EventName.BAN_SET,
               EventName.BAN_LIFTED, EventName.REACTION_WITHHELD)  # fmt: skip
    if event.name not in answers:
        return False
    details = event.details
    target = str(details.get("target", "")).removeprefix("principal:")
    return bool(names & {str(details.get("who", "")), target})
