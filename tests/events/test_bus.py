"""The bus never blocks or raises, brings every event to every writer, and reports what it lost."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from garrison.core.clock import SYSTEM, Clock
from garrison.core.ports import Emit
from garrison.core.verdict import Mode, Reason
from garrison.events.bounded import Drops
from garrison.events.bus import Bus
from garrison.events.terms import Outcome
from garrison.events.vocabulary import EventName
from garrison.events.writers import EventsUnwritable
from tests.events.making import Listed, Ticking, facts, section

SPENT = EventName.EXCESS_RATE_LIMIT_EXCEEDED


def bus_of(*writers: Listed, queue: int = 1000, clock: Clock | None = None, **options: Any) -> Bus:
    return Bus(section(queue=queue), clock or Ticking().clock, writers, "web1", **options)


def until(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait for another thread, bounded."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _has(writer: Listed, count: int) -> bool:
    return len(writer.events) == count


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "garrison-events"]


def test_an_event_reaches_every_writer_with_number_run_and_node() -> None:
    first, second = Listed("first"), Listed("second")
    bus = bus_of(first, second)
    emit: Emit = bus.emit
    emit(EventName.STARTUP)
    emit(EventName.CSRF_REFUSED, facts(), reason=Reason.CSRF_MISSING, mode=Mode.MONITOR, layer="csrf")
    assert bus.flush()
    assert first.names() == second.names() == ["sys_startup", "csrf_refused"]
    assert [one.seq for one in first.events] == [1, 2]
    assert {one.node for one in first.events} == {"web1"}
    assert len({one.run for one in first.events}) == 1
    assert first.events[1].outcome is Outcome.WOULD_REFUSE


def test_a_flood_leaves_a_bounded_queue_and_a_count_that_is_an_event() -> None:
    writer = Listed()
    bus = bus_of(writer, queue=100)
    for _ in range(5000):
        bus.emit(SPENT, facts())
    for _ in range(10):
        bus.emit(EventName.AUTHN_LOGIN_FAIL, facts())
    assert bus.stats().queued == 100
    assert bus.flush()
    assert writer.names().count("authn_login_fail") == 10
    told = [one for one in writer.events if one.name is EventName.EVENTS_DROPPED]
    assert [one.details for one in told] == [{"chatter": 4910, "relevant": 0, "where": "queue"}]
    assert bus.stats().dropped == Drops(chatter=4910)


def test_drops_are_told_once_and_again_when_there_are_more() -> None:
    writer = Listed()
    bus = bus_of(writer, queue=100)
    for _ in range(2):
        for _ in range(150):
            bus.emit(EventName.AUTHN_LOGIN_FAIL)
        bus.flush()
    told = [one.details["relevant"] for one in writer.events if one.name is EventName.EVENTS_DROPPED]
    assert told == [50, 50]


def test_a_failing_writer_holds_up_no_other_and_its_failure_is_an_event() -> None:
    ticking, good, bad, alarms = Ticking(), Listed("good"), Listed("bad"), list[str]()
    bus = bus_of(bad, good, clock=ticking.clock, alarm=alarms.append)
    bad.error = OSError(28, "No space left on device")
    bus.emit(EventName.STARTUP)
    assert not bus.flush()
    assert good.names() == ["sys_startup", "service_degraded"]
    assert "events:bad" in good.events[1].details.values()
    bad.error = None
    assert bus.flush()
    assert bad.names() == ["sys_startup", "service_degraded", "service_recovered"]
    assert good.names() == bad.names()
    assert len(alarms) == 1


def test_what_a_failing_writer_lost_is_told_to_all_when_it_works_again() -> None:
    good, bad = Listed("good"), Listed("bad")
    bus = bus_of(bad, good, queue=100, alarm=lambda _: None)
    bad.error = OSError()
    for _ in range(3):
        for _ in range(80):
            bus.emit(EventName.AUTHN_LOGIN_FAIL)
        assert not bus.flush(1.0)
    assert bus.stats().writers[0].pending == 100
    assert EventName.EVENTS_DROPPED not in good.names()
    bad.error = None
    assert bus.flush()
    lost = bus.stats().writers[0].lost
    assert lost == 3 * 80 + 1 - 100  # the event that says it fails is one of them
    for writer in (good, bad):
        told = [one.details for one in writer.events if one.name is EventName.EVENTS_DROPPED]
        assert told == [{"lost": lost, "where": "bad"}]


@pytest.mark.parametrize("name", [None, 3, object(), [], "x" * 10_000, "\ud800"])
def test_emit_raises_for_nothing(name: Any) -> None:
    writer = Listed()
    bus = bus_of(writer)
    bus.emit(name)
    bus.emit(EventName.STARTUP, object(), when=object(), token=b"\xff")  # type: ignore[arg-type]  # a careless caller
    bus.emit(EventName.STARTUP, facts(), status=10**5000, x={"a": [1]})  # type: ignore[arg-type]  # a careless caller
    bus.emit(EventName.SHUTDOWN)
    assert bus.flush()
    assert writer.names()[-1] == "sys_shutdown"
    stats = bus.stats()
    assert len(writer.events) + stats.malformed == 4


def test_a_broken_clock_is_counted_and_not_raised() -> None:
    def broken() -> float:
        raise RuntimeError("no time")

    bus = bus_of(Listed(), clock=Clock(monotonic=lambda: 0.0, wall=broken))
    bus.emit(EventName.STARTUP)
    assert bus.stats().malformed == 1


def test_the_thread_writes_without_being_asked_and_sleeps_in_between() -> None:
    writer = Listed()
    bus = bus_of(writer)
    bus.start()
    for number in range(1, 4):
        bus.emit(EventName.STARTUP)
        assert until(partial(_has, writer, number))
    assert bus.close()


def test_many_threads_emit_and_nothing_is_lost_or_doubled() -> None:
    writer = Listed()
    bus = bus_of(writer, queue=100_000)
    bus.start()
    before = len(threads())

    def work() -> None:
        for _ in range(2000):
            bus.emit(EventName.AUTHN_LOGIN_FAIL, facts())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(threads()) <= before  # no thread was added; those of other tests' buses may end meanwhile
    assert bus.close()
    assert sorted(one.seq for one in writer.events) == list(range(1, 8001))


def test_a_writer_that_hangs_does_not_hold_up_emit_or_flush() -> None:
    go = threading.Event()

    class Hangs(Listed):
        def write(self, events: object) -> int:
            go.wait(20)
            return super().write(events)  # type: ignore[arg-type]  # passed on as it came

    bus = bus_of(Hangs(), queue=100)
    bus.start()
    bus.emit(EventName.STARTUP)
    assert until(lambda: bus.idle)
    began = time.perf_counter()
    for _ in range(1000):
        bus.emit(SPENT, facts())
    assert time.perf_counter() - began < 1.0
    assert not bus.flush(0.05)
    go.set()
    assert bus.close()


def test_close_writes_what_waits_and_later_events_are_counted() -> None:
    writer = Listed()
    bus = bus_of(writer)
    bus.start()
    bus.emit(EventName.SHUTDOWN)
    assert bus.close()
    assert writer.names() == ["sys_shutdown"]
    assert writer.closed == 1
    bus.emit(EventName.STARTUP)
    assert bus.stats().dropped == Drops(relevant=1)
    assert bus.close()


def test_close_says_what_could_not_be_written() -> None:
    writer, alarms = Listed(), list[str]()
    writer.error = OSError(28, "full")
    bus = bus_of(writer, alarm=alarms.append)
    bus.emit(EventName.SHUTDOWN)
    assert not bus.close()
    assert any("could not be written before the end" in alarm for alarm in alarms)


def test_a_writer_that_cannot_be_opened_stops_the_start() -> None:
    class Shut(Listed):
        def open(self) -> None:
            raise PermissionError(13, "Permission denied")

    before = len(threads())
    with pytest.raises(EventsUnwritable, match=r"shut.*Permission denied"):
        bus_of(Shut("shut")).start()
    assert len(threads()) <= before


def test_a_bus_nobody_holds_goes_away_with_its_thread() -> None:
    before = len(threads())
    writer = Listed()
    bus = bus_of(writer)
    bus.start()
    bus.emit(EventName.STARTUP)
    gone = weakref.ref(bus)
    del bus
    assert until(lambda: gc.collect() >= 0 and gone() is None and len(threads()) <= before)
    assert writer.names() == ["sys_startup"]


def test_attached_writers_get_what_comes_after() -> None:
    bus, late = bus_of(), Listed()
    bus.emit(EventName.STARTUP)
    bus.flush()
    bus.attach(late)
    bus.emit(EventName.SHUTDOWN)
    bus.flush()
    assert late.names() == ["sys_shutdown"]


def test_what_happens_while_the_bus_is_held_reaches_writers_attached_after_it() -> None:
    early, late = Listed("early"), Listed("late")
    bus = bus_of(early)
    bus.start()
    try:
        with bus.held():
            bus.emit(EventName.STARTUP)
            time.sleep(0.1)  # the thread has been rung, and would have written by now
            assert early.events == []
            bus.attach(late)
        assert until(lambda: _has(late, 1))
        assert early.names() == late.names() == ["sys_startup"]
    finally:
        bus.close()


def test_the_thread_asks_a_failing_writer_again_without_new_events() -> None:
    writer = Listed()
    writer.error = OSError(28, "full")
    bus = bus_of(writer, clock=SYSTEM, alarm=lambda _: None)
    bus.start()
    bus.emit(EventName.STARTUP)
    assert until(lambda: bool(bus.stats().writers[0].failures))
    writer.error = None
    assert until(lambda: writer.names()[:1] == ["sys_startup"])
    assert bus.close()


def test_a_faulty_alarm_does_not_end_the_thread(capsys: pytest.CaptureFixture[str]) -> None:
    def faulty(message: str) -> None:
        raise RuntimeError(f"nobody hears: {message}")

    good, bad = Listed("good"), Listed("bad")
    bad.error = OSError(28, "full")
    bus = bus_of(good, bad, clock=SYSTEM, alarm=faulty)
    bus.start()
    bus.emit(EventName.STARTUP)
    assert until(partial(_has, good, 1))
    bus.emit(EventName.SHUTDOWN)
    assert until(lambda: "sys_shutdown" in good.names())
    bad.error = None
    assert bus.close()
    assert "the events thread met RuntimeError" in capsys.readouterr().err
