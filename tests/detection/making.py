"""Events and rules for tests of detection."""

from __future__ import annotations

from typing import Any

from garrison.detection.engine import Engine
from garrison.detection.rule import Rule
from garrison.events.event import Event
from garrison.events.terms import Outcome, Severity
from garrison.events.vocabulary import EventName

START = 1_800_000_000.0
_CASES = [
    {"says": "enough", "alerts": 1, "events": []},
    {"says": "too little", "alerts": 0, "events": []},
]


def event(name: EventName = EventName.AUTHN_LOGIN_FAIL, at: float = 0.0, **fields: Any) -> Event:
    """An event at `at` seconds, of one client unless `client` says otherwise."""
    client = fields.pop("client", "203.0.113.7")
    return Event(
        when=START + at, name=name, severity=Severity.WARNING, outcome=Outcome.FAILURE, client=client,
        client_key=fields.pop("client_key", client), **fields,
    )  # fmt: skip


def rule(**changes: Any) -> Rule:
    """A rule of three failed log-ins in a minute."""
    given = {
        "id": "trial", "title": "t", "means": "m", "next": "n", "severity": "warning", "confidence": "high",
        "match": {"names": ["authn_login_fail"]}, "at_least": 3, "window": 60, "cases": _CASES,
    }  # fmt: skip
    return Rule.model_validate({**given, **changes})


def engine(*rules: Rule, most: int = 1000) -> Engine:
    return Engine(rules or (rule(),), most)
