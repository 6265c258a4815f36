"""One timer looks at all connections; a broken one does not end the watch over the others."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from garrison.serve.sweep import TICK, Sweep

pytestmark = pytest.mark.anyio


class Transport:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


class Connection:
    def __init__(self, fails: bool = False) -> None:
        self.looks: list[tuple[float, float]] = []
        self.pipe = Transport()
        self.fails = fails

    @property
    def transport(self) -> asyncio.Transport:
        return cast("asyncio.Transport", self.pipe)

    def sweep(self, now: float, passed: float) -> None:
        if self.fails:
            raise ValueError
        self.looks.append((now, passed))


def test_each_look_tells_the_time_and_how_much_has_passed() -> None:
    sweep, connection = Sweep(), Connection()
    sweep.watched.add(connection)
    sweep.look(10.0)
    sweep.look(10.5)
    assert connection.looks[1] == (10.5, 0.5)
    assert sweep.now == 10.5


def test_a_connection_that_cannot_be_looked_at_is_ended_and_others_are_watched() -> None:
    sweep, good, bad = Sweep(), Connection(), Connection(fails=True)
    sweep.watched |= {good, bad}
    sweep.look(1.0)
    sweep.look(2.0)
    assert len(good.looks) == 2
    assert bad.pipe.aborted
    assert not good.pipe.aborted


async def test_it_ticks_until_it_is_stopped() -> None:
    sweep, connection = Sweep(), Connection()
    sweep.watched.add(connection)
    sweep.start(asyncio.get_running_loop())
    async with asyncio.timeout(10 * TICK):
        while len(connection.looks) < 2:  # noqa: ASYNC110  # a real timer is what is tested
            await asyncio.sleep(0.01)
    sweep.stop()
    seen = len(connection.looks)
    await asyncio.sleep(1.5 * TICK)
    assert len(connection.looks) == seen
