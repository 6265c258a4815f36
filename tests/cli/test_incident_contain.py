"""Containment: each step stops something, is on record with its undo, and is undone by it."""

from __future__ import annotations

import pytest

from garrison.events.shape import fingerprint
from tests.cli.attacked import ATTACKER, POLICY, attacked, keep, kept, opened
from tests.cli.running import Here

SESSION = {"principal": "ann", "begun": 1.0, "used": 1.0, "agent": "", "network": "", "kind": "user", "scopes": ""}
API_KEY = {"owner": "ann", "name": "n", "scopes": "", "created": 1.0, "expires": 9e9, "used": 0.0, "revoked": 0.0,
           "hash": ""}  # fmt: skip


@pytest.fixture
def site(here: Here, monkeypatch: pytest.MonkeyPatch) -> Here:
    return attacked(here, monkeypatch)


ENFORCING = f'{POLICY}[reactions]\nmode = "enforce"\n'


def test_bans_and_brakes_are_undone_one_by_one_and_the_incident_knows(site: Here) -> None:
    what = opened(site)
    site.write("garrison.toml", ENFORCING)
    ran = site.run("incident", "contain", what, "--ban", ATTACKER, "--ban", "principal:O'Brien", "--ban",
                   "api-key:k3xq7", "--ban", "session:9f0c", "--slow", "198.51.100.0/24", "-f", "json")  # fmt: skip
    assert ran.code == 0, ran.err
    assert [step["kind"] for step in ran.json] == ["ban", "ban", "ban", "ban", "slow"]
    banned = {ban["target"] for ban in site.run("bans", "list", "-f", "json").json}
    assert banned == {ATTACKER, "principal:O'Brien", "api-key:k3xq7", "session:9f0c"}
    for step in ran.json:
        assert site.run(*step["undo"].split()[1:]).code == 0
    assert site.run("bans", "list", "-f", "json").json == []
    assert {one["undone"] > 0 for one in site.run("undo", "-f", "json").json} == {True}
    texts = [note["text"] for note in site.run("incident", "show", what, "-f", "json").json["notes"]]
    assert texts[0].startswith(f"banned {ATTACKER}; undo: garrison undo r")
    assert sum(text.startswith("undone: ") for text in texts) == 5


def test_sessions_and_keys_are_ended_for_good_and_that_is_said(site: Here) -> None:
    other = {**SESSION, "principal": "bob"}
    keep(
        ("session", "one", SESSION),
        ("session", "two", SESSION),
        ("session", "other", other),
        ("api-key", "k1", API_KEY),
    )
    what = opened(site)
    ran = site.run("incident", "contain", what, "--revoke", f"session:ann/{fingerprint('one')}")
    assert ran.code == 0, ran.err
    assert "this can't be undone" in ran.flat
    assert (kept("session", "one"), kept("session", "two")) == (None, SESSION)
    ran = site.run("incident", "contain", what, "--revoke", "principal:ann", "--revoke", "api-key:k1", "-f", "json")
    assert "ended 1 sessions of ann" in ran.json[0]["said"]
    assert kept("session", "two") is None
    assert kept("session", "other") is not None
    assert (kept("api-key", "k1") or {})["revoked"] != 0
    assert "can't be begun again" in site.run("undo", ran.json[0]["id"]).said


@pytest.mark.parametrize(
    "asked",
    [
        ("--ban", "127.0.0.1"),
        ("--ban", "0.0.0.0/0"),
        ("--ban", "nobody at all"),
        ("--slow", "principal:ann"),
        ("--revoke", "api-key:unknown"),
        ("--revoke", "ann"),
        ("--revoke", "session:9f0c"),
        (),
    ],
)
def test_when_one_step_can_not_be_taken_none_is(site: Here, asked: tuple[str, ...]) -> None:
    what = opened(site)
    both = ("--ban", ATTACKER, *asked) if asked else ()
    assert site.run("incident", "contain", what, *both).code not in (0, 1)
    assert site.run("bans", "list", "-f", "json").json == []
    assert site.run("incident", "show", what, "-f", "json").json["state"] == "open"


@pytest.mark.parametrize(
    ("policy", "asked", "why"),
    [
        (POLICY, "--slow", "reactions.mode is"),
        (f"{ENFORCING}[detection]\nenabled = false\n", "--slow", "detection.enabled is"),
        (f'{POLICY}[bans]\nmode = "monitor"\n', "--ban", "bans.mode is"),
    ],
)
def test_what_the_policy_has_switched_off_is_not_called_done(site: Here, policy: str, asked: str, why: str) -> None:
    what = opened(site)
    site.write("garrison.toml", policy)
    ran = site.run("incident", "contain", what, asked, ATTACKER)
    assert ran.code not in (0, 1)
    assert why in ran.said
    assert site.run("incident", "show", what, "-f", "json").json["state"] == "open"


def test_a_longer_ban_of_somebody_else_stays_and_is_not_undone_with_ours(site: Here) -> None:
    what = opened(site)
    assert site.run("bans", "add", ATTACKER, "--for", "30 days").code == 0
    ran = site.run("incident", "contain", what, "--ban", ATTACKER, "--for", "1h")
    assert "is banned for longer already; undo: garrison bans lift" in ran.flat
    assert site.run("undo", "-f", "json").json == []
