"""The detector sees what the application answers, tells of alerts, survives its rules, and begins anew after a fork."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from garrison import harden
from garrison.detection.build import attach_to_supervisor
from garrison.detection.runner import Detector
from garrison.detection.sightings import Sightings
from garrison.events.capture import Captured, capturing_bus
from garrison.events.event import Event
from garrison.events.vocabulary import EventName
from garrison.policy.model import Policy
from garrison.recording import announce
from garrison.testing import captured_events, testing_policy
from tests.detection.making import engine, event, rule

TOOL = {"user-agent": "curl/8.5.0"}
SCAN = ("/.env", "/.git/config", "/phpinfo.php", "/backup.zip")


async def broken(request: Request) -> Response:
    raise RuntimeError("broken")


async def nothing(request: Request) -> Response:
    return PlainTextResponse("nothing here")


def site(tmp_path: Path, **policy: Any) -> Any:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 2_000_000)

    async def file(request: Request) -> Response:
        return FileResponse(large)

    routes = [Route("/", nothing), Route("/broken", broken), Route("/file", file), Route("/trap", nothing)]
    return harden(Starlette(routes=routes), testing_policy(**{"detection": {"enabled": True}, **policy}))


def soon(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def about(events: Captured, rule: str) -> list[Event]:
    return [one for one in events.of("alert_raised") if one.details["rule"] == rule]


def test_a_scanner_is_told_of_within_five_seconds(tmp_path: Path) -> None:
    app = site(tmp_path)
    with captured_events(app) as events, TestClient(app, base_url="https://testserver", headers=TOOL) as client:
        assert [client.get(path).status_code for path in SCAN] == [404] * 4
        assert soon(lambda: bool(about(events, "probing-known")))
    (alert,) = about(events, "probing-known")
    assert alert.severity == "warning"
    assert alert.details["rule"] == "probing-known"
    assert alert.details["confidence"] == "high"
    assert alert.details["held"] is True
    assert alert.details["attack"] == "T1595.002 T1595.003"
    assert str(alert.details["runbook"]).endswith("#probing-known")


def test_what_another_site_has_a_browser_do_is_not_held_against_it(tmp_path: Path) -> None:
    app = site(tmp_path)
    victim = {"sec-fetch-site": "cross-site", "user-agent": "Mozilla/5.0 Gecko/1 Firefox/143.0"}
    with captured_events(app) as events, TestClient(app, base_url="https://testserver", headers=victim) as client:
        for path in SCAN:
            client.get(path)
        assert soon(lambda: bool(about(events, "probing-known")))
    assert about(events, "probing-known")[0].details["held"] is False


def test_with_detection_off_nothing_is_told_and_that_is_recorded(tmp_path: Path) -> None:
    """The control, and its price: the same scanner, and a policy that says so."""
    app = site(tmp_path, detection={"enabled": False})
    with captured_events(app) as events, TestClient(app, base_url="https://testserver", headers=TOOL) as client:
        for path in SCAN:
            client.get(path)
        assert not soon(lambda: bool(events.of("alert_raised")), 1.0)
    bus, captured = capturing_bus()
    announce(Policy(detection={"enabled": False}), bus.emit)
    assert captured.of("sys_monitor_disabled")[0].details["sections"] == "detection"


def test_errors_large_answers_and_traps_are_noted_and_ordinary_answers_only_counted(tmp_path: Path) -> None:
    seen = Sightings(time.time, "n", ("default",), ("/trap",), ())
    routes = [Route("/", nothing), Route("/trap", nothing), Route("/broken", broken)]
    app = harden(Starlette(routes=routes), testing_policy(detection={"enabled": False}), layers=[seen.layer])
    client = TestClient(app, base_url="https://testserver", headers=TOOL, raise_server_exceptions=False)
    seen.drain()
    for path in ("/", "/", "/gone", "/trap", "/broken"):
        client.get(path)
    *noted, counted = seen.drain()
    assert [(one.name, one.path, one.status) for one in noted] == [
        ("request_noted", "/gone", 404), ("request_noted", "/trap", 200),
    ]  # fmt: skip
    assert noted[1].details == {"trap": True}
    assert counted.details == {"answers": 5, "errors": 1, "good": 4, "lost": 0}
    assert seen.drain() == []


def test_what_goes_beyond_the_bound_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garrison.detection.sightings._MOST", 3)
    seen = Sightings(time.time, "n", ("default",), (), ())
    app = harden(Starlette(), testing_policy(detection={"enabled": False}), layers=[seen.layer])
    client = TestClient(app, base_url="https://testserver")
    seen.drain()
    for number in range(8):
        client.get(f"/{number}")
    *noted, counted = seen.drain()
    assert len(noted) == 3
    assert counted.details["lost"] == 5


def quiet() -> Sightings:
    return Sightings(time.time, "n", ("default",), (), ())


def test_a_rule_that_fails_is_told_once_and_does_not_stop_the_others() -> None:
    bus, captured = capturing_bus()
    detector = Detector(engine, quiet(), bus.emit, time.time)

    class Broken:
        rule = rule(id="broken")

        def feed(self, *_: object) -> None:
            raise ZeroDivisionError

        def overdue(self, now: float) -> Any:
            return iter(())

    watching = detector.engine
    watching._by_name[EventName.AUTHZ_FAIL] = [(Broken(), lambda event: "x")]  # type: ignore[list-item]
    fed = [event(EventName.AUTHZ_FAIL), event(EventName.AUTHZ_FAIL), *(event(at=at) for at in range(3))]
    assert len(detector.fold(fed)) == 1
    assert captured.names() == ["service_degraded", "alert_raised"]


def test_a_flood_of_chatter_is_bounded_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("garrison.detection.runner._MOST", 10)
    bus, captured = capturing_bus()
    detector = Detector(engine, quiet(), bus.emit, time.time)
    monkeypatch.setattr(detector, "start", lambda: None)
    chatter = [event(EventName.BAN_HELD) for _ in range(50)]
    assert detector.write([*chatter, *(event(at=at) for at in range(3))]) == 53
    assert len(detector.turn()) == 1
    assert captured.of("events_dropped")[0].details == {"lost": 50, "where": "detection"}


def test_a_supervisor_hears_of_workers_that_die() -> None:
    """It has no application of its own, and is the only one that knows."""
    bus, captured = capturing_bus()
    attach_to_supervisor(testing_policy(detection={"enabled": True}, store="redis://127.0.0.1:1"), bus)
    for _ in range(3):
        bus.emit(EventName.CRASH, status=9)
    bus.flush()
    assert soon(lambda: about(captured, "dies-again"))


def test_a_process_that_forks_begins_to_count_anew() -> None:
    bus, _ = capturing_bus()
    detector = Detector(engine, quiet(), bus.emit, time.time)
    detector.fold([event(at=0), event(at=1)])
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        detector.start()
        told = len(detector.fold([event(at=2)]))
        alive = detector._thread is not None and detector._thread.is_alive()
        os.write(writer, f"{told} {alive}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"0 True"
    assert len(detector.fold([event(at=2)])) == 1
