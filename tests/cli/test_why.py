"""Every reason for a refusal has words, and names a key that exists."""

from __future__ import annotations

import pytest

from garrison import Policy
from garrison.cli.explained import decisive_key, plain, rows
from garrison.cli.why import WHY, why
from garrison.core.verdict import Reason
from garrison.events.event import Event
from garrison.events.terms import Outcome, Severity
from garrison.events.vocabulary import EventName
from garrison.policy.explain import explain
from garrison.policy.load import load

KEYS = {entry.key for entry in explain(load(Policy(), {}))}
LOADED = load(Policy(routes=({"name": "login", "paths": ["/login"], "rate": {"address": ["5/minute"]}},)), {})


def event(reason: str, *, route: str = "default", detail: str = "", mode: str = "enforce") -> Event:
    return Event(when=0.0, name=EventName.HOST_REFUSED, severity=Severity.WARNING, outcome=Outcome.REFUSED,
                 reason=reason, route=route, mode=mode, layer="x", details={"detail": detail})  # fmt: skip


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_a_key_and_a_change(reason: Reason) -> None:
    found = WHY[reason]
    assert found.key in KEYS
    assert found.change.endswith(".")
    assert not found.rule.endswith(".")
    assert why(reason) == found


def test_a_reason_of_a_later_version_is_left_unexplained() -> None:
    assert why("from-the-future") is None
    assert "why" not in plain(event("from-the-future"), LOADED)


@pytest.mark.parametrize(
    ("reason", "route", "detail", "key"),
    [
        ("rate-limited", "login", "quota-exceeded: address:login-60s", "routes.0.rate.address"),
        ("rate-limited", "default", "quota-exceeded: address", "rate.address"),
        ("rate-limited", "default", "quota-exceeded: principal", "rate.principal"),
        ("rate-limited", "default", "quota-exceeded: api-key", "rate.api_key"),
        ("rate-limited", "default", "quota-exceeded: endpoint:/x", ""),
        ("target-malformed", "default", "double-encoding", "target.double_encoding"),
        ("target-malformed", "default", "raw-byte", "target.mode"),
        ("content-type-unsupported", "default", "no Content-Type", "content.require_type"),
        ("content-type-unsupported", "default", "text/plain", "content.types"),
        ("host-unknown", "login", "port 8000", "host.ports"),
        ("host-unknown", "login", "evil.example", "hosts"),
    ],
)
def test_the_key_that_decided_is_found(reason: str, route: str, detail: str, key: str) -> None:
    assert decisive_key(WHY[Reason(reason)].key, event(reason, route=route, detail=detail), LOADED) == key


def test_monitor_mode_says_would_have() -> None:
    assert dict(rows(event("host-unknown", mode="monitor"), LOADED))["Why"].startswith("The request would have been")
    assert dict(rows(event("host-unknown"), LOADED))["Why"].startswith("The request was refused because")


def test_a_limit_in_the_code_says_so() -> None:
    said = dict(rows(event("rate-limited", detail="quota-exceeded: endpoint:/x"), LOADED))
    assert said["Rule"] == "limit() at the endpoint, in the application's code"
