"""Drills: how long it takes until a simulated attack is seen, told of, and stopped. What is kept, and how it is read.

Times are those of the record, so that they say what an investigation would have found. The clock of detection begins
when the first request was sent, and ends with the alert; telling ends when a receiver has taken the message; containing
when an operator has run `garrison incident contain`.

Assumption: the command runs on a machine that the application writes its events on. Lets pass: a rule that speaks for
another reason within the same drill counts as well.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from ..core.ports import Detail, Record, Records
from ..events.event import Event
from ..events.vocabulary import EventName

KIND: Final = "drill"
_MOST: Final = 1000
_KEPT: Final = 3 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill; moments are wall time, 0 for what has not happened.

    scenario   what was simulated; `target` where, `requests` how many were sent
    began      when the first request was sent
    detected   the first alert, raised by `rule`; `alerted` when `receiver` had taken that `alert`
    """

    id: str
    incident: str
    scenario: str
    target: str
    by: str
    began: float
    requests: int = 0
    detected: float = 0.0
    rule: str = ""
    alert: str = ""
    alerted: float = 0.0
    receiver: str = ""

    @property
    def finished(self) -> bool:
        """Whether nothing more is to be waited for but a person."""
        return bool(self.detected and self.alerted)

    def seconds(self, moment: float) -> float | None:
        """From the first request to `moment`; None for what has not happened."""
        return max(0.0, moment - self.began) if moment else None


def new_id() -> str:
    """A name for a drill that nobody can guess."""
    return f"d{secrets.token_hex(6)}"


def observe(drill: Drill, events: Iterable[Event]) -> Drill:
    """`drill` with what `events` tell about it, in their order; what is known stays."""
    for event in events:
        if event.name is EventName.ALERT_DELIVERED and drill.alert and not drill.alerted:
            if drill.alert in str(event.details.get("alerts", "")).split():  # also beside alerts that are in earnest
                drill = replace(drill, alerted=event.when, receiver=str(event.details.get("receiver", "")))
        elif event.drill == drill.id:
            drill = _seen(drill, event)
    return drill


def _seen(drill: Drill, event: Event) -> Drill:
    if event.name is EventName.ALERT_RAISED and not drill.detected:
        rule, alert = str(event.details.get("rule", "")), str(event.details.get("alert", ""))
        return replace(drill, detected=event.when, rule=rule, alert=alert)
    return drill


async def keep(records: Records, drill: Drill) -> None:
    """Store it, for three years. Raises `DependencyError`."""
    data: dict[str, Detail] = {name: value for name, value in asdict(drill).items() if name != "id"}
    await records.put(KIND, drill.id, {**data, "all": 1}, expires=drill.began + _KEPT)


async def drill_of(records: Records, name: str) -> Drill | None:
    """The drill of that id. Raises `DependencyError`."""
    record = await records.get(KIND, name)
    return _drill(record) if record else None


async def drills(records: Records) -> Sequence[Drill]:
    """All on record, the newest first. Raises `DependencyError`."""
    found = await records.find(KIND, "all", 1, limit=_MOST)
    return sorted(map(_drill, found), key=lambda one: -one.began)


def _drill(record: Record) -> Drill:
    data = record.data

    def text(name: str) -> str:
        return str(data.get(name) or "")

    def number(name: str) -> float:
        return float(data.get(name) or 0)

    return Drill(
        record.id, text("incident"), text("scenario"), text("target"), text("by"), number("began"),
        int(number("requests")), number("detected"), text("rule"), text("alert"),
        number("alerted"), text("receiver"),
    )  # fmt: skip
