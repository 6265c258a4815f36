"""Variables are read as what their key wants, and unknown ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from garrison.policy.environ import read_environment
from garrison.policy.load import load
from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.policy.units import Rate


def policy(tmp: Path = Path("/nowhere"), **variables: str) -> Policy:
    return load(None, {f"GARRISON_{name}": text for name, text in variables.items()}, tmp).policy


@pytest.mark.parametrize("text", ["a.example,b.example", " a.example , b.example ,", '["a.example", "b.example"]'])
def test_a_list_is_separated_by_commas_or_json(text: str) -> None:
    assert policy(HOSTS=text).hosts == ("a.example", "b.example")


def test_an_empty_text_is_an_empty_list() -> None:
    assert policy(HOSTS="").hosts == ()


def test_a_comma_inside_a_rate_does_not_part_it() -> None:
    assert policy(RATE__ADDRESS="300/minute, burst 5, 10/second").rate.address == (Rate(300, 60, 5), Rate(10, 1))


@pytest.mark.parametrize(("text", "value"), [("true", True), ("0", False), ("Off", False), ("yes", True)])
def test_switches_are_read_as_people_write_them(text: str, value: bool) -> None:
    assert policy(CSP__REPORT=text).csp.report is value


def test_sizes_and_durations_are_read_with_and_without_units() -> None:
    found = policy(SIZE__BODY="2 MB", SIZE__HEADER_BYTES="4096", SESSION__IDLE="90 s", SESSION__ABSOLUTE="3600.5")
    assert (found.size.body, found.size.header_bytes) == (2 * 1024**2, 4096)
    assert (found.session.idle, found.session.absolute) == (90.0, 3600.5)


def test_a_text_that_looks_like_something_else_stays_a_text() -> None:
    found = policy(STATE="123", CSRF__COOKIE="__Host-true", KEY="env:X", CSRF__ALLOW_INSECURE_OFF="[because]")
    assert (found.state, found.csrf.allow_insecure_off) == ("123", "[because]")


def test_tables_are_json() -> None:
    found = policy(CSP__DIRECTIVES='{"default-src": ["\'none\'"]}', HEADERS__HSTS="null")
    assert found.csp.directives["default-src"] == ("'none'",)
    assert found.headers.hsts is None


@pytest.mark.parametrize("text", ["[1", "{", "[" * 100_000])
def test_broken_json_is_a_problem_and_no_crash(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        policy(ROUTES=text)


@pytest.mark.parametrize("name", ["HOST_NAMES", "CSRF__", "", "_", "ROUTES__0__NAME", "CSRF__MODE__X"])
def test_an_unknown_variable_is_refused(name: str) -> None:
    with pytest.raises(PolicyInvalid):
        policy(**{name: "x"})


def test_variables_that_are_no_policy_keys_are_left_alone() -> None:
    environ = {
        "GARRISON_KEY": "k" * 43,
        "GARRISON_DEVCA_DIR": "/x",
        "GARRISON_TREND": "/x",
        "GARRISON_TOOLS": "/x",
        "garrison_hosts": "x",
        "OTHER": "y",
    }
    assert read_environment(environ) == ({}, {})


def test_the_variable_that_holds_the_root_key_is_no_policy_key() -> None:
    environ = {"GARRISON_ROOT": "secret", "GARRISON_KEY": ""}
    assert load(Policy(key="env:GARRISON_ROOT"), environ).policy.key == "env:GARRISON_ROOT"
    with pytest.raises(PolicyInvalid):
        load(Policy(), environ)


@pytest.mark.parametrize(
    ("values", "environ"),
    [
        ({"store": "env:GARRISON_OWN"}, {}),
        ({"store": "redis://u:env:GARRISON_OWN@store.internal:6379/0"}, {}),
        ({"alerts": {"receivers": [{"to": "env:GARRISON_OWN"}]}}, {}),
        ({}, {"GARRISON_STORE": "redis://u:env:GARRISON_OWN@store.internal:6379/0"}),
    ],
)
def test_a_variable_that_a_value_refers_to_is_no_policy_key_either(
    values: dict[str, Any], environ: dict[str, str]
) -> None:
    load(Policy(**values), {"GARRISON_OWN": "secret", **environ})
    with pytest.raises(PolicyInvalid):
        load(Policy(store="memory"), {"GARRISON_OWN": "secret"})


def test_two_variables_for_one_thing_are_refused() -> None:
    with pytest.raises(PolicyInvalid, match="GARRISON_HOSTS__X"):
        policy(HOSTS="a", HOSTS__X="b")
    with pytest.raises(PolicyInvalid, match="GARRISON_STATE__X"):
        policy(STATE="a", STATE__X="b")
