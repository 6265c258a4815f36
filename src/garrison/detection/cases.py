"""Run the cases that a rule brings along: its own proof, in tests and before a rule of yours is put to work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..events.event import Event
from ..events.vocabulary import TERMS, EventName
from .engine import Engine
from .rule import Case, Rule, RuleWrong

_START: Final = 1_800_000_000.0
_PLENTY: Final = 100_000


def prove(rule: Rule) -> None:
    """Run all cases of `rule`. Raises `RuleWrong` for one that comes out otherwise than it says."""
    for case in rule.cases:
        try:
            raised = alerts_of(rule, case)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # events that are none
            raise RuleWrong(f"{rule.id}.toml", f"the case {case.says!r}: {type(error).__name__}: {error}") from None
        if raised != case.alerts:
            raise RuleWrong(f"{rule.id}.toml", f"the case {case.says!r} raises {raised} alerts, not {case.alerts}")


def alerts_of(rule: Rule, case: Case) -> int:
    """How many alerts `rule` raises for the events of `case`, the time after them included."""
    engine, events = Engine([rule], _PLENTY), events_of(case)
    raised = len(engine.feed_all(events))
    end = max((event.when for event in events), default=_START)
    return raised + len(engine.tick(end + (2 * rule.window if rule.kind == "absence" else 0)))


def events_of(case: Case) -> list[Event]:
    """The events of `case`, in order."""
    return sorted((event for given in case.events for event in _events(given)), key=lambda event: event.when)


def _events(given: Mapping[str, Any]) -> Iterator[Event]:
    name = EventName(given["name"])
    fields = {key: value for key, value in given.items() if key not in ("name", "at", "repeat", "every")}
    for number in range(given.get("repeat", 1)):
        filled = {key: _filled(value, number) for key, value in fields.items()}
        if "client" in filled:
            filled.setdefault("client_key", filled["client"])
        yield Event.from_dict(
            {
                "when": _START + given.get("at", 0) + number * given.get("every", 1),
                "name": name,
                "severity": TERMS[name].severity,
                "outcome": TERMS[name].outcome,
                **filled,
            }
        )


def _filled(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, Mapping):
        return {key: _filled(one, number) for key, one in value.items()}
    return value
