"""Incidents: what belongs together, what was done about it, and the notes of who worked on it (NIST SP 800-61r3).

An incident names events by a filter and a time, so its timeline is made of what is on record and not of what somebody
copied. What is kept here is small: title, severity, state, filter, notes. Each change is an event, with who did it.

Assumption: who may run the command may speak in its name; notes are as true as their writers. Lets pass: events that
the store no longer holds (`events.keep`) are missing from the timeline, and the audit log still has them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
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
_TRIES: Final = 5


class NoSuchIncident(OperatorError):
    """No incident has that id."""

    def __init__(self, what: str) -> None:
        super().__init__(f"No incident goes by {what!r}.", remedy="`garrison incident list` shows them.")


class IncidentClosed(OperatorError):
    """It is closed, and what is closed is not changed any more."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The incident {what} is closed.", remedy="Open another one that names it.")


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. `where` chooses its events, from `since` to `until` (0: until it is closed); wall time."""

    id: str
    title: str
    severity: str
    state: str
    where: str
    since: float
    until: float
    opened: float
    by: str

    @classmethod
    def of(cls, record: Record) -> Incident:
        data = record.data

        def number(name: str) -> float:
            return float(data[name] or 0)

        return cls(
            record.id, str(data["title"]), str(data["severity"]), str(data["state"]), str(data["where"]),
            number("since"), number("until"), number("opened"), str(data["by"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about an incident, or did: `kind` is "note" or "containment"."""

    when: float
    by: str
    kind: str
    text: str


class Incidents:
    """The incidents in `records`. Every method raises `DependencyError` when the store is away."""

    def __init__(self, records: Records, emit: Emit) -> None:
        self._records, self._emit = records, emit

    async def open(self, title: str, severity: Severity, where: str, since: float, *, by: str, now: float) -> Incident:
        """A new incident. Raises `FilterWrong`."""
        compile_filter(where)
        data: dict[str, Detail] = {
            "title": title[:_TITLE], "severity": severity.value, "state": "open", "where": where, "since": since,
            "until": 0.0, "opened": now, "by": by, "all": 1,
        }  # fmt: skip
        record = await self._records.put(KIND, f"i{secrets.token_hex(4)}", data, expect=0)
        if record is None:
            raise DependencyError("The incident could not be written: its id was taken. Try again.")
        self._emit(EventName.INCIDENT_OPENED, None, incident=record.id, title=title[:_TITLE], severity=severity.value,
                   by=by)  # fmt: skip
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
        data: dict[str, Detail] = {"incident": what, "when": now, "by": by, "kind": kind, "text": text[:_TEXT]}
        await self._records.put(NOTE, f"n{secrets.token_hex(8)}", data, expect=0)
        self._emit(EventName.INCIDENT_CHANGED, None, incident=what, change=kind, by=by)

    async def turn(self, what: str, state: str, *, by: str, now: float) -> Incident:
        """Put it into `state`. A closed one takes no further. Raises `NoSuchIncident`, `IncidentClosed`."""
        for _ in range(_TRIES):
            record = await self._records.get(KIND, what)
            if record is None:
                raise NoSuchIncident(what)
            if record.data["state"] == "closed":
                raise IncidentClosed(what)
            until = now if state == "closed" else 0.0
            data = {**record.data, "state": state, "until": until}
            written = await self._records.put(KIND, what, data, expect=record.version)
            if written is not None:
                self._emit(EventName.INCIDENT_CHANGED, None, incident=what, change=state, by=by)
                return Incident.of(written)
        raise DependencyError("The incident could not be written: somebody writes it all the time.")
