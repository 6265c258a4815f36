"""A drill is counted apart: it completes no attack, no attack completes it, and its mark can't be given or taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from garrison.core.drill import HEADER, LIFE, find_drill, is_drill, mark
from garrison.core.ports import Detail
from garrison.detection.alert import Alert
from garrison.events.raw import locate
from garrison.events.redaction import Redactor
from garrison.events.shape import Shaper
from garrison.events.vocabulary import EventName
from garrison.policy.section_reactions import ReactionsSection
from garrison.reactions.drills import Drill, observe
from garrison.reactions.message import compose
from garrison.reactions.plan import DRILL, wanted
from garrison.secrets.keyring import Keyring
from tests.detection.making import START, engine, event, rule
from tests.support.facts import make_facts

NAME = "d0123456789ab"
MARK = {"drill": NAME}
SIGN = Keyring([b"k" * 32]).signer("drill")


@pytest.mark.parametrize("by", ["client", "global"])
def test_events_of_a_drill_and_of_an_attack_never_add_up(by: str) -> None:
    eng = engine(rule(by=by))
    mixed = [event(at=number, details=MARK if number % 2 else {}) for number in range(4)]
    assert eng.feed_all(mixed) == []
    assert [alert.drill for alert in eng.feed_all([event(at=5)])] == [""]
    raised = eng.feed_all([event(at=6, details=MARK)])  # a cool-down of the real one does not silence the drill
    assert [(alert.drill, alert.who) for alert in raised] == [(NAME, "all" if by == "global" else "203.0.113.7")]
    assert raised[0].details()["drill"] == NAME


def test_a_rule_about_what_did_not_follow_names_whom_it_is_about_without_the_drill() -> None:
    absent = rule(kind="absence", at_least=1, then={"names": ["sys_startup"]})
    eng = engine(absent)
    eng.feed(event(details=MARK))
    assert [(alert.who, alert.drill) for alert in eng.tick(START + 100)] == [("203.0.113.7", NAME)]


def test_the_alert_of_a_drill_is_another_one_and_no_reaction_follows_from_it() -> None:
    banning = rule(react=["ban"])
    real = Alert(banning, "203.0.113.7", START, 3, True, event())
    drill = Alert(banning, "203.0.113.7", START, 3, True, event(details=MARK))
    assert real.id != drill.id
    section = ReactionsSection(mode="enforce")
    assert wanted(drill, section, 64) == ([], DRILL)
    assert [want.kind for want in wanted(real, section, 64)[0]] == ["ban"]


def shaped(name: EventName, marked: str | None, **given: Detail) -> Detail:
    """The drill on an event of a request that is `marked` so; None: of no request."""
    facts = make_facts()
    facts.drill = marked or ""
    located = None if marked is None else locate(facts)
    return Shaper(Redactor(), "n", "r", ()).shape((1, START, name, located, given)).details.get("drill")


def test_nobody_who_emits_gives_a_request_the_mark_or_takes_it() -> None:
    assert shaped(EventName.AUTHN_LOGIN_FAIL, NAME, drill="", account="x") == NAME
    assert shaped(EventName.AUTHN_LOGIN_FAIL, "", drill=NAME) is None
    assert shaped(EventName.ALERT_RAISED, "", drill=NAME) is None
    assert shaped(EventName.AUTHN_LOGIN_FAIL, None, drill=NAME) is None
    assert shaped(EventName.ALERT_RAISED, None, drill=NAME) == NAME
    assert shaped(EventName.ALERT_RAISED, None, drill="O'Brien") is None


def find(value: str, *, now: float = START, method: str = "GET", host: str = "a.example:8443", path: str = "/.env",
         query: str = "") -> str:  # fmt: skip
    headers = {HEADER: value.encode("latin-1"), b"host": host.encode("latin-1")}
    return find_drill(SIGN, lambda: now)(method, headers, path.encode(), query.encode())


def test_a_mark_holds_for_one_request_and_for_a_while() -> None:
    good = mark(SIGN, NAME, START, "GET", "a.example:8443", "/.env")
    assert find(good) == find(good, now=START + LIFE / 2 - 1) == NAME
    wrong: list[Callable[[], str]] = [
        lambda: find(good, now=START + LIFE), lambda: find(good, now=START - LIFE), lambda: find(good, method="POST"),
        lambda: find(good, host="b.example"), lambda: find(good, path="/.en"), lambda: find(good, query="x"),
        lambda: find(good.replace(NAME, "d0123456789ac")), lambda: find(good[:-1]), lambda: find(good + "A"),
        lambda: find(""), lambda: find("\xff" * 300), lambda: find(good.upper()), lambda: find(f" {good}"),
    ]  # fmt: skip
    assert {one() for one in wrong} == {""}


def test_names_of_drills_are_plain() -> None:
    assert is_drill(NAME)
    assert not any(map(is_drill, ("", "d1", "O'Brien", f"{NAME}\n", f"{NAME}0", NAME.upper())))


def test_a_message_about_a_drill_says_so_first_and_one_with_an_attack_in_it_is_no_drill() -> None:
    told = {"alert": "a1", "rule": "trial", "title": "Stuffing", "who": "203.0.113.7", "confidence": "high"}
    real, drill = (event(EventName.ALERT_RAISED, details={**told, **more}) for more in ({}, MARK))
    alone = compose([drill], {"trial": rule()})
    assert alone.title.startswith(f"[DRILL {NAME}] [warning] Stuffing")
    assert alone.text.startswith(f"DRILL {NAME}: an exercise, no attack.")
    both = compose([drill, real], {"trial": rule()})
    assert both.title == "[warning] Stuffing: 203.0.113.7"
    assert both.text.startswith("Stuffing")
    assert f"\nDRILL {NAME}" in both.text


def test_what_is_measured_is_the_first_alert_of_the_drill_and_the_message_that_holds_it() -> None:
    begun = Drill(NAME, "i1", "probing", "https://localhost", "cli", START)
    raised = {"alert": "a1", "rule": "trial"}
    seen = observe(
        begun,
        [
            event(EventName.ALERT_RAISED, at=1, details=raised),  # in earnest
            event(EventName.ALERT_DELIVERED, at=2, details={"alerts": "a1 a0", "receiver": "r"}),
            event(EventName.ALERT_RAISED, at=3, details={"alert": "a2", "rule": "other", **MARK}),
            event(EventName.ALERT_DELIVERED, at=4, details={"alerts": "a7", "receiver": "r"}),
            event(EventName.ALERT_DELIVERED, at=5, details={"alerts": "a1 a2", "receiver": "mail"}),
        ],
    )
    assert (seen.rule, seen.seconds(seen.detected), seen.seconds(seen.alerted), seen.receiver) == (
        "other",
        3,
        5,
        "mail",
    )
    assert seen.finished
    assert (begun.seconds(begun.detected), begun.finished) == (None, False)
