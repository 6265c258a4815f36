"""The control layer: the operator's switches."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse, Verdict
from garrison.layers import control
from garrison.policy.model import Policy
from tests.support.facts import make_facts


def _decide(section: dict[str, Any], **facts: Any) -> Verdict:
    decide = control.compile(Policy(control=section), Services()).decide
    return decide(make_facts(**facts)) if decide else None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_read_only_refuses_methods_with_side_effects(method: str) -> None:
    assert _decide({}, method=method) is None  # the control
    refusal = _decide({"read_only": True, "retry_after": "90.5 s"}, method=method)
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status, refusal.retry_after) == (Reason.READ_ONLY, 503, 91)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_read_only_serves_reading(method: str) -> None:
    assert _decide({"read_only": True}, method=method) is None


def test_read_only_refuses_websocket_handshakes() -> None:
    assert _decide({}, kind="websocket", scheme="wss") is None
    assert isinstance(_decide({"read_only": True}, kind="websocket", scheme="wss"), Refuse)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_disabled_route_serves_nothing_and_says_when_to_come_back(method: str) -> None:
    refusal = _decide({"disabled": True}, method=method)
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status, refusal.retry_after) == (Reason.ROUTE_DISABLED, 503, 300)


def _unrecorded(recorded: bool, **facts: Any) -> Verdict:
    policy = Policy(audit={"on_failure": "refuse"})
    decide = control.compile(policy, Services(recorded=lambda: recorded)).decide
    return decide(make_facts(**facts)) if decide else None


def test_while_the_audit_log_fails_nothing_is_changed_if_the_policy_says_so() -> None:
    assert _unrecorded(True, method="POST") is None
    refusal = _unrecorded(False, method="POST")
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status) == (Reason.AUDIT_AWAY, 503)
    assert isinstance(_unrecorded(False, kind="websocket", scheme="wss"), Refuse)
    assert _unrecorded(False, method="GET") is None
    buffering = control.compile(Policy(), Services(recorded=lambda: False))
    assert buffering.decide is None  # the control: the default goes on


def test_the_operator_can_act_while_the_audit_log_fails() -> None:
    decide = control.compile(Policy(audit={"on_failure": "refuse"}), Services(recorded=lambda: False)).decide
    facts = make_facts(method="POST")
    assert decide is not None
    assert isinstance(decide(facts), Refuse)
    facts.operator = True
    assert decide(facts) is None
