"""Questions to the store, as `garrison report` and `garrison events` ask them."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from garrison.core.verdict import Mode, Reason
from garrison.events.bus import Bus
from garrison.events.query import Example, NoEvents, StoreAway, find, summary, tail
from garrison.events.sqlite import SqliteWriter
from garrison.events.vocabulary import EventName, for_reason
from tests.events.making import WHEN, Ticking, event, facts, section


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "state" / "events.db"
    ticking = Ticking()
    bus = Bus(section(), ticking.clock, [SqliteWriter(path, 1000)], "web1", routes=("default", "login"))

    def refuse(
        reason: Reason, layer: str, mode: Mode, count: int, route: int = 0, address: str = "203.0.113.9"
    ) -> None:
        for number in range(count):
            ticking.now += 1
            asked = facts(f"/{layer}/{number}", route=route, address=address, request_id=f"{layer}-{mode}-{number}")
            bus.emit(for_reason(reason), asked, reason=reason, layer=layer, mode=mode, status=403)

    bus.emit(EventName.POLICY_LOADED, preset="browser")
    refuse(Reason.CSRF_MISSING, "csrf", Mode.MONITOR, 5)
    refuse(Reason.CSRF_MISSING, "csrf", Mode.MONITOR, 2, address="203.0.113.10")
    refuse(Reason.RATE_LIMITED, "rate", Mode.ENFORCE, 3, route=1)
    assert bus.close()
    return path


def test_a_request_id_finds_its_events_and_only_them(store: Path) -> None:
    found = find(store, "rate-enforce-1")
    assert [(one.name, one.path, one.reason) for one in found] == [
        (EventName.EXCESS_RATE_LIMIT_EXCEEDED, "/rate/1", "rate-limited")
    ]
    assert find(store, "unknown") == []
    assert find(store, "") == []


def test_the_tail_is_followed_by_place(store: Path) -> None:
    newest = tail(store, 2)
    assert [one.event.path for one in newest] == ["/rate/1", "/rate/2"]
    assert tail(store, after=newest[-1].id) == []
    assert [one.id for one in tail(store, after=newest[0].id)] == [newest[1].id]


def test_the_summary_counts_by_layer_route_reason_and_mode_with_examples(store: Path) -> None:
    csrf, rate = summary(store)
    assert (csrf.layer, csrf.route, csrf.reason, csrf.mode) == ("csrf", "default", "csrf-missing", "monitor")
    assert (csrf.count, csrf.clients, csrf.first, csrf.last) == (7, 2, WHEN + 1, WHEN + 7)
    assert (rate.layer, rate.route, rate.mode, rate.count, rate.clients) == ("rate", "login", "enforce", 3, 1)
    assert rate.examples[0] == Example("rate-enforce-2", "POST", "/rate/2", "203.0.113.9")
    assert len(csrf.examples) == 3


def test_the_summary_can_begin_later(store: Path) -> None:
    assert [(row.layer, row.count) for row in summary(store, since=WHEN + 9)] == [("rate", 2)]


def test_reading_changes_nothing_and_works_while_it_is_written(store: Path) -> None:
    before = store.read_bytes()
    tail(store)
    summary(store)
    assert store.read_bytes() == before
    writer = SqliteWriter(store, 1000)
    writer.write([event(seq=77)])
    assert tail(store)[-1].event.seq == 77
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_a_missing_store_is_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(NoEvents, match=r"no event store.*Run the application once"):
        tail(tmp_path / "events.db")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - the question must not have made it


def test_a_broken_store_is_told_and_not_guessed_at(tmp_path: Path, store: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"not a database at all" * 50)
    with pytest.raises(StoreAway, match="can't be read"):
        summary(broken)
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE events SET body = '{}'")
    with pytest.raises(StoreAway, match="not an event"):
        tail(store)
