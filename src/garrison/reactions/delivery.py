"""Tell people, each receiver in a thread of its own; the ways to them are `channels`.

Threat: nobody hears, and nobody knows that nobody hears. So a message that is not taken is sent again until it is, its
failure is an event and a line on standard error, and `garrison alerts test` tries every receiver.

Alerts come in floods when it matters: after a message, what comes within `gather` seconds goes into the next; an alert
that comes twice (nodes, retries) is told once. What must wait for the morning, and what was not taken,
goes to the `desk`. Lets pass: what waited here is lost with the process; the events are not.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ..core.ports import Detail, Emit, Reveal
from ..detection.rule import Rule
from ..events.event import Event
from ..events.exports.outlet import Outlet, told_apart
from ..events.lanes import Lane
from ..events.terms import Severity
from ..events.vocabulary import EventName
from ..policy.quiet_hours import quiet_at
from ..policy.section_alerts import AlertReceiver, AlertsSection
from .channels import Channel, channel_for
from .desk import Desk, Quiet
from .message import ALERTS, TOLD, compose, name_of

_SURE: Final = {"low": 0, "medium": 1, "high": 2}
_REMEMBERED: Final = 2000
_WAITING: Final = 5000


class AlertWriter:
    """A `Writer` for alerts; everything else it is given is done with at once.

    acknowledge  alerts from this severity on are to be acknowledged
    not_taken    hears the id of each alert that was not taken, and the receiver's step, once
    """

    def __init__(
        self,
        channel: Channel,
        receiver: AlertReceiver,
        rules: Mapping[str, Rule],
        acknowledge: Severity | None = None,
        not_taken: Callable[[str, int], None] = lambda alert, step: None,
    ) -> None:
        self.name = channel.name
        self._channel, self._rules = channel, rules
        self._sure, self._gather, self._step = _SURE[receiver.confidence], receiver.gather, receiver.step
        self._acknowledge, self._not_taken = acknowledge, not_taken
        self._failed: OrderedDict[str, None] = OrderedDict()
        self.delivered: Callable[[Sequence[Event]], None] = lambda events: None
        """Told what the channel has taken."""
        self._told: OrderedDict[str, None] = OrderedDict()
        self._free = 0.0

    def use(self, channel: Channel) -> None:
        """Tell by `channel` from the next message on: the receiver's address is another."""
        self._channel = channel

    def open(self) -> None:
        """Each message is a connection of its own."""

    def write(self, events: Sequence[Event]) -> int:
        wanted = [event for event in events if self.wants(event)]
        if wanted:
            try:
                self._channel.send(compose(wanted, self._rules, self._acknowledge), wanted)
            except Exception:
                self._tell_failed(wanted)
                raise
            self._free = time.monotonic() + self._gather
            for event in wanted:
                _remember(self._told, name_of(event))
            self.delivered(wanted)
        return len(events)

    def _tell_failed(self, wanted: Sequence[Event]) -> None:
        for event in wanted:
            if event.name in ALERTS and name_of(event) not in self._failed:
                _remember(self._failed, name_of(event))
                self._not_taken(str(event.details.get("alert")), self._step)

    def pause(self) -> float:
        """Seconds until the next message may go."""
        return max(0.0, self._free - time.monotonic())

    def close(self) -> None:
        """Nothing is kept."""

    def wants(self, event: Event) -> bool:
        """Whether this receiver is to be told of `event`, and was not yet."""
        if event.name not in TOLD or name_of(event) in self._told:
            return False
        step = event.details.get("step") if event.name is EventName.ALERT_ESCALATED else 0
        sure = _SURE.get(str(event.details.get("confidence")), 0)
        return step == self._step and (event.name not in ALERTS or sure >= self._sure)


def _remember(known: OrderedDict[str, None], name: str) -> None:
    known[name] = None
    while len(known) > _REMEMBERED:
        known.popitem(last=False)


def _taken(receiver: str, events: Sequence[Event]) -> dict[str, Detail]:
    """Which alerts a receiver took. It belongs to a drill when all of them do."""
    drills = {event.drill for event in events}
    said: dict[str, Detail] = {"receiver": receiver, "count": len(events), "alerts": " ".join(map(name_of, events))}
    return said | ({"drill": drills.pop()} if len(drills) == 1 else {})


class Gathering(Outlet):
    """An outlet that lets alerts wait until the next message may go. Only what people are told waits in it.

    `hold` is asked first, and keeps what it takes: what must not be told in quiet hours.
    """

    def __init__(self, writer: AlertWriter, least: Severity, emit: Emit, alarm: Callable[[str], None]) -> None:
        super().__init__(writer, least, _WAITING, emit, alarm)
        self.alerts = writer
        writer.delivered = lambda events: emit(EventName.ALERT_DELIVERED, None, **_taken(writer.name, events))
        self.hold: Callable[[Event], bool] = lambda event: False

    def write(self, events: Sequence[Event]) -> int:
        told = [event for event in events if event.name in TOLD and event.severity.syslog <= self._least]
        self.tell([event for event in told if not (self.alerts.wants(event) and self.hold(event))])
        return len(events)

    def tell(self, events: Sequence[Event]) -> None:
        """Send `events`, whatever the hour."""
        super().write(events)

    def turn(self, lane: Lane) -> bool:
        """As an outlet does, but while a message may not go yet, what came is only put with the rest."""
        if self._end or not self.alerts.pause():
            return super().turn(lane)
        with self._lock:
            fresh, self._fresh = self._fresh, []
        lane.offer(fresh)  # what waits in a lane is looked at again within a second
        return False


def build_delivery(
    section: AlertsSection, rules: Sequence[Rule], key: bytes, emit: Emit, alarm: Callable[[str], None], reveal: Reveal,
    desk: Desk | None = None, wall: Callable[[], float] = time.time,
) -> list[Gathering]:  # fmt: skip
    """An outlet for every receiver. `desk` escalates, and keeps what must wait. Raises as `channel_for`."""
    known = {rule.id: rule for rule in rules}
    found = []
    kept = told_apart(f"{one.step}\0{one.to}" for one in section.receivers)
    for one, which in zip(section.receivers, kept, strict=True):
        channel = channel_for(one, key, reveal)
        writer = AlertWriter(channel, one, known)
        if desk is not None and section.escalate:
            writer = AlertWriter(channel, one, known, Severity(section.escalate_least), desk.not_taken)
        found.append(Gathering(writer, Severity(one.least), emit, alarm))
        if desk is not None:  # without quiet hours, what was held while it had some is sent at once
            keep_quiet(found[-1], one, which, desk, wall)
    for outlet, name in zip(found, told_apart(one.name for one in found), strict=True):
        outlet.name = outlet.alerts.name = name
    return found


def keep_quiet(outlet: Gathering, receiver: AlertReceiver, which: str, desk: Desk, wall: Callable[[], float]) -> None:
    """Let `desk` keep what `outlet` must not send in its quiet hours, under a digest of `which`, since an address may
    hold a password."""
    name = hashlib.blake2b(which.encode(), digest_size=9).hexdigest()
    wakes = Severity(receiver.wakes).syslog

    def quiet(now: float) -> bool:
        return quiet_at(receiver.quiet, receiver.zone, now)

    def hold(event: Event) -> bool:
        if event.severity.syslog <= wakes or not quiet(wall()):
            return False
        desk.hold(name, event)
        return True

    outlet.hold = hold
    desk.quiet[name] = Quiet(quiet, outlet.tell)
