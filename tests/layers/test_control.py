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
