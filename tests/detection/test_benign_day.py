"""A day without attacks raises no alert that anybody is sure of; and the same watch does see an attack.

The whole day is a benchmark (`make bench ONLY=detection`); here a part of it, as mixed and as steep.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.benign import watched
from bench.benign.ask import Ask
from bench.benign.day import PROFILES, TUNED, UNSEEN, day


def attack(at: float) -> list[Ask]:
    """Stolen passwords from one address, and a scanner's list from another, in the middle of the day."""
    thief = Ask(at, "thief", "203.0.113.66", "python-requests/2.32", "/log-in", site="")
    tries = [
        replace(thief, at=at + 5 + 9 * number, method="POST", login=f"member{number}", password="stolen")
        for number in range(19)
    ]
    scanner = Ask(at, "scanner", "203.0.113.67", "Mozilla/5.0 zgrab/0.x", "/.env", site="")
    paths = ("/.env", "/.git/config", "/wp-login.php")
    return [thief, *tries, *(replace(scanner, at=at + number, path=path) for number, path in enumerate(paths))]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_benign_day_raises_no_alert_of_high_confidence(profile: str) -> None:
    result = watched.watch_day(profile, UNSEEN, 0.06)
    assert result.requests > 8000
    assert result.events > 1000
    assert result.statuses[404] > 300
    assert not result.statuses[503]
    assert [(alert.rule.id, alert.who) for alert in result.of("high")] == []
    quiet = {"latency-rises", "stuffing-provider", "node-silent", "log-gap", "honey-token", "honey-token-carried"}
    assert [alert.rule.id for alert in result.alerts if alert.rule.id in quiet] == []


def test_an_attack_within_the_same_day_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the watch is not blind."""
    mixed = sorted([*day("shop", TUNED, 0.02), *attack(43_000.0)], key=lambda ask: ask.at)
    monkeypatch.setattr(watched, "day", lambda *_: mixed)
    result = watched.watch_day("shop", TUNED, 0.02)
    assert {(alert.rule.id, alert.who, alert.held) for alert in result.of("high")} == {
        ("stuffing", "203.0.113.66", True),
        ("probing-known", "203.0.113.67", True),
        ("scanner", "203.0.113.67", True),
    }


def test_a_day_has_more_than_two_hundred_thousand_requests_and_is_the_same_for_its_seed() -> None:
    asks = day("shop", UNSEEN)
    assert len(asks) > 200_000
    assert day("shop", UNSEEN, 0.01) == day("shop", UNSEEN, 0.01)
    assert day("shop", UNSEEN, 0.01) != day("shop", TUNED, 0.01)
