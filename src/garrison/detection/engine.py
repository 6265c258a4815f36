"""The engine: all rules over one stream of events. `(state, event) -> (state, alerts)`, the state being its own.

An event meets only the rules that name it. An alert is not repeated for the same rule and key until its cool-down is
over. Alerts are events too, and never looked at: a rule can't feed on itself. An event that is delivered twice counts
once (by `run` and `seq`), as far back as `_REMEMBERED` events of a run. Events of a drill are counted apart from all
others, so that an exercise never completes an attack, nor an attack an exercise.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from ..events.event import Event
from ..events.vocabulary import EventName
from .alert import Alert
from .folds import Fold, compile_fold
from .match import Read, reader
from .rule import Rule
from .table import Budget, Table

_REMEMBERED: Final = 4096
_RUNS: Final = 1000
OWN: Final = frozenset({EventName.ALERT_RAISED, EventName.ALERT_DELIVERED, EventName.ALERT_ESCALATED})
_APART: Final = "\0"
"""Between a drill and whom it is about, in what rules remember: texts of events hold no such character."""


class Engine:
    """`feed` events in the order in which they come; `tick` tells the time, for what has not happened.

    rules  see `rule.rules_of`
    most   keys remembered over all rules together
    """

    def __init__(self, rules: Sequence[Rule], most: int) -> None:
        self.budget = Budget(most)
        self._by_name: dict[EventName, list[tuple[Fold, Read]]] = {}
        self._waiting: list[Fold] = []
        for rule in rules:
            fold, who = compile_fold(rule, self.budget), reader(rule.by)
            for name in {name for match in rule.matches for name in match.names}:
                self._by_name.setdefault(name, []).append((fold, who))
            if rule.kind == "absence":
                self._waiting.append(fold)
        self._quiet: Table[float] = Table(self.budget)
        self._seen: OrderedDict[str, tuple[set[int], deque[int]]] = OrderedDict()

    @property
    def names(self) -> Collection[EventName]:
        """Names of the events that any rule looks at."""
        return self._by_name.keys()

    def feed(self, event: Event) -> list[Alert]:
        """The alerts that this event completes."""
        folds = self._by_name.get(event.name)
        if folds is None or event.name in OWN or self._again(event):
            return []
        found, apart = [], f"{event.drill}{_APART}" if event.drill else ""
        for fold, read in folds:
            who = read(event)
            if who and (spoken := fold.feed(event, apart + who)) is not None:
                alert = Alert(fold.rule, who, event.when, spoken[0], spoken[1], event)
                if self._speaks(alert):
                    found.append(alert)
        return found

    def feed_all(self, events: Iterable[Event]) -> list[Alert]:
        """The alerts of all of them."""
        return [alert for event in events for alert in self.feed(event)]

    def tick(self, now: float) -> list[Alert]:
        """The alerts about what should have happened by `now` (wall time)."""
        late = ((fold.rule, who, event) for fold in self._waiting for who, event in fold.overdue(now))
        found = [Alert(rule, who.rpartition(_APART)[2], now, 1, False, event) for rule, who, event in late]
        return [alert for alert in found if self._speaks(alert)]

    def _speaks(self, alert: Alert) -> bool:
        until = self._quiet.get(alert.key)
        if until is not None and alert.when < until:
            return False
        self._quiet.put(alert.key, alert.when + alert.rule.cooldown)
        return True

    def _again(self, event: Event) -> bool:
        if not event.run:
            return False
        known = self._seen.get(event.run)
        if known is None:
            if len(self._seen) >= _RUNS:
                self._seen.popitem(last=False)
            known = self._seen[event.run] = (set(), deque())
        numbers, order = known
        if event.seq in numbers:
            return True
        numbers.add(event.seq)
        order.append(event.seq)
        if len(order) > _REMEMBERED:
            numbers.discard(order.popleft())
        return False
