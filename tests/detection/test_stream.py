"""Many nodes over a real Valkey: one folds for all, nothing is lost when it dies, and nothing is told twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.detection import stream as streams
from garrison.detection.engine import Engine
from garrison.detection.runner import Detector
from garrison.detection.sightings import Sightings
from garrison.detection.stream import Stream, StreamAway, client_for
from garrison.events.capture import Captured, capturing_bus
from garrison.events.event import Event
from garrison.policy.store_address import parse_store
from tests.detection.making import event, rule
from tests.support.valkey import Server
from tests.support.valkey_links import RIGHTS

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("detection")]
LEASE_MS = 1000


class Node:
    """A process, as far as detection goes; its turns are taken by hand."""

    def __init__(self, server: Server, name: str, url: str = "") -> None:
        self.bus, self.captured = capturing_bus()
        seen = Sightings(time.time, name, (), (), ())
        self.detector = Detector(lambda: Engine([rule(cooldown=3600)], 1000), seen, self.bus.emit, time.time)
        self.stream = Stream(lambda: client_for(parse_store(url or server.url, secret=True)), "test", time.time)
        self.detector.stream = self.stream
        self.detector.settle = self.bus.flush
        self.detector.start = lambda: None  # type: ignore[method-assign]  # no thread

    def turn(self, *events: Event) -> int:
        self.detector.write(events)
        return len(self.detector.turn())

    @property
    def alerts(self) -> list[Event]:
        return self.captured.of("alert_raised")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(streams, "LEASE_MS", LEASE_MS)
    with Server(tmp_path / "valkey") as running:
        yield running


def now(seq: int, **fields: object) -> Event:
    made = event(at=0, seq=seq, **{"run": "r", **fields})
    object.__setattr__(made, "when", time.time())
    return made


def lapse() -> None:
    time.sleep(LEASE_MS / 1000 + 0.2)


def test_a_user_with_the_rights_that_the_docs_tell_to_give_is_enough(server: Server) -> None:
    server.ask("ACL", "SETUSER", "garrison", "on", ">s3cret", "~test:*", *RIGHTS.split())
    url = f"redis://garrison:s3cret@127.0.0.1:{server.port}"
    first, second = Node(server, "a", url), Node(server, "b", url)
    first.turn()
    assert second.turn(now(1), now(2), now(3)) + first.turn() == 1, "published, read and told by whoever leads"
    first.stream.abandon()
    second.turn()
    assert second.stream.leading, "handed over, with what was folded already"
    server.ask("ACL", "SETUSER", "garrison", "-xadd")
    with pytest.raises(StreamAway, match="NoPermission"):  # the control
        second.stream.publish([now(4)])


def test_the_docs_tell_these_rights() -> None:
    page = Path("docs/stores.md").read_text("utf-8")
    told = page.split("ACL SETUSER garrison on >… ~garrison:* ")[1].split("```")[0]
    assert told.split() == RIGHTS.split()


def test_what_no_node_sees_alone_is_seen_together(server: Server) -> None:
    first, second, third = (Node(server, name) for name in "abc")
    assert first.turn() == 0
    assert [second.turn(now(1)), third.turn(now(2)), second.turn(now(3))] == [0, 0, 0]
    assert first.turn() == 1
    assert [first.turn(), second.turn(), third.turn()] == [0, 0, 0]
    assert [len(node.alerts) for node in (first, second, third)] == [1, 0, 0]


def test_the_control_is_blind(server: Server) -> None:
    """The same three events, each node for itself."""
    alone = [Node(server, name) for name in "abc"]
    for node in alone:
        node.detector.stream = None
    assert [node.turn(now(number)) for number, node in enumerate(alone)] == [0, 0, 0]


def test_one_leads_and_another_takes_over_with_all_that_was_known(server: Server) -> None:
    first, second = Node(server, "a"), Node(server, "b")
    first.turn(now(1), now(2))
    assert first.stream.leading
    second.turn()
    assert not second.stream.leading
    lapse()  # the first is dead: it takes no more turns
    assert second.turn(now(3)) == 1
    assert second.stream.leading


def test_what_a_dead_leader_had_read_and_not_finished_is_folded_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Node(server, "a"), Node(server, "b")
    first.turn()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(first.detector, "_tell", dies)
    with pytest.raises(KeyboardInterrupt):
        first.turn(now(1), now(2), now(3))
    lapse()
    assert second.turn() == 1
    assert len(second.alerts) == 1


def test_what_was_told_is_not_told_again_by_who_takes_over(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Node(server, "a"), Node(server, "b")
    first.turn()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(first.stream, "finish", dies)
    with pytest.raises(KeyboardInterrupt):
        first.turn(now(1), now(2), now(3))
    assert len(first.alerts) == 1
    lapse()
    assert second.turn() == 0
    assert second.turn(now(4), now(5), now(6)) == 0


def test_an_event_that_is_published_twice_counts_once(server: Server) -> None:
    node = Node(server, "a")
    node.turn()
    assert node.turn(now(1), now(1), now(2), now(2)) == 0
    assert node.turn(now(3)) == 1


def test_a_leader_that_ends_hands_over_at_once(server: Server) -> None:
    first, second = Node(server, "a"), Node(server, "b")
    first.turn()
    first.stream.abandon()
    second.turn()
    assert second.stream.leading


def test_while_the_store_hangs_every_node_folds_what_it_sees_and_that_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_TIMEOUT", 0.2)
    node = Node(server, "a")
    node.turn()
    server.pause()
    try:
        assert node.turn(now(1), now(2), now(3)) == 1
        assert node.turn(now(4)) == 0
    finally:
        server.resume()
    names = names_of(node.captured)
    assert names.count("service_degraded") == 1
    node.turn()
    assert names_of(node.captured).count("service_recovered") == 1


def test_what_is_no_event_stops_nobody(server: Server) -> None:
    node = Node(server, "a")
    node.turn()
    client = client_for(parse_store(server.url))
    for text in ("{", "null", '{"when": "x"}', "[]"):
        client.xadd(node.stream._key, {"e": text})
    client.xadd(node.stream._key, {"other": "x"})
    assert node.turn(now(1), now(2), now(3)) == 1


def test_a_stream_that_was_deleted_is_begun_anew(server: Server) -> None:
    node = Node(server, "a")
    node.turn()
    client_for(parse_store(server.url)).flushall()
    node.turn(now(1))
    node.turn(now(2))
    node.turn(now(3))
    lapse()
    node.turn()
    assert len(node.alerts) == 1


def test_no_store_is_an_error_of_its_own_type() -> None:
    away = Stream(lambda: client_for(parse_store("redis://127.0.0.1:1")), "test", time.time)
    with pytest.raises(StreamAway):
        away.lead()


def names_of(captured: Captured) -> list[str]:
    return captured.names()
