"""A message says what happened, how sure that is, what was done and what to do next; hostile text stays text."""

from __future__ import annotations

from typing import Any

from garrison.detection.alert import Alert
from garrison.detection.rule import shipped_rules
from garrison.events.event import Event
from garrison.events.terms import Severity
from garrison.events.vocabulary import EventName
from garrison.reactions.message import compose
from tests.detection.making import event

RULES = {rule.id: rule for rule in shipped_rules()}


def raised(rule: str, who: str = "203.0.113.7", **fields: Any) -> Event:
    found = Alert(RULES[rule], who, 1_800_000_000.0, 14, True, event())
    details = found.details()
    severity = Severity(str(details.pop("severity")))
    made = event(EventName.ALERT_RAISED, client="", details=details, **fields)
    object.__setattr__(made, "severity", severity)
    return made


def taken(target: str) -> Event:
    details = {"kind": "ban", "target": target, "seconds": 14_400.0, "undo": "garrison undo r1", "reaction": "r1"}
    return event(EventName.REACTION_TAKEN, client="", details=details)


def test_everything_a_person_needs_is_in_it() -> None:
    alert = raised("stuffing")
    message = compose([alert, taken("203.0.113.7")], RULES)
    assert message.title == "[error] Stolen passwords tried out: 203.0.113.7"
    for said in ("confidence high", "client 203.0.113.7: 14 within", "Do: Reset", "docs/detection/rules.md#stuffing",
                 "Playbook: garrison incident playbook credentials",
                 "ban of 203.0.113.7", "Undo: garrison undo r1",
                 f"({alert.details['alert']})"):  # fmt: skip
        assert said in message.text
    assert compose([taken("203.0.113.7")], RULES).title == "Garrison: 1 reaction"


def test_alerts_of_one_rule_stand_together_and_the_gravest_leads() -> None:
    many = [raised("probing-404", f"203.0.113.{number}") for number in range(30)]
    message = compose([*many, raised("log-changed", "web-1")], RULES)
    assert message.title == "[critical] The audit log was changed: web-1 and 30 more"
    assert message.text.count("Many paths that do not exist") == 1
    assert "and 10 more" in message.text


def test_hostile_text_makes_no_lines_of_its_own() -> None:
    """Events hold printable text only; what looks like markup is left as it is and nothing is interpreted."""
    message = compose([raised("probing-rights", "<b>O'Brien</b> 人 🎁 {0} %s")], RULES)
    assert "<b>O'Brien</b> 人 🎁 {0} %s" in message.title
    assert "\n" not in message.title


def test_a_rule_that_is_not_known_here_is_told_all_the_same() -> None:
    message = compose([raised("stuffing")], {})
    assert "Stolen passwords tried out" in message.text
