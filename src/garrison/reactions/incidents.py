"""Incidents: what belongs together, what was done about it, and the notes of who worked on it (NIST SP 800-61r3).

An incident names events by a filter and a time, so its timeline is made of what is on record and not of what somebody
copied. What is kept here is small: title, severity, state, filter, notes. Each change is an event, with who did it.

Assumption: who may run the command may speak in its name; notes are as true as their writers. Lets pass: events that
the store no longer holds (`events.keep`) are missing from the timeline, and the audit log still has them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..core.errors import DependencyError, OperatorError
from ..core.ports import Detail, Emit, Record, Records
from ..events.filter import compile_filter
from ..events.terms import Severity
from ..events.vocabulary import EventName

KIND: Final = "incident"
NOTE: Final = "incident-note"
STATES: Final = ("open", "contained", "closed")
_MOST: Final = 1000
_TEXT: Final = 4000
_TITLE: Final = 200
_NAME: Final = 100
_TRIES: Final = 5


class NoSuchIncident(OperatorError):
    """No incident has that id."""

    def __init__(self, what: str) -> None:
        super().__init__(f"No incident goes by {what!r}.", remedy="`garrison incident list` shows them.")


class IncidentClosed(OperatorError):
    """It is closed, and what is closed is not changed any more."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The incident {what} is closed.", remedy="Open another one that names it.")


class BadAssignee(OperatorError):
    """Nobody can have that name."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__(
            f"An incident is given to somebody by name: 1 to {_NAME} printable characters.",
            remedy='For example: garrison incident assign ID "Ada Lovelace"',
        )


class AlreadyTheirs(OperatorError):
    """They have it already."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"The incident {what} is with {name} already.")


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. `where` chooses its events, from `since` to `until` (0: until it is closed); wall time.

    assignee    who has it, by name; "" for nobody
    contained   when it was first contained, 0 while it was not; `contained_by`, `closed_by` say who did
    drill       the drill it is of; "" for what is meant in earnest
    """

    id: str
    title: str
    severity: str
    state: str
    where: str
    since: float
    until: float
    opened: float
    by: str
    assignee: str = ""
    contained: float = 0.0
    contained_by: str = ""
    closed_by: str = ""
    drill: str = ""

    @classmethod
    def of(cls, record: Record) -> Incident:
        data = record.data

        def number(name: str) -> float:
            return float(data.get(name) or 0)

        def text(name: str) -> str:  # what an older version has written lacks some
            return str(data.get(name) or "")

        return cls(
            record.id, text("title"), text("severity"), text("state"), text("where"), number("since"), number("until"),
            number("opened"), text("by"), text("assignee"), number("contained"), text("contained_by"),
            text("closed_by"), text("drill"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about an incident, or did: `kind` is "note", "containment" or "assignment"."""

    when: float
    by: str
    kind: str
    text: str


