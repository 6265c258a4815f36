"""A rule file that is wrong is refused with its place; nothing of it is half used."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison import Policy
from garrison.core.errors import OperatorError
from garrison.detection.build import build_engine, rules_for
from garrison.detection.rule import RuleWrong, parse_rule, rules_of, shipped_rules
from tests.detection.making import rule

GOOD = """
id = "mine"
title = "Mine"
means = "Something of mine."
next = "Look."
severity = "error"
confidence = "low"
at_least = 2
[match]
names = ["authz_fail"]
[[cases]]
says = "twice"
alerts = 1
events = [{ name = "authz_fail", repeat = 2, client = "203.0.113.7" }]
[[cases]]
says = "once"
alerts = 0
events = [{ name = "authz_fail", client = "203.0.113.7" }]
"""


def test_a_good_rule_is_read() -> None:
    assert parse_rule(GOOD, "mine.toml").at_least == 2


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ('id = "mine"', 'id = "mine"\nthreshold = 3', "threshold"),
        ("authz_fail", "authz_fial", "authz_fial"),
        ("at_least = 2", "at_least = 0", "at_least"),
        ('confidence = "low"', 'confidence = "low"\nby = "clent"', "clent"),
        ('confidence = "low"', 'confidence = "low"\nreact = ["ban"]', "low confidence"),
        ('confidence = "low"', 'confidence = "low"\nkind = "ratio"', "hits"),
        ('confidence = "low"', 'confidence = "low"\nkind = "absence"', "then"),
        ("alerts = 0", "alerts = 1", "does not"),
        ("[match]", "[match", "line"),
        ('names = ["authz_fail"]', 'names = []', "names"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_rule_is_told_with_its_file(change: str, to: str, says: str) -> None:
    with pytest.raises(RuleWrong, match=r"mine\.toml") as caught:
        parse_rule(GOOD.replace(change, to), "mine.toml")
    assert says in caught.value.message or "Input should be" in caught.value.message


@pytest.mark.parametrize("name", ["csrf_refused", "malicious_cors", "cross_site_refused", "browser_report"])
def test_what_other_sites_can_cause_can_not_have_a_reaction(name: str) -> None:
    with pytest.raises(ValueError, match="other sites can cause"):
        rule(match={"names": ["authn_login_fail", name]}, react=["ban"])


@pytest.mark.parametrize(("by", "kind"), [("client", "step-up"), ("client", "revoke"), ("principal", "ban")])
def test_a_reaction_that_could_meet_nobody_is_refused(by: str, kind: str) -> None:
    with pytest.raises(ValueError, match=f"{kind} is against"):
        rule(by=by, react=[kind])


def test_low_confidence_is_enough_to_look_closer() -> None:
    assert rule(confidence="low", react=["log-more"]).react == ("log-more",)


def test_a_reaction_needs_somebody_it_is_against() -> None:
    with pytest.raises(ValueError, match="this is by global"):
        rule(by="global", react=["ban"])


def test_a_rule_of_your_own_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "stuffing.toml").write_text(GOOD.replace('"mine"', '"stuffing"'), encoding="utf-8")
    own = next(one for one in rules_of([str(tmp_path)], []) if one.id == "stuffing")
    assert own.title == "Mine"


def test_a_file_that_is_not_called_as_its_rule_is_refused(tmp_path: Path) -> None:
    (tmp_path / "yours.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(RuleWrong, match=r"mine\.toml"):
        rules_of([str(tmp_path)], [])


def test_a_missing_folder_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleWrong, match="no such folder"):
        rules_of([str(tmp_path / "gone")], [])
    with pytest.raises(RuleWrong, match="stufing"):
        rules_of([], ["stufing"])


def test_a_rule_can_be_left_out() -> None:
    assert len(rules_of([], ["stuffing"])) == len(shipped_rules()) - 1


def test_an_unreadable_rule_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RuleWrong, match="UnicodeDecodeError"):
        rules_of([str(tmp_path)], [])


def test_honey_accounts_are_watched_only_where_there_are_some() -> None:
    assert not [one for one in rules_for(Policy()) if one.id == "honey-account"]
    policy = Policy(detection={"honey_accounts": ["root", "backup"]})
    (found,) = [one for one in rules_for(policy, lambda login: f"h-{login}") if one.id == "honey-account"]
    assert found.match.where == 'details.account="h-root" or details.account="h-backup"'
    build_engine(policy)


def test_a_start_with_a_broken_rule_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("id = 3", encoding="utf-8")
    with pytest.raises(OperatorError):
        build_engine(Policy(detection={"rules": [str(tmp_path)]}))


def test_a_folder_in_which_no_rule_lies_is_refused_as_one_that_is_not_there_is(tmp_path: Path) -> None:
    for name in ("missing", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(RuleWrong, match=name):
            rules_of([str(tmp_path / name)], ())
    (tmp_path / "empty" / "mine.toml").write_text(GOOD, "utf-8")  # the control
    assert "mine" in {one.id for one in rules_of([str(tmp_path / "empty")], ())}
