"""What a person is told: what happened, how sure that is, what was done, what to do next. Pure.

Text of clients stands in it (paths never, addresses and identities yes); events have made it printable and short.
What a drill raised stands apart, after all else, and says that it is one; a title calls a message a drill only when
nothing in it is meant in earnest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..detection.rule import Rule
from ..events.event import Event
from ..events.terms import Severity
from ..events.vocabulary import EventName

ALERTS: Final = frozenset({EventName.ALERT_RAISED, EventName.ALERT_ESCALATED})
TOLD: Final = ALERTS | {EventName.REACTION_TAKEN, EventName.REACTIONS_SPENT}
_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `title` is one line."""

    title: str
    text: str


def name_of(event: Event) -> str:
    """What a receiver knows an event of `TOLD` by: the same whichever node tells it, and however often."""
    if event.name is EventName.ALERT_ESCALATED:
        return f"{event.details.get('alert')}/{event.details.get('step')}"
    told = event.details.get("alert" if event.name is EventName.ALERT_RAISED else "reaction")
    return str(told or f"{event.run}-{event.seq}")


def compose(events: Sequence[Event], rules: Mapping[str, Rule], acknowledge: Severity | None = None) -> Message:
    """One message of `events`, whose names are in `TOLD`; alerts of one rule stand together.

    From the severity `acknowledge` on it says how to say that one has it.
    """
    by_rule: dict[tuple[str, str], list[Event]] = {}
    for event in sorted(events, key=lambda one: one.drill):  # what is meant in earnest has none, and comes first
        if event.name in ALERTS:
            by_rule.setdefault((event.drill, str(event.details.get("rule", ""))), []).append(event)
    parts = [_marked(drill, _about(found, rules.get(name), acknowledge)) for (drill, name), found in by_rule.items()]
    done = [_done(event) for event in events if event.name not in ALERTS]
    if done:
        parts.append("\n".join(["Done:", *done[:_LINES], *_rest(len(done))]))
    return Message(_title(by_rule, len(done)), "\n\n".join(parts))


def _marked(drill: str, text: str) -> str:
    return f"DRILL {drill}: an exercise, no attack. Act as if it were one.\n{text}" if drill else text


def _title(by_rule: Mapping[tuple[str, str], Sequence[Event]], done: int) -> str:
    every = [event for events in by_rule.values() for event in events]
    found = [event for event in every if not event.drill]
    if not every or (done and not found):
        return f"Garrison: {done} reaction{'s' if done > 1 else ''}"
    if not found:
        return f"[DRILL {every[0].drill}] {_named(every)}"
    return _named(found)


def _named(found: Sequence[Event]) -> str:
    gravest = min(found, key=lambda event: event.severity.syslog)
    title = str(gravest.details.get("title", "An alert"))
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    late = "not acknowledged: " if any(event.name is EventName.ALERT_ESCALATED for event in found) else ""
    return f"[{gravest.severity.value}] {late}{title}: {gravest.details.get('who', '')}{more}"


def _about(found: Sequence[Event], rule: Rule | None, acknowledge: Severity | None) -> str:
    first = found[0].details
    lines = [f"{first.get('title')} ({found[0].severity.value}, confidence {first.get('confidence')})"]
    if rule is not None:
        lines.append(rule.means)
    lines += [f"- {_line(one)}" for one in found[:_LINES]]
    lines += _rest(len(found))
    wanted = [one for one in found[:_LINES] if acknowledge is not None and one.severity.syslog <= acknowledge.syslog]
    if wanted:
        lines.append(f"Have it: garrison alerts ack {' '.join(str(one.details.get('alert')) for one in wanted)}")
    if rule is not None:
        lines.append(f"Do: {rule.next}")
    lines.append(f"Runbook: {first.get('runbook')}")
    if first.get("playbook"):
        lines.append(f"Playbook: {first['playbook']}")
    return "\n".join(lines)


def _line(event: Event) -> str:
    """When, who, how much and where; the id, by which a second of the same is known."""
    told = event.details
    when, where = told.get("raised") or event.time[:19], event.node or "this machine"
    who = f"{told.get('by')} {told.get('who')}: {told.get('count')} within {told.get('window')} s"
    return f"{when} UTC  {who}, on {where} ({told.get('alert')})"


def _done(event: Event) -> str:
    if event.name is EventName.REACTIONS_SPENT:
        return "- The budget of reactions is spent: no further client is met."
    data = event.details
    return f"- {data.get('kind')} of {data.get('target')} for {data.get('seconds')} s. Undo: {data.get('undo')}"


def _rest(count: int) -> list[str]:
    return [f"- and {count - _LINES} more"] if count > _LINES else []
