"""Every shipped rule is proved by its own cases, and what can be caused from outside has no reaction."""

from __future__ import annotations

import pytest

from garrison.detection.cases import alerts_of
from garrison.detection.rule import Case, Rule, shipped_rules
from garrison.events.vocabulary import EventName

RULES = shipped_rules()
CASES = [pytest.param(rule, case, id=f"{rule.id}: {case.says}") for rule in RULES for case in rule.cases]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_the_rule_raises_what_its_case_says(rule: Rule, case: Case) -> None:
    assert alerts_of(rule, case) == case.alerts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_rule_says_what_it_means_and_what_to_do(rule: Rule) -> None:
    assert rule.means.endswith(".")
    assert rule.next.rstrip(")").endswith((".", "…"))
    assert len(rule.title) <= 60
    assert rule.attack or rule.id in {"policy-changed", "stays-degraded"} or rule.cwe


def test_no_rule_looks_at_alerts() -> None:
    assert not [rule.id for rule in RULES for match in rule.matches if EventName.ALERT_RAISED in match.names]


def test_only_confident_rules_ban() -> None:
    assert {rule.confidence for rule in RULES if "ban" in rule.react} == {"high"}
