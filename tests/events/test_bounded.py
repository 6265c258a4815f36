"""The queue never grows over its bound, and what it loses is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from garrison.events.bounded import BoundedQueue, Drops
from garrison.events.vocabulary import EventName

CHATTER, RELEVANT = EventName.EXCESS_RATE_LIMIT_EXCEEDED, EventName.AUTHN_LOGIN_FAIL


def put(queue: BoundedQueue, name: str) -> int:
    return queue.put((queue.number(), 0.0, name, None, {}))


def test_events_come_out_in_the_order_they_came_in() -> None:
    queue = BoundedQueue(10)
    names = [CHATTER, RELEVANT, RELEVANT, CHATTER]
    assert [put(queue, name) for name in names] == [0, 1, 2, 3]
    drained = queue.drain()
    assert [raw[2] for raw in drained] == names
    assert [raw[0] for raw in drained] == [1, 2, 3, 4]
    assert len(queue) == 0


def test_a_full_queue_turns_chatter_away() -> None:
    queue = BoundedQueue(2)
    for _ in range(5):
        put(queue, CHATTER)
    assert queue.dropped == Drops(chatter=3)
    assert [raw[0] for raw in queue.drain()] == [1, 2]


def test_a_relevant_event_takes_the_place_of_the_oldest_chatter() -> None:
    queue = BoundedQueue(2)
    for name in (CHATTER, CHATTER, RELEVANT):
        put(queue, name)
    assert queue.dropped == Drops(chatter=1)
    assert [raw[0] for raw in queue.drain()] == [2, 3]


def test_relevant_events_are_dropped_only_when_nothing_else_is_left_and_counted_apart() -> None:
    queue = BoundedQueue(2)
    for name in (CHATTER, RELEVANT, RELEVANT, RELEVANT):
        put(queue, name)
    assert queue.dropped == Drops(chatter=1, relevant=1)
    assert [raw[0] for raw in queue.drain()] == [2, 3]


def test_a_closed_queue_counts_and_keeps_nothing() -> None:
    queue = BoundedQueue(2)
    put(queue, CHATTER)
    queue.drain()
    queue.limit = 0
    put(queue, CHATTER)
    put(queue, RELEVANT)
    assert (len(queue), queue.dropped) == (0, Drops(1, 1))


@given(st.integers(1, 8), st.lists(st.sampled_from([CHATTER, RELEVANT, ""]), max_size=60))
def test_every_event_is_either_drained_or_counted(limit: int, steps: list[str]) -> None:
    queue, drained, emitted = BoundedQueue(limit), [], 0
    for step in steps:
        if step:
            emitted += 1
            put(queue, step)
        else:
            drained += queue.drain()
        assert len(queue) <= limit
    drained += queue.drain()
    assert len(drained) + queue.dropped.chatter + queue.dropped.relevant == emitted
    relevant = steps.count(RELEVANT)
    assert sum(raw[2] == RELEVANT for raw in drained) + queue.dropped.relevant == relevant
