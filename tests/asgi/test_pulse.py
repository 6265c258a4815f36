"""The pulse brings the event loop's delay to the capacity, while there is something to see."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from garrison.asgi.pulse import Pulse
from garrison.core.capacity import TICK, Capacity
from garrison.core.clock import Clock

PATIENCE = 10.0


class Watched(Capacity):
    """Counts its ticks, and tells when there were `enough` and when it went to sleep."""

    def __init__(self, late: float = 0.0, enough: int = 1) -> None:
        super().__init__(least=1, most=100, target=0.05)
        self.ticks = 0
        self.enough = enough
        self.reached = asyncio.Event()
        self.asleep = asyncio.Event()
        times = count()
        # The clock is read twice for each tick: when it is planned, and when it comes.
        Pulse(self, Clock(monotonic=lambda: next(times) * (TICK + late), wall=lambda: 0.0))

    def tick(self, delay: float) -> bool:
        self.ticks += 1
        goes_on = super().tick(delay)
        if self.ticks >= self.enough:
            self.reached.set()
        if not goes_on:
            self.asleep.set()
        return goes_on


@pytest.mark.parametrize(("late", "limit"), [(0.3, 25), (0.0, 100)])
def test_a_loop_that_is_late_lowers_the_limit_and_one_that_is_not_does_not(late: float, limit: float) -> None:
    async def run() -> float:
        capacity = Watched(late, enough=2 if late else 6)
        capacity.wake()
        capacity.active = 50
        await asyncio.wait_for(capacity.reached.wait(), PATIENCE)
        return capacity.limit

    assert asyncio.run(run()) == limit


def test_it_sleeps_when_nothing_is_in_progress_and_wakes_again() -> None:
    async def run() -> list[bool]:
        capacity = Watched()
        capacity.wake()
        states = [capacity.awake]
        await asyncio.wait_for(capacity.asleep.wait(), PATIENCE)
        await asyncio.sleep(0)
        states.append(capacity.awake)
        capacity.wake()
        return [*states, capacity.awake]

    assert asyncio.run(run()) == [True, False, True]


def test_a_new_loop_takes_over_from_one_that_has_ended() -> None:
    capacity = Watched()

    async def enter() -> None:
        capacity.wake()
        capacity.active += 10
        capacity.leave(10)

    for _ in range(5):
        asyncio.run(enter())
    assert capacity.active == 10, "what the last loop left"

    async def see() -> None:
        capacity.wake()
        await asyncio.wait_for(capacity.asleep.wait(), PATIENCE)

    asyncio.run(see())
    assert capacity.active == 0


def test_waking_it_twice_does_not_make_it_tick_twice() -> None:
    async def run() -> int:
        capacity = Watched(enough=3)
        capacity.active = 1
        for _ in range(10):
            capacity.wake()
        await asyncio.wait_for(capacity.reached.wait(), PATIENCE)
        return capacity.ticks

    assert asyncio.run(run()) == 3


def test_outside_an_event_loop_nothing_ticks_and_nothing_is_left_behind() -> None:
    capacity = Watched()
    capacity.wake()
    capacity.active += 1
    capacity.leave(1)
    assert (capacity.awake, capacity.active) == (False, 0)
