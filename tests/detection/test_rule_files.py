"""A rule file that is wrong is refused with its place; nothing of it is half used."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison import Policy, harden
from garrison.core.errors import OperatorError
from garrison.detection.alert import Alert
from garrison.detection.build import build_engine, rules_for
from garrison.detection.rule import READING, RuleWrong, page_of, parse_rule, rules_of, shipped_rules
from garrison.testing import testing_policy
from tests.detection.making import event, rule

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
        ('id = "mine"', 'id = "mine"\nplaybook = "credentails"', "there are configuration, credentials"),
        ('id = "mine"', 'id = "mine"\nrunbook = ""', "runbook"),
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


def test_every_link_of_a_shipped_rule_leads_to_a_heading_of_the_page() -> None:
    docs = Path(__file__).resolve().parents[2]
    page = (docs / "docs/detection/rules.md").read_text("utf-8")
    for one in rules_for(Policy(detection={"honey_accounts": ["root"], "asn_header": "X-ASN"})):
        file, _, anchor = one.runbook.partition("#")
        assert file == "docs/detection/rules.md"
        assert f"{{ #{anchor} }}" in page
    file, _, anchor = READING.partition("#")
    assert f"\n## {anchor.replace('-', ' ')}\n" in (docs / file).read_text("utf-8").lower()


def linked(folder: Path, text: str, runbooks: str = "") -> str:
    (folder / "mine.toml").write_text(text, "utf-8")
    policy = Policy(detection={"rules": [str(folder)]}, alerts={"runbooks": runbooks})
    (own,) = [one for one in rules_for(policy) if one.id == "mine"]
    return str(Alert(own, "203.0.113.7", 0.0, 2, True, event()).details()["runbook"])


def test_an_alert_of_a_rule_of_your_own_links_to_its_runbook_or_to_how_an_alert_is_read(tmp_path: Path) -> None:
    (tmp_path / "what-to-do.md").write_text("Ask them.", "utf-8")
    wiki = "https://wiki.example.com/runbooks/"
    at, beside = f'runbook = "{wiki}?q=O%27Brien#人"\n', 'runbook = "what-to-do.md"\n'
    assert linked(tmp_path, GOOD) == READING
    assert linked(tmp_path, GOOD, wiki) == f"{wiki}mine"
    assert linked(tmp_path, at + GOOD) == linked(tmp_path, at + GOOD, wiki) == f"{wiki}?q=O%27Brien#人"
    assert linked(tmp_path, beside + GOOD) == linked(tmp_path, beside + GOOD, wiki) == str(tmp_path / "what-to-do.md")
    known = {one.id: one for one in rules_for(Policy(alerts={"runbooks": wiki}))}
    assert known["stuffing"].runbook == f"{wiki}stuffing"


def test_a_rule_that_takes_the_place_of_a_shipped_one_is_not_told_of_on_the_page_of_that(tmp_path: Path) -> None:
    (tmp_path / "stuffing.toml").write_text(GOOD.replace('"mine"', '"stuffing"'), "utf-8")
    (own,) = [one for one in rules_of([str(tmp_path)], []) if one.id == "stuffing"]
    assert own.runbook == READING != page_of(own)


@pytest.mark.parametrize(
    "runbook",
    ["gone.md", "https://", "https:///x", "https://a b/", "https://[::1/x", "mailto:a@example.com", ".", "//x"],
)
def test_a_start_with_a_runbook_that_leads_nowhere_is_refused(tmp_path: Path, runbook: str) -> None:
    (tmp_path / "mine.toml").write_text(f'runbook = "{runbook}"\n{GOOD}', "utf-8")
    policy = testing_policy(detection={"enabled": True, "rules": [str(tmp_path)]})
    with pytest.raises(RuleWrong, match="runbook"):
        harden(answer, policy)


async def answer(scope: object, receive: object, send: object) -> None:
    """An application."""


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ("repeat = 2", "repeat = 1", "'twice' raises 0 alerts, not 1"),
        ('{ name = "authz_fail", client', '{ name = "authz_fail", repeat = 9, client', "'once' raises 1 alerts, not 0"),
        ('{ name = "authz_fail", repeat', '{ name = "authz_fial", repeat', "'twice'"),
        ('{ name = "authz_fail", repeat', '{ at = "noon", name = "authz_fail", repeat', "'twice'"),
    ],
)  # fmt: skip
def test_a_start_with_a_rule_that_does_not_hold_its_cases_is_refused(
    tmp_path: Path, change: str, to: str, says: str
) -> None:
    policy = testing_policy(detection={"enabled": True, "rules": [str(tmp_path)]})
    (tmp_path / "mine.toml").write_text(GOOD, "utf-8")
    harden(answer, policy)  # the control
    (tmp_path / "mine.toml").write_text(GOOD.replace(change, to), "utf-8")
    with pytest.raises(RuleWrong) as caught:
        harden(answer, policy)
    assert says in caught.value.message
