"""Detection: events per second and core with all rules, memory with a million clients, and alerts on benign days.

The mix is hostile: failed log-ins, 404s and refusals of very many clients, each of which several rules remember. Only
the engine is timed, not the bus before it. The benign days are those of `bench/benign`, whole: the seed that rules were
tuned on, and a profile with a seed that they were not; `attacks` counts how many alerts one of each attack raises.
"""

from __future__ import annotations

import random
import time
import tracemalloc

from garrison.detection.cases import events_of
from garrison.detection.engine import Engine
from garrison.detection.rule import shipped_rules
from garrison.events.event import Event
from garrison.events.terms import Outcome, Severity
from garrison.events.vocabulary import EventName
from garrison.policy.section_detection import DetectionSection

from .benign.day import TUNED, UNSEEN
from .benign.watched import watch_day
from .harness import Result, Size, result

_NAMES = (
    EventName.AUTHN_LOGIN_FAIL, EventName.REQUEST_NOTED, EventName.TARGET_REFUSED, EventName.CSRF_REFUSED,
    EventName.EXCESS_RATE_LIMIT_EXCEEDED, EventName.SESSION_CREATED, EventName.AUTHN_LOGIN_SUCCESS,
    EventName.AUTHZ_FAIL,
)  # fmt: skip
_KEYS = DetectionSection().keys


def measure(size: Size) -> list[Result]:
    """Speed, memory, benign days."""
    return [_speed(size), _memory(size), *_days(size), _attacks()]


def events(count: int, clients: int) -> list[Event]:
    """A hostile mix of `count` events by `clients` addresses."""
    dice = random.Random(7)
    return [_event(dice, number, clients) for number in range(count)]


def _event(dice: random.Random, number: int, clients: int) -> Event:
    who = dice.randrange(clients)
    address = f"{11 + (who >> 24)}.{who >> 16 & 255}.{who >> 8 & 255}.{who & 255}"
    return Event(
        when=1_800_000_000.0 + number / 5000, name=_NAMES[number % len(_NAMES)], severity=Severity.WARNING,
        outcome=Outcome.FAILURE, run="bench", seq=number, client=address, client_key=address, path=f"/p/{who % 977}",
        method="POST", status=404, agent="Mozilla/5.0", origin="direct", principal=f"u{who % 5000}",
        details={"account": f"a{who % 50_000}"},
    )  # fmt: skip


def _speed(size: Size) -> Result:
    fed = events(size.of(60_000, 500), 20_000)
    engine = Engine(shipped_rules(), _KEYS)
    start = time.process_time()
    engine.feed_all(fed)
    taken = time.process_time() - start
    must = ">= 20000" if size.scale == 1 else None
    versus = f"{len(shipped_rules())} rules, one core"
    return result("detection.events", len(fed) / max(taken, 1e-9), "1/s", must=must, versus=versus)


def _memory(size: Size) -> Result:
    """A million clients, each seen once by the rules: what is remembered stays within its bound."""
    engine, clients = Engine(shipped_rules(), _KEYS), size.of(1_000_000, 2000)
    tracemalloc.start()
    try:
        for start in range(0, clients, 5000):
            engine.feed_all(_of_client(number) for number in range(start, min(start + 5000, clients)))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    if engine.budget.used > _KEYS:
        raise AssertionError(f"{engine.budget.used} keys are remembered, more than {_KEYS}")
    versus = f"{clients} clients, {engine.budget.used} keys kept"
    return result("detection.memory", used / 1024**2, "MB", must="<= 256", versus=versus)


def _of_client(number: int) -> Event:
    address = f"{11 + (number >> 24)}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return Event(
        when=1_800_000_000.0 + number / 5000, name=EventName.REQUEST_NOTED, severity=Severity.INFO,
        outcome=Outcome.NOTED, run="bench", seq=number, client=address, client_key=address, path=f"/p/{number}",
        method="GET", status=404, origin="direct",
    )  # fmt: skip


def _days(size: Size) -> list[Result]:
    share = 1.0 if size.scale == 1 else 0.01
    found = []
    for name, profile, seed in (("tuned", "shop", TUNED), ("unseen", "partner", UNSEEN)):
        day = watch_day(profile, seed, share)
        base, versus = f"detection.benign.{profile}.{name}", f"alerts in {day.requests} harmless requests"
        found.append(result(f"{base}.high", len(day.of("high")), "alerts", must="<= 0", versus=f"sure {versus}"))
        found.append(result(f"{base}.all", len(day.alerts), "alerts", versus=versus))
    return found


def _attacks() -> Result:
    """How tiring it is: what all rules together say about the attack of each rule's own case."""
    rules = shipped_rules()
    attacks = [events_of(case) for rule in rules for case in rule.cases if case.alerts]
    raised = sum(len(Engine(rules, _KEYS).feed_all(fed)) for fed in attacks)
    versus = f"alerts of all rules for one of {len(attacks)} simulated attacks"
    return result("detection.attacks", raised / len(attacks), "alerts", versus=versus)
