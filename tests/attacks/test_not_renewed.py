"""Somebody keeps the authority from reaching this server (a firewall, a captured name), so that no certificate is
renewed: after a day without one, people are called.

A real issuer and a real authority (pebble), a real receiver; the day passes on a clock of the test's own. The control:
the way is open again within the day, a certificate comes, and nobody is called.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from garrison.core.clock import Clock
from garrison.core.ports import Services
from garrison.detection.build import attach_detection, rules_for
from garrison.events.bus import Bus
from garrison.events.capture import Captured
from garrison.policy.model import EventsSection, Policy
from garrison.policy.section_alerts import AlertReceiver, AlertsSection
from garrison.reactions.delivery import build_delivery
from garrison.serve.issuing.state import Progress
from tests.events.exports.receiving import web, within
from tests.serve.authority import Authority
from tests.serve.issuing.conftest import Machine
from tests.support.pebble import Pebble, free_port, pebble
from tests.support.revealing import revealing

pytestmark = [pytest.mark.server]
HOUR = 3600.0


class Watch:
    """Detection of a server's events on a clock that can be set forward; its alerts go to `url`."""

    def __init__(self, policy: Policy, url: str) -> None:
        self.passed = 0.0
        clock = Clock(monotonic=time.monotonic, wall=lambda: time.time() + self.passed)
        self.captured = Captured()
        self.bus = Bus(EventsSection(output="none", store=False), clock, [self.captured], "web-1")
        found = attach_detection(policy, self.bus, Services(clock=clock, emit=self.bus.emit), (), str, str)
        assert found is not None
        self.detector = found
        section = AlertsSection(receivers=(AlertReceiver(to=url, gather=0.0),))
        for outlet in build_delivery(section, rules_for(policy), b"k" * 32, self.bus.emit, print, revealing({})):
            self.bus.attach(outlet)

    def after(self, hours: float) -> list[str]:
        """Let `hours` pass; the rules that have spoken by then."""
        self.passed += hours * HOUR
        self.bus.flush()
        self.detector.turn()
        self.bus.flush()
        return [str(one.details["rule"]) for one in self.captured.of("alert_raised")]

    def close(self) -> None:
        self.detector.close()
        self.bus.close()


class Watched(Machine):
    """A machine whose issuer's events are watched."""

    watch: Watch

    def emit(self, name: str, facts: object = None, /, **details: Any) -> None:
        self.watch.bus.emit(name, None, **details)


def failing(folder: Path, authority: Pebble, url: str) -> Watched:
    """A machine at whose port 80 nobody answers any more, and which has tried once."""
    machine = Watched(folder, authority)
    machine.watch = Watch(machine.policy, url)
    with machine:
        pass
    assert machine.issuer.attempt(Progress()) is not None
    return machine


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Pebble]:
    signed = Authority(tmp_path / "web", "Authority of the directory")
    signed.pair("server")
    with pebble(tmp_path / "pebble", signed.file, http_port=free_port()) as running:
        yield running


def test_a_certificate_that_is_kept_from_being_renewed_calls_somebody_and_one_that_is_late_does_not(
    tmp_path: Path, authority: Pebble
) -> None:
    with web() as (url, got):
        shut = failing(tmp_path / "shut", authority, url)
        assert shut.watch.after(1) == []
        assert shut.issuer.attempt(Progress(failures=1)) is not None
        assert shut.watch.after(22.5) == []
        assert shut.watch.after(1) == ["not-renewed"]
        assert within(10, lambda: got)
        shut.watch.close()

        watch = failing(tmp_path / "late", authority, url).watch  # the control
        assert watch.after(1) == []
        open_again = Watched(tmp_path / "late", authority)
        open_again.watch = watch
        with open_again:
            assert open_again.issuer.attempt(Progress(failures=1)) is None
        assert watch.after(47) == []
        watch.close()
    (told,) = [json.loads(body) for _, body in got]
    assert told["title"] == "[error] A certificate is still not renewed: web-1"
