"""Alerts reach real receivers, once, gathered, tried again until taken; a failure is told."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from garrison.events.capture import capturing_bus
from garrison.events.event import Event
from garrison.events.exports.outlet import Outlet
from garrison.events.links import BadLink
from garrison.events.vocabulary import EventName
from garrison.policy.model import Policy
from garrison.policy.section_alerts import AlertReceiver, AlertsSection
from garrison.reactions.build import attach_alerts
from garrison.reactions.channels import AppriseChannel, channel_for
from garrison.reactions.delivery import AlertWriter, build_delivery
from garrison.reactions.message import Message
from garrison.secrets.keyring import Keyring
from tests.detection.making import event
from tests.events.exports.receiving import web
from tests.reactions.test_message import RULES, raised, taken
from tests.support.revealing import revealing

KEY = b"k" * 32


class World:
    """A bus, and outlets for receivers of `to`."""

    def __init__(self, *to: str, environ: dict[str, str] | None = None, **more: Any) -> None:
        self.bus, self.captured = capturing_bus()
        self.alarms: list[str] = []
        receivers = tuple(AlertReceiver(**{"to": one, "gather": 0.0, **more}) for one in to)
        section = AlertsSection(receivers=receivers)
        self.outlets: list[Outlet] = build_delivery(
            section, list(RULES.values()), KEY, self.bus.emit, self.alarms.append, revealing(environ or {})
        )

    def send(self, *events: Event) -> None:
        for outlet in self.outlets:
            outlet.write(events)

    def close(self) -> None:
        for outlet in self.outlets:
            outlet.close()


def soon(holds: Callable[[], object], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_a_webhook_gets_a_signed_message_with_the_details() -> None:
    with web() as (url, got):
        world = World(f"{url}/hook")
        world.send(event(), raised("stuffing", run="r", seq=5), taken("203.0.113.7"))
        assert soon(lambda: got)
        world.close()
    headers, body = got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    sent = json.loads(body)
    assert sent["title"] == "[error] Stolen passwords tried out: 203.0.113.7"
    assert [one["name"] for one in sent["alerts"]] == ["alert_raised", "reaction_taken"]
    assert sent["alerts"][0]["rule"] == "stuffing"


def test_what_another_node_tells_again_has_the_same_id_and_a_message_with_more_in_it_another() -> None:
    """A receiver that drops what it knows must drop the second of the same, and nothing else."""
    escalated = {"name": EventName.ALERT_ESCALATED, "details": {"alert": "a1", "step": 1}}
    first, again = (
        replace(raised("stuffing", run=run, seq=seq), **escalated)  # type: ignore[arg-type]
        for run, seq in (("one", 7), ("two", 3))
    )
    more = raised("log-changed", "web-1", run="one", seq=8)
    with web() as (url, got):
        channel = channel_for(AlertReceiver(to=url), KEY, revealing({}))
        for message in ([first], [again], [first, more]):
            channel.send(Message("t", "t"), message)
    ids = [headers["webhook-id"] for headers, _ in got]
    assert ids[0] == ids[1] != ids[2]
    assert [one["id"] for one in json.loads(got[2][1])["alerts"]] == ["a1/1", more.details["alert"]]


def test_apprise_delivers_to_a_real_receiver() -> None:
    with web() as (url, got):
        address = url.replace("http://", "json://")
        world = World("env:PAGER", environ={"PAGER": address})
        world.send(raised("stuffing"))
        assert soon(lambda: got)
        world.close()
    sent = json.loads(got[0][1])
    assert sent["title"] == "[error] Stolen passwords tried out: 203.0.113.7"
    assert "Do: Reset" in sent["message"]


@pytest.mark.anyio
@pytest.mark.parametrize("renewed", [True, False], ids=["renewed", "control: not renewed"])
async def test_a_receiver_s_new_password_is_used_from_the_next_message_on(renewed: bool) -> None:
    bus, _ = capturing_bus()
    attached: list[Outlet] = []
    bus.attach = attached.append  # type: ignore[method-assign,assignment]
    policy = Policy(alerts={"receivers": [{"to": "env:PAGER", "gather": 0}]})
    with web() as (url, got):
        where = url.removeprefix("http://")
        environ = {"PAGER": f"json://on:first@{where}"}
        renew = attach_alerts(policy, Keyring([KEY]), bus, revealing(environ))
        (outlet,) = attached
        outlet.write([raised("stuffing")])
        assert soon(lambda: len(got) == 1)
        environ["PAGER"] = f"json://on:second@{where}"
        if renewed:
            await renew()
        outlet.write([raised("log-changed", "web-1")])
        assert soon(lambda: len(got) == 2)
        outlet.close()
    words = [base64.b64decode(headers["authorization"].partition(" ")[2]).decode() for headers, _ in got]
    assert words == ["on:first", "on:second" if renewed else "on:first"]


@pytest.mark.parametrize("way", ["webhook", "apprise"])
def test_what_is_not_taken_is_sent_again_and_its_failure_is_told(way: str) -> None:
    answers = [500, 503]
    with web(lambda: answers.pop() if answers else 200) as (url, got):
        environ = {"PAGER": url.replace("http://", "json://")}
        world = World(url if way == "webhook" else "env:PAGER", environ=environ)
        world.send(raised("stuffing"))
        assert soon(lambda: got)
        assert soon(lambda: world.captured.of("service_recovered"))
        world.close()
    assert len(got) == 1
    (failed,) = world.captured.of("service_degraded")
    assert str(failed.details["service"]).startswith("events:alerts:")
    assert len(world.alarms) == 1


def test_a_receiver_that_is_away_is_away_in_the_metrics_and_the_other_on_its_host_is_not() -> None:
    with web() as (url, got):
        world = World(url, "http://127.0.0.1:9")
        for outlet in world.outlets:
            world.bus.attach(outlet)
        world.send(raised("stuffing"))
        assert soon(lambda: got and world.captured.of("service_degraded"))
        lanes = {one.writer: bool(one.failing) for one in world.bus.stats().writers if one.writer.startswith("alerts")}
        world.close()
    assert lanes == {"alerts:127.0.0.1": False, "alerts:127.0.0.1 (2)": True}
    (failed,) = world.captured.of("service_degraded")
    assert failed.details["service"] == "events:alerts:127.0.0.1 (2)"


def test_an_alert_that_comes_twice_is_told_once() -> None:
    with web() as (url, got):
        world = World(url)
        world.send(raised("stuffing"))
        assert soon(lambda: got)
        world.send(raised("stuffing"))
        world.send(raised("log-changed", "web-1"))
        assert soon(lambda: len(got) == 2)
        world.close()
    assert "Stolen passwords" not in json.loads(got[1][1])["text"]


def test_a_flood_becomes_few_messages() -> None:
    with web() as (url, got):
        world = World(url, gather=0.6, least="notice")
        for number in range(200):
            world.send(raised("probing-404", f"203.0.113.{number}"))
        told = lambda: sum(len(json.loads(body)["alerts"]) for _, body in got)  # noqa: E731
        assert soon(lambda: told() == 200)
        world.close()
    assert len(got) <= 4


def test_what_is_below_the_severity_or_confidence_asked_for_is_left_out() -> None:
    with web() as (url, got):
        world = World(url, least="error", confidence="high")
        world.send(raised("probing-404"), raised("errors-rise", "all"), event(), raised("stuffing"))
        assert soon(lambda: got)
        world.close()
    assert [one["rule"] for one in json.loads(got[0][1])["alerts"]] == ["stuffing"]


@pytest.mark.parametrize("to", ["mailto://user:hunter2@example.com", "ftp://example.com", "/var/file"])
def test_an_address_that_can_not_be_used_is_refused_at_start_and_not_shown(to: str) -> None:
    with pytest.raises(BadLink) as caught:
        channel_for(AlertReceiver(to=to), KEY, revealing({}))
    assert "hunter2" not in str(caught.value)


def test_a_secret_address_is_never_shown() -> None:
    with pytest.raises(BadLink) as caught:
        channel_for(AlertReceiver(to="env:PAGER"), KEY, revealing({"PAGER": "nonsense-hunter2"}))
    assert "hunter2" not in str(caught.value)
    channel = channel_for(AlertReceiver(to="env:PAGER"), KEY, revealing({"PAGER": "json://u:hunter2@127.0.0.1:1"}))
    assert isinstance(channel, AppriseChannel)
    with pytest.raises(OSError, match="PAGER") as failed:
        channel.send(Message("t", "t"), ())
    assert "hunter2" not in str(failed.value)


def test_everything_that_is_no_alert_is_done_with_at_once() -> None:
    class Never:
        name = "never"

        def send(self, message: Message, events: object) -> None:
            raise AssertionError("nothing is to be sent")

    writer = AlertWriter(Never(), AlertReceiver(to="https://a.example"), RULES)
    assert writer.write([event(), event(EventName.CSRF_REFUSED)]) == 2
