"""A failing writer keeps its events, is asked again, alarms once a minute, and stays bounded."""

from __future__ import annotations

from garrison.events.event import Event
from garrison.events.lanes import Lane, Turn
from garrison.events.vocabulary import EventName
from tests.events.making import Listed, event

CHATTER = EventName.EXCESS_RATE_LIMIT_EXCEEDED


def lane(limit: int = 100) -> tuple[Lane, Listed, list[str]]:
    writer, alarms = Listed(), list[str]()
    return Lane(writer, limit, alarms.append), writer, alarms


def many(count: int, name: EventName = EventName.AUTHN_LOGIN_FAIL) -> list[Event]:
    return [event(name, seq=number) for number in range(count)]


def test_events_are_written_in_batches_and_in_order() -> None:
    tested, writer, _ = lane(5000)
    tested.offer(many(1200))
    assert tested.push(0.0) is Turn.SAME
    assert [one.seq for one in writer.events] == list(range(1200))
    assert tested.stats().written == 1200


def test_a_failing_writer_is_asked_again_after_a_second_and_loses_nothing() -> None:
    tested, writer, _ = lane()
    tested.offer(many(3))
    writer.error = OSError(28, "No space left on device")
    assert tested.push(10.0) is Turn.FAILED
    writer.error = None
    assert tested.push(10.5) is Turn.SAME
    assert writer.events == []
    assert tested.push(11.0) is Turn.RECOVERED
    assert len(writer.events) == 3
    assert (tested.stats().failures, tested.stats().failing, tested.stats().lost) == (1, "", 0)


def test_force_asks_before_the_time() -> None:
    tested, writer, _ = lane()
    tested.offer(many(1))
    writer.error = OSError()
    tested.push(10.0)
    writer.error = None
    assert tested.push(10.0, force=True) is Turn.RECOVERED


def test_the_operator_is_told_once_a_minute() -> None:
    tested, writer, alarms = lane()
    tested.offer(many(3))
    writer.error = OSError(28, "No space left on device")
    for second in range(150):
        tested.push(float(second))
    assert len(alarms) == 3
    assert "listed" in alarms[0]
    assert "No space left" in alarms[0]
    assert tested.stats().failures == 150


def test_at_the_bound_chatter_goes_first_and_then_the_newest() -> None:
    tested, writer, _ = lane(limit=4)
    tested.offer([*many(2, CHATTER), *many(3)])
    tested.offer(many(3))
    tested.push(0.0)
    assert [(one.name, one.seq) for one in writer.events] == [
        (EventName.AUTHN_LOGIN_FAIL, 0), (EventName.AUTHN_LOGIN_FAIL, 1), (EventName.AUTHN_LOGIN_FAIL, 2),
        (EventName.AUTHN_LOGIN_FAIL, 0),
    ]  # fmt: skip
    assert tested.stats().lost == 4
    assert tested.unreported == 4


def test_a_writer_that_writes_a_part_gets_the_rest_again_and_nothing_twice() -> None:
    class Sips(Listed):
        def write(self, events: object) -> int:
            assert isinstance(events, list)
            self.events += events[:2]
            return min(2, len(events))

    writer = Sips()
    tested = Lane(writer, 100, lambda _: None)
    tested.offer(many(5))
    tested.push(0.0)
    assert [one.seq for one in writer.events] == [0, 1, 2, 3, 4]


def test_a_writer_that_claims_nonsense_counts_as_failing() -> None:
    class Boasts(Listed):
        def write(self, events: object) -> int:
            return 99

    tested = Lane(Boasts(), 100, lambda _: None)
    tested.offer(many(2))
    assert tested.push(0.0) is Turn.FAILED
    assert tested.pending == 2