class Incidents:
    """The incidents in `records`. Every method raises `DependencyError` when the store is away."""

    def __init__(self, records: Records, emit: Emit) -> None:
        self._records, self._emit = records, emit

    async def open(
        self, title: str, severity: Severity, where: str, since: float, *, by: str, now: float, drill: str = ""
    ) -> Incident:
        """A new incident; with `drill`, one of a drill. Raises `FilterWrong`."""
        compile_filter(where)
        data: dict[str, Detail] = {
            "title": title[:_TITLE], "severity": severity.value, "state": "open", "where": where, "since": since,
            "until": 0.0, "opened": now, "by": by, "all": 1, "drill": drill,
        }  # fmt: skip
        record = await self._records.put(KIND, f"i{secrets.token_hex(4)}", data, expect=0)
        if record is None:
            raise DependencyError("The incident could not be written: its id was taken. Try again.")
        self._emit(EventName.INCIDENT_OPENED, None, incident=record.id, title=title[:_TITLE], severity=severity.value,
                   by=by, drill=drill)  # fmt: skip
        return Incident.of(record)

    async def list(self) -> list[Incident]:
        """All, the newest first."""
        found = await self._records.find(KIND, "all", 1, limit=_MOST)
        return sorted(map(Incident.of, found), key=lambda one: -one.opened)

    async def get(self, what: str) -> Incident:
        """The incident called `what`. Raises `NoSuchIncident`."""
        record = await self._records.get(KIND, what)
        if record is None:
            raise NoSuchIncident(what)
        return Incident.of(record)

    async def notes(self, what: str) -> Sequence[Note]:
        """Its notes, the oldest first."""
        found = await self._records.find(NOTE, "incident", what, limit=_MOST)
        made = [
            Note(float(one.data["when"] or 0), str(one.data["by"]), str(one.data["kind"]), str(one.data["text"]))
            for one in found
        ]
        return sorted(made, key=lambda note: note.when)

    async def note(self, what: str, text: str, *, by: str, now: float, kind: str = "note") -> None:
        """Write a note. Raises `NoSuchIncident`, `IncidentClosed`."""
        incident = await self.get(what)
        if incident.state == "closed":
            raise IncidentClosed(what)
        await self._write(what, text, by, now, kind)
        self._tell(incident, kind, by)

    async def assign(self, what: str, assignee: str, *, by: str, now: float) -> Incident:
        """Give it to `assignee`; who had it before stands in its notes. Raises `NoSuchIncident`, `IncidentClosed`,
        `BadAssignee`, and `AlreadyTheirs` when they have it already."""
        name = " ".join(assignee.split())
        if not 0 < len(name) <= _NAME or not name.isprintable():
            raise BadAssignee
        before, changed = await self._change(what, lambda data: _assigned(what, data, name))
        text = f"to {name}" + (f", from {before.assignee}" if before.assignee else "")
        await self._write(what, text, by, now, "assignment")
        self._tell(changed, "assigned", by, assignee=name)
        return changed

    async def turn(self, what: str, state: str, *, by: str, now: float) -> Incident:
        """Put it into `state`. A closed one takes no further. Raises `NoSuchIncident`, `IncidentClosed`."""
        _, changed = await self._change(what, lambda data: _turned(data, state, by, now))
        self._tell(changed, state, by)
        return changed

    async def _change(
        self, what: str, change: Callable[[Mapping[str, Detail]], Mapping[str, Detail]]
    ) -> tuple[Incident, Incident]:
        """It as it was and as it is, `change` made to its data, whoever else writes at the same time."""
        for _ in range(_TRIES):
            record = await self._records.get(KIND, what)
            if record is None:
                raise NoSuchIncident(what)
            if record.data["state"] == "closed":
                raise IncidentClosed(what)
            written = await self._records.put(KIND, what, {**record.data, **change(record.data)}, expect=record.version)
            if written is not None:
                return Incident.of(record), Incident.of(written)
        raise DependencyError("The incident could not be written: somebody writes it all the time.")

    def _tell(self, incident: Incident, change: str, by: str, **more: Detail) -> None:
        named = {"incident": incident.id, "change": change, "by": by, "drill": incident.drill}
        self._emit(EventName.INCIDENT_CHANGED, None, **named, **more)

    async def _write(self, what: str, text: str, by: str, now: float, kind: str) -> None:
        data: dict[str, Detail] = {"incident": what, "when": now, "by": by, "kind": kind, "text": text[:_TEXT]}
        await self._records.put(NOTE, f"n{secrets.token_hex(8)}", data, expect=0)


def _assigned(what: str, data: Mapping[str, Detail], name: str) -> Mapping[str, Detail]:
    if data.get("assignee") == name:
        raise AlreadyTheirs(what, name)
    return {"assignee": name}


def _turned(data: Mapping[str, Detail], state: str, by: str, now: float) -> Mapping[str, Detail]:
    """The first containment counts: what comes after it widens it."""
    changed: dict[str, Detail] = {"state": state, "until": now if state == "closed" else 0.0}
    if state == "closed":
        changed["closed_by"] = by
    elif state == "contained" and not data.get("contained"):
        changed |= {"contained": now, "contained_by": by}
    return changed
