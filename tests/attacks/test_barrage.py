"""Every detection rule against real traffic: the reference application with its faults, two workers, a real Valkey, a
real receiver. What a rule names as its reaction is done, and the next request meets it. Printed with `-s`: rule,
attack, seconds from the end of the attack to the receiver.

The controls: no rule speaks before its attack was made; and with the rules off the same attacks bring no alert.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from garrison.detection.rule import shipped_rules
from tests.attacks.barrage.attacks import ATTACKS, SLOW, TOGETHER, UNQUICK, Attack
from tests.attacks.barrage.doings import LOOSENED, cut_log, exchange_certificate, kill_workers, write_from_the_future
from tests.attacks.barrage.site import Receiver, Site, receiver, soon
from tests.support.valkey import Server

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("barrage"), pytest.mark.timeout(300)]
DOINGS = ("certificate", "dies-again", "log-gap", "log-changed", "policy-changed", "control-off", "clock-back")
"""Rules about what no client can cause."""
SOON = 5.0
"""Seconds within which a rule speaks (what the documentation promises)."""
SLACK = 25.0
"""Seconds more that a busy machine is given before a test fails."""


@dataclass
class Shot:
    """One attack: when it began and ended, and whom its alert is about."""

    rule: str
    began: float
    ended: float = 0.0
    who: str = ""
    heard: float | None = None

    def row(self) -> str:
        late = "never" if self.heard is None else f"{max(0.0, self.heard - self.ended):.1f}"
        return f"{self.rule:24} {self.ended - self.began:6.1f} s of attack   alert after {late} s"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Server(tmp_path / "valkey") as store, receiver() as told:
        yield Site(tmp_path / "site", store, told)


def make(site: Site, rule: str, attack: Attack, shots: dict[str, Shot]) -> None:
    shots[rule] = shot = Shot(rule, time.monotonic())
    shot.who = attack(site)
    shot.ended = time.monotonic()


def listen(told: Receiver, shots: dict[str, Shot], patience: float) -> None:
    """Wait for the alert of every shot."""

    def all_heard() -> bool:
        for shot in shots.values():
            shot.heard = shot.heard or told.first(shot.rule, shot.who)
        return all(shot.heard is not None for shot in shots.values())

    soon(all_heard, patience)
    sys.stdout.write("\n" + "".join(f"{shot.row()}\n" for shot in shots.values()))


def test_every_rule_is_fired_here_or_says_why_not() -> None:
    known = {*ATTACKS, *SLOW, *TOGETHER, *UNQUICK, *DOINGS}
    assert known == {rule.id for rule in shipped_rules()}


def test_every_rule_a_client_can_fire_is_heard_at_the_receiver(site: Site) -> None:
    shots: dict[str, Shot] = {}
    with site.running():
        slow = [threading.Thread(target=make, args=(site, *one, shots)) for one in SLOW.items()]
        for thread in slow:
            thread.start()
        for rule, attack in ATTACKS.items():
            make(site, rule, attack, shots)
        for thread in slow:
            thread.join(60)
        for rule, other in TOGETHER.items():
            shots[rule] = Shot(rule, shots[other].began, shots[other].ended)
        listen(site.told, shots, SOON + SLACK)
        check(shots)
        for rule in shipped_rules():
            for kind in rule.react if rule.id in shots else ():
                follows(site, kind, rule.id, shots[rule.id].who)


def test_what_no_client_can_cause_is_heard_when_it_is_done(site: Site) -> None:
    shots: dict[str, Shot] = {}

    def do(done: Callable[[], None], *rules: str) -> None:
        began = time.monotonic()
        done()
        shots.update({rule: Shot(rule, began, time.monotonic()) for rule in rules})
        listen(site.told, shots, SOON + SLACK)

    with site.running() as server:
        do(lambda: exchange_certificate(site), "certificate")
        do(lambda: kill_workers(site, server), "dies-again", "log-gap")
    cut_log(site)
    with site.running(LOOSENED):
        do(lambda: None, "log-changed", "policy-changed", "control-off")
        do(lambda: write_from_the_future(site), "clock-back")
    assert set(shots) == set(DOINGS)
    assert [shot.rule for shot in shots.values() if shot.heard is None] == []


def test_with_the_rules_off_the_same_attacks_bring_no_alert(site: Site) -> None:
    """The control: what is told of at the end is the trap alone, whose rule is on."""
    off = ("probing-known", "scanner", "bad-input", "malformed", "wrong-hosts", "wrong-methods")
    with site.running({"GARRISON_DETECTION__OFF": ",".join(off)}):
        for rule in off:
            ATTACKS[rule](site)
        ATTACKS["honey-path"](site)
        assert soon(lambda: site.told.first("honey-path"), SOON + SLACK)
    assert {one["rule"] for _, one in site.told.told} == {"honey-path"}


def follows(site: Site, kind: str, rule: str, who: str) -> None:
    """The reaction was taken, and holds; never against this machine itself."""
    if who.startswith("127."):
        withheld = [one["details"] for one in site.events("reaction_withheld")]
        assert (rule, kind, who) in [(one["rule"], one["kind"], one["target"]) for one in withheld]
        return
    assert soon(lambda: site.told.reaction(kind, rule), SLACK), (kind, rule)
    if kind in ("ban", "slow"):
        met = {"ban": 403, "slow": 429}[kind]
        assert soon(lambda: site.visitor(who).get("/log-in").status == met, SOON + SLACK), (kind, rule, who)


def check(shots: dict[str, Shot]) -> None:
    """Each was heard, and none before its attack was made."""
    assert [shot.rule for shot in shots.values() if shot.heard is None] == []
    assert [shot.rule for shot in shots.values() if (shot.heard or 0) < shot.began] == []
