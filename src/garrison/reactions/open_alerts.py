"""Alerts that somebody has to acknowledge, and messages that wait for the morning: in the store, once for all nodes.

Threat: the one who is told sleeps, or the mail is not delivered, and nobody else hears. So an alert stays open until
somebody says that they have it; whichever node comes first tells the next step, and no other does. Who died in the
middle of telling is relieved after `LEASE` seconds: then it may be told twice, and never not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..core.errors import OperatorError
from ..core.ports import Detail, Emit, Record, Records
from ..events.event import Event
from ..events.vocabulary import EventName

OPEN: Final = "alert-open"
HELD: Final = "alert-held"
_TURN: Final = "alert-held-turn"
LEASE: Final = 15.0
_KEPT: Final = 7 * 86_400.0
_MOST: Final = 500
WAITING, OVER, ACKNOWLEDGED = "waiting", "over", "acknowledged"


class NoSuchAlert(OperatorError):
    """No alert of that id waits for anybody."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"No open alert goes by {what!r}.", remedy="`garrison alerts ack` without an id lists them.",
            reference="docs/detection/alerts.md",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ladder:
    """`steps` of receivers in order, and how long each has (`wait`, seconds)."""

    steps: tuple[int, ...]
    wait: float

    def after(self, step: int) -> int | None:
        """The step after `step`; None for none."""
        return next((one for one in self.steps if one > step), None)


async def open_alert(records: Records, event: Event, ladder: Ladder, *, due: float, step: int = 0) -> None:
    """Remember the alert of `event`, unless it is known. Raises `DependencyError`."""
    told = event.details
    data: dict[str, Detail] = {
        "state": WAITING if ladder.after(step) is not None else OVER, "step": step, "due": due, "by": "",
        "since": event.when, "rule": told.get("rule"), "title": told.get("title"), "who": told.get("who"),
        "severity": event.severity.value, "event": event.to_json(), "all": 1,
    }  # fmt: skip
    await records.put(OPEN, str(told["alert"]), data, expires=event.when + _KEPT, expect=0)


async def hurry(records: Records, alert: str, step: int) -> None:
    """What `step` was told did not arrive: the next one's turn is now. Raises `DependencyError`."""
    found = await records.get(OPEN, alert)
    if found is not None and found.data["state"] == WAITING and found.data["step"] == step:
        await records.put(OPEN, alert, {**found.data, "due": 0.0}, expires=found.expires, expect=found.version)


async def escalate_due(records: Records, ladder: Ladder, emit: Emit, now: float) -> int:
    """Tell the next step of every alert whose time has run out; how many. Raises `DependencyError`."""
    told = 0
    for found in await records.find(OPEN, "state", WAITING, limit=_MOST):
        due = float(found.data["due"] or 0)
        if due <= now:
            told += await _escalate(records, found, ladder, emit, now)
        elif due > now + max(ladder.wait, LEASE) + 1.0:  # the clock was set back: nobody waits longer than `wait` again
            data = {**found.data, "due": now + ladder.wait}
            await records.put(OPEN, found.id, data, expires=found.expires, expect=found.version)
    return told


async def _escalate(records: Records, found: Record, ladder: Ladder, emit: Emit, now: float) -> bool:
    step = ladder.after(int(found.data["step"] or 0))
    if step is None:  # the policy has fewer steps than it had
        await records.put(OPEN, found.id, {**found.data, "state": OVER}, expires=found.expires, expect=found.version)
        return False
    data = {**found.data, "due": now + LEASE}
    mine = await records.put(OPEN, found.id, data, expires=found.expires, expect=found.version)
    if mine is None:
        return False
    _tell_of(found, emit, step)
    state = WAITING if ladder.after(step) is not None else OVER
    data = {**data, "step": step, "due": now + ladder.wait, "state": state}
    await records.put(OPEN, found.id, data, expires=found.expires, expect=mine.version)  # an answer meanwhile wins
    return True


def _tell_of(found: Record, emit: Emit, step: int) -> None:
    try:
        tell(emit, Event.from_dict(json.loads(str(found.data["event"]))), step)
    except ValueError:  # of another version, or somebody wrote into the store: what is known is told all the same
        known = {name: found.data.get(name) for name in ("rule", "title", "who", "severity")}
        emit(EventName.ALERT_ESCALATED, None, **known, alert=found.id, step=step, confidence="high")


def tell(emit: Emit, event: Event, step: int) -> None:
    """Let the receivers of `step` know what `event` said."""
    emit(EventName.ALERT_ESCALATED, None, **{**event.details, "severity": event.severity.value, "step": step,
                                             "raised": event.time[:19]})  # fmt: skip


async def acknowledge(records: Records, what: str, emit: Emit, *, by: str) -> tuple[Record, bool]:
    """Somebody has it; the record, and whether it was open until now. Raises `NoSuchAlert` and `DependencyError`."""
    while True:
        found = await records.get(OPEN, what)
        if found is None:
            raise NoSuchAlert(what)
        if found.data["state"] == ACKNOWLEDGED:
            return found, False
        data = {**found.data, "state": ACKNOWLEDGED, "by": by}
        done = await records.put(OPEN, what, data, expires=found.expires, expect=found.version)
        if done is not None:
            emit(
                EventName.ALERT_ACKNOWLEDGED, None, alert=what, rule=found.data["rule"], step=found.data["step"], by=by
            )
            return done, True


async def opened(records: Records) -> list[Record]:
    """Those that nobody has acknowledged, the newest first. Raises `DependencyError`."""
    found = [one for state in (WAITING, OVER) for one in await records.find(OPEN, "state", state, limit=_MOST)]
    return sorted(found, key=lambda one: -float(one.data["since"] or 0))


async def hold(records: Records, receiver: str, event: Event) -> None:
    """Keep `event` for `receiver` until its quiet hours are over. Raises `DependencyError`."""
    name = hashlib.blake2b(f"{receiver}\0{event.run}\0{event.seq}".encode(), digest_size=9).hexdigest()
    data: dict[str, Detail] = {"receiver": receiver, "event": event.to_json()}
    await records.put(HELD, name, data, expires=event.when + _KEPT)


async def release(records: Records, receiver: str, now: float) -> Sequence[Event]:
    """What was held for `receiver`, in order, if it is ours to send. Raises `DependencyError`."""
    found = await records.find(HELD, "receiver", receiver, limit=_MOST)
    if not found or await records.put(_TURN, receiver, {}, expires=now + LEASE, expect=0) is None:
        return ()  # nothing, or another node sends it: in one message, not in two halves
    mine = [event for one in found if await records.delete(HELD, one.id) and (event := _event_of(one)) is not None]
    return sorted(mine, key=lambda one: one.when)


def _event_of(held: Record) -> Event | None:
    try:
        return Event.from_dict(json.loads(str(held.data["event"])))
    except ValueError:  # of another version: the log has it
        return None
