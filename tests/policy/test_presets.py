"""Presets are named, dated and cited, and lie under what the operator writes."""

from __future__ import annotations

import re

import pytest

from garrison import Policy
from garrison.core.clock import SYSTEM
from garrison.policy.load import load
from garrison.policy.presets import LATEST, PRESETS, UnknownPreset, apply_preset, merge, preset
from garrison.rehearsal import rehearse


def test_there_are_exactly_the_four_documented_ones() -> None:
    assert list(LATEST) == ["browser", "api", "compat", "testing"]


@pytest.mark.parametrize("name", PRESETS)
def test_each_has_a_date_a_summary_and_a_source(name: str) -> None:
    found = preset(name)
    assert re.fullmatch(r"\d{4}-\d{2}", found.date)
    assert found.pinned == f"{found.name}-{found.date}"
    assert found.summary
    assert found.source


@pytest.mark.parametrize("name", LATEST)
def test_the_dated_name_gives_the_same_policy(name: str) -> None:
    undated, dated = Policy(preset=name), Policy(preset=LATEST[name].pinned)
    assert undated.model_dump(exclude={"preset"}) == dated.model_dump(exclude={"preset"})


@pytest.mark.parametrize("name", LATEST)
def test_each_can_be_put_to_work(name: str) -> None:
    assert rehearse(Policy(preset=name, environment="development"), {}) == []
    assert SYSTEM.wall() > 0


def test_browser_is_the_default_and_has_no_values_of_its_own() -> None:
    assert preset("browser").values == {}
    assert Policy() == Policy(preset="browser") or Policy().model_dump() == Policy(preset="browser").model_dump()


@pytest.mark.parametrize(
    ("name", "right"), [("brwser", "browser"), ("apis", "api"), ("compat-2026-10", "compat-2026-11")]
)
def test_an_unknown_name_gets_the_nearest(name: str, right: str) -> None:
    with pytest.raises(UnknownPreset, match=f"Did you mean '{right}'"):
        preset(name)


def test_what_is_written_by_hand_wins_value_by_value() -> None:
    policy = Policy(preset="api", cookies={"secure": True}, csrf={"mode": "enforce"})
    assert (policy.cookies.same_site, policy.csrf.mode) == ("Strict", "enforce")


def test_merging_changes_neither_side() -> None:
    under, over = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(under, over) == {"a": {"b": 1, "c": 2}}
    assert (under, over) == ({"a": {"b": 1}}, {"a": {"c": 2}})
    apply_preset({"preset": "api", "csrf": {"mode": "enforce"}})
    assert preset("api").values["csrf"]["mode"] == "off"


def test_testing_answers_the_host_of_test_clients_and_keeps_no_events() -> None:
    policy = load(Policy(preset="testing", environment="development"), {}).policy
    assert "testserver" in policy.hosts
    assert not policy.events.store
