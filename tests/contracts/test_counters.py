"""What every implementation of `core.ports.Counters` must do."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence

import pytest

from garrison.core.ports import Counters, Quota, Taken

from .hands import Hands
from .making import COUNTERS, Making
from .making import MakeCounters as Make

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]

THREE = Quota("three", limit=3, window=60.0, burst=3)
TEN = Quota("ten", limit=10, window=60.0, burst=10)


@pytest.fixture(params=COUNTERS)
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    making = Making(request, request.param)
    await making.open()
    yield making.counters
    await making.close()


async def take(counters: Counters, *charges: tuple[Quota, str], cost: int = 1) -> Sequence[Taken]:
    taken = counters.take(charges, cost)
    return await taken if inspect.isawaitable(taken) else taken


async def forget(counters: Counters, quota: Quota, key: str) -> None:
    done = counters.forget(quota, key)
    if done is not None:
        await done


async def test_a_local_store_answers_at_once_and_a_remote_one_is_awaited(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    taken = counters.take([(TEN, "a")])
    assert inspect.isawaitable(taken) is not counters.local
    if inspect.isawaitable(taken):
        await taken


async def test_the_burst_passes_and_the_next_request_does_not(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    answers = [(await take(counters, (THREE, "a")))[0] for _ in range(4)]
    assert [one.allowed for one in answers] == [True, True, True, False]
    assert [one.remaining for one in answers] == [2, 1, 0, 0]


async def test_one_more_request_passes_per_interval(make: Make) -> None:
    hands = Hands()
    counters = make(hands.clock, 1000)
    for _ in range(3):
        await take(counters, (THREE, "a"))
    hands.now += 20.0
    assert (await take(counters, (THREE, "a")))[0].allowed
    assert not (await take(counters, (THREE, "a")))[0].allowed


async def test_after_waiting_as_told_the_next_request_passes_and_not_before(make: Make) -> None:
    hands = Hands()
    counters = make(hands.clock, 1000)
    for _ in range(3):
        await take(counters, (THREE, "a"))
    (refused,) = await take(counters, (THREE, "a"))
    assert refused.retry_after == pytest.approx(20.0, abs=0.01)
    hands.now += refused.retry_after - 0.1
    assert not (await take(counters, (THREE, "a")))[0].allowed
    hands.now += 0.1
    assert (await take(counters, (THREE, "a")))[0].allowed


async def test_after_the_reset_the_whole_burst_is_there_again(make: Make) -> None:
    hands = Hands()
    counters = make(hands.clock, 1000)
    for _ in range(2):
        (last,) = await take(counters, (THREE, "a"))
    assert last.reset == pytest.approx(40.0, abs=0.01)
    hands.now += last.reset
    assert (await take(counters, (THREE, "a"), cost=0))[0].remaining == 3


async def test_when_one_quota_refuses_none_is_charged(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    for _ in range(3):
        await take(counters, (THREE, "a"))
    for charges in ([(TEN, "a"), (THREE, "a")], [(THREE, "a"), (TEN, "a")]):
        answers = {one.quota.name: one for one in await take(counters, *charges)}
        assert not answers["three"].allowed
        assert answers["ten"].allowed
        assert answers["ten"].remaining == 10
    assert (await take(counters, (TEN, "a"), cost=0))[0].remaining == 10


async def test_answers_come_in_the_order_of_the_charges(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    taken = await take(counters, (TEN, "a"), (THREE, "b"), (TEN, "c"))
    assert [one.quota for one in taken] == [TEN, THREE, TEN]


async def test_keys_and_quotas_count_apart_and_quotas_of_one_name_together(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    same_name = Quota("three", limit=3, window=60.0, burst=3)
    for _ in range(3):
        await take(counters, (THREE, "a"))
    assert (await take(counters, (THREE, "b")))[0].allowed
    assert (await take(counters, (TEN, "a")))[0].allowed
    assert not (await take(counters, (same_name, "a")))[0].allowed


async def test_a_cost_counts_as_so_many_requests_and_a_cost_of_nothing_only_looks(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    assert (await take(counters, (TEN, "a"), cost=7))[0].remaining == 3
    assert not (await take(counters, (TEN, "a"), cost=4))[0].allowed
    assert (await take(counters, (TEN, "a"), cost=0))[0].remaining == 3
    assert (await take(counters, (TEN, "a"), cost=3))[0].allowed


async def test_a_cost_above_the_burst_is_never_promised_a_time(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    assert (await take(counters, (THREE, "a"), cost=4))[0].retry_after == float("inf")


async def test_a_pair_that_is_given_twice_is_refused_as_a_whole_when_there_is_room_for_one(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    await take(counters, (THREE, "a"), cost=2)
    assert not all(one.allowed for one in await take(counters, (THREE, "a"), (THREE, "a")))
    assert (await take(counters, (THREE, "a"), cost=0))[0].remaining == 1


async def test_a_negative_cost_is_a_mistake_of_the_caller(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    with pytest.raises(ValueError, match="negative"):
        await take(counters, (THREE, "a"), cost=-1)


async def test_a_forgotten_key_is_whole_again(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    for _ in range(4):
        await take(counters, (THREE, "a"))
    await forget(counters, THREE, "a")
    await forget(counters, THREE, "never seen")
    assert (await take(counters, (THREE, "a")))[0].remaining == 2


async def give_back(counters: Counters, *charges: tuple[Quota, str], cost: int = 1) -> None:
    done = counters.give_back(charges, cost)
    if done is not None:
        await done


async def test_what_is_given_back_can_be_taken_again_and_never_more(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    for _ in range(3):
        await take(counters, (THREE, "a"))
    await give_back(counters, (THREE, "a"))
    assert [(await take(counters, (THREE, "a")))[0].allowed for _ in range(2)] == [True, False]
    await give_back(counters, (THREE, "a"), (THREE, "never seen"), cost=100)
    assert [(await take(counters, (THREE, "a")))[0].allowed for _ in range(4)] == [True, True, True, False]


async def test_what_has_grown_whole_by_itself_is_not_given_back_again(make: Make) -> None:
    hands = Hands()
    counters = make(hands.clock, 1000)
    await take(counters, (THREE, "a"))
    hands.now += 60.0
    await give_back(counters, (THREE, "a"))
    assert [(await take(counters, (THREE, "a")))[0].allowed for _ in range(4)] == [True, True, True, False]


async def test_a_refused_key_stays_refused_while_others_fill_the_store(make: Make) -> None:
    counters = make(Hands().clock, 1000)
    for _ in range(3):
        await take(counters, (THREE, "victim"))
    for start in range(0, 4000, 16):
        await asyncio.gather(*(take(counters, (THREE, f"other-{start + number}")) for number in range(16)))
    assert not (await take(counters, (THREE, "victim")))[0].allowed
