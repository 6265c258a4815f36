"""Folds: a rule with what it remembers. Each takes an event and says whether the rule speaks now.

`feed` gives `(count, held)` when it does. What decides is pure (`steps`); this only keeps the entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Protocol, TypeAlias

from ..events.event import Event
from .match import Read, Test, held_against, reader
from .rule import Rule
from .steps import NOTHING, Course, Seen, Window, count, go_on, level, see
from .table import Budget, Table

Spoken: TypeAlias = tuple[int, bool]


class Fold(Protocol):
    """See the module. `overdue` gives what has run out by `now`, with the event each began with."""

    rule: Rule

    def feed(self, event: Event, who: str) -> Spoken | None: ...

    def overdue(self, now: float) -> Iterator[tuple[str, Event]]: ...


class _Base:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.matches: Test = rule.match.compile()
        self.names = frozenset(rule.match.names)

    def overdue(self, now: float) -> Iterator[tuple[str, Event]]:
        return iter(())

    def _fits(self, event: Event) -> bool:
        return event.name in self.names and self.matches(event)


class Once(_Base):
    """One event is enough: nothing is remembered."""

    def feed(self, event: Event, who: str) -> Spoken | None:
        return (1, held_against(event)) if self.matches(event) else None


class Count(_Base):
    """Events, or the sum of a number in them."""

    def __init__(self, rule: Rule, budget: Budget) -> None:
        super().__init__(rule)
        self._table: Table[Window] = Table(budget)
        self._weigh = reader(rule.weight) if rule.weight else None

    def feed(self, event: Event, who: str) -> Spoken | None:
        if not self.matches(event):
            return None
        rule, when = self.rule, event.when
        weight = 1.0 if self._weigh is None else _number(self._weigh(event))
        entry = count(self._table.get(who), when, rule.window, weight, held=held_against(event))
        self._table.put(who, entry)
        total, held = level(entry, when, rule.window)
        return (int(total), held >= rule.at_least) if total >= rule.at_least else None


class Distinct(_Base):
    """Distinct values of a field."""

    def __init__(self, rule: Rule, budget: Budget) -> None:
        super().__init__(rule)
        self._table: Table[Seen] = Table(budget)
        self._value: Read = reader(rule.distinct)

    def feed(self, event: Event, who: str) -> Spoken | None:
        if not self.matches(event) or not (value := self._value(event)):
            return None
        rule = self.rule
        entry = self._table.get(who) or NOTHING
        entry = see(entry, hash(value), event.when, rule.window, rule.at_least, held=held_against(event))
        self._table.put(who, entry)
        return (len(entry), all(one[2] for one in entry)) if len(entry) >= rule.at_least else None


class Ratio(_Base):
    """How many of all are hits, and of how many different values they are."""

    def __init__(self, rule: Rule, budget: Budget) -> None:
        super().__init__(rule)
        self._table: Table[tuple[Window, Window | None, Seen]] = Table(budget)
        self._is_hit = rule.hits.compile() if rule.hits else self.matches
        self._hit_names = frozenset(rule.hits.names) if rule.hits else self.names
        self._value: Read = reader(rule.distinct or "global")
        self._weigh = reader(rule.weight) if rule.weight else None
        self._weigh_hits = reader(rule.hit_weight) if rule.hit_weight else None

    def feed(self, event: Event, who: str) -> Spoken | None:
        if not self.matches(event):
            return None
        rule, when, held = self.rule, event.when, held_against(event)
        weight = 1.0 if self._weigh is None else _number(self._weigh(event))
        bad_weight = weight if self._weigh_hits is None else _number(self._weigh_hits(event))
        if not weight:
            return None
        every, hits, values = self._table.get(who) or (None, None, NOTHING)
        every = count(every, when, rule.window, weight, held=held)
        if event.name in self._hit_names and self._is_hit(event):
            hits = count(hits, when, rule.window, bad_weight, held=held)
            values = see(values, hash(self._value(event)), when, rule.window, rule.various, held=held)
        self._table.put(who, (every, hits, values))
        if hits is None or len(values) < rule.various:
            return None
        total, bad = level(every, when, rule.window)[0], level(hits, when, rule.window)
        if total < rule.at_least or bad[0] < rule.share * total:
            return None
        return int(bad[0]), bad[1] >= rule.share * total and all(one[2] for one in values)


class Sequence(_Base):
    """So many events, and then another kind."""

    def __init__(self, rule: Rule, budget: Budget) -> None:
        super().__init__(rule)
        self._table: Table[Window] = Table(budget)
        self._then: Test = rule.then.compile() if rule.then else self.matches
        self._then_names = frozenset(rule.then.names) if rule.then else self.names

    def feed(self, event: Event, who: str) -> Spoken | None:
        rule, when = self.rule, event.when
        entry = self._table.get(who)
        if entry is not None and event.name in self._then_names and self._then(event):
            total, held = level(entry, when, rule.window)
            self._table.pop(who)
            return (int(total), held >= rule.at_least) if total >= rule.at_least else None
        if self._fits(event):
            self._table.put(who, count(entry, when, rule.window, 1.0, held=held_against(event)))
        return None


class Absence(_Base):
    """What should have followed, and did not."""

    def __init__(self, rule: Rule, budget: Budget) -> None:
        super().__init__(rule)
        self._table: Table[Event] = Table(budget)
        self._then: Test = rule.then.compile() if rule.then else self.matches
        self._then_names = frozenset(rule.then.names) if rule.then else self.names

    def feed(self, event: Event, who: str) -> Spoken | None:
        if event.name in self._then_names and self._then(event):
            self._table.pop(who)
        elif self._fits(event) and (self.rule.again or self._table.get(who) is None):
            self._table.put(who, event)
        return None

    def overdue(self, now: float) -> Iterator[tuple[str, Event]]:
        for who, event in self._table.oldest():
            if now - event.when < self.rule.window:
                return
            self._table.pop(who)
            yield who, event


class Rise(_Base):
    """A mean against its own recent past."""

    def __init__(self, rule: Rule, budget: Budget) -> None:
        super().__init__(rule)
        self._table: Table[Course] = Table(budget)
        self._weigh, self._measure = reader(rule.weight), reader(rule.measure)

    def feed(self, event: Event, who: str) -> Spoken | None:
        if not self.matches(event):
            return None
        rule, number, total = self.rule, _number(self._weigh(event)), _number(self._measure(event))
        entry = go_on(self._table.get(who), event.when, rule.window, number, total, rule.at_least, rule.past)
        self._table.put(who, entry)
        if entry.number < rule.at_least or len(entry.past) < rule.past or entry.mean < rule.least:
            return None
        return (int(entry.number), False) if entry.mean >= median(entry.past) + rule.rise else None


def compile_fold(rule: Rule, budget: Budget) -> Fold:
    """The fold of `rule`; what it remembers counts against `budget`."""
    if rule.kind == "ratio":
        return Ratio(rule, budget)
    if rule.kind == "sequence":
        return Sequence(rule, budget)
    if rule.kind == "absence":
        return Absence(rule, budget)
    if rule.kind == "rise":
        return Rise(rule, budget)
    if rule.distinct:
        return Distinct(rule, budget)
    return Count(rule, budget) if rule.at_least > 1 else Once(rule)


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:  # the event has no such number
        return 0.0
