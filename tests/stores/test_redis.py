"""Counters in a shared store: as memory's, across processes, in one round trip or none."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from garrison.core.clock import Clock
from garrison.core.ports import Quota
from garrison.layers.rate_keys import network_charges
from garrison.policy.store_address import parse_store
from garrison.stores import MemoryCounters
from garrison.stores.link import Link
from garrison.stores.redis import RedisCounters, place_of
from garrison.stores.refusals import Refusals
from tests.contracts.hands import Hands
from tests.support.facts import client_of
from tests.support.hammer import QUOTA
from tests.support.valkey import Server

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]

THREE = Quota("three", limit=3, window=60.0, burst=3)
FAST = Quota("fast", limit=1000, window=1.0, burst=1000)
_NAMES = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("valkey")) as started:
        yield started


@pytest.fixture
async def link(server: Server) -> AsyncIterator[Link]:
    """A link to a server that knows the script of `take`: the first call ever made takes one trip more, to send it."""
    opened = Link(parse_store(server.url), Hands().clock, lambda away, why: None, seconds=5.0)
    await opened.open()
    await made(opened, Hands()).take([(FAST, "first")])
    yield opened
    await opened.close()


def made(link: Link, hands: Hands, *, cluster: bool = False) -> RedisCounters:
    """Counters on the time of `hands`, in a namespace of their own."""
    namespace = f"redis-{next(_NAMES)}"
    return RedisCounters(link, hands.clock, namespace=namespace, cluster=cluster, now=hands.clock.wall)


def commands(server: Server) -> int:
    """Commands the server has run so far, those inside scripts left out."""
    lines = server.ask("INFO", "commandstats").split("\r\n")
    calls = {line.partition(":")[0]: int(line.split("calls=")[1].split(",")[0]) for line in lines if "calls=" in line}
    return sum(calls.get(name, 0) for name in ("cmdstat_evalsha", "cmdstat_eval"))


@pytest.mark.parametrize("cluster", [False, True])
async def test_decisions_are_those_of_memory(link: Link, cluster: bool) -> None:
    """With `cluster` on one server: several places and giving back, compared with one step."""
    hands, chance = Hands(), random.Random(7)
    shared, memory = made(link, hands, cluster=cluster), MemoryCounters(hands.clock, max_keys=1000)
    quotas = [Quota("a", 5, 10.0, 3), Quota("b", 50, 60.0, 10), Quota("c", 7, 3.0, 7)]
    for _ in range(400):
        hands.now += chance.choice([0.0, 0.0, 0.1, 0.7, 3.0])
        charges = [(chance.choice(quotas), chance.choice("xy")) for _ in range(chance.choice([1, 1, 2, 3]))]
        cost = chance.choice([0, 1, 1, 1, 2])
        ours, theirs = await shared.take(charges, cost), memory.take(charges, cost)
        assert all(one.allowed for one in ours) is all(one.allowed for one in theirs)
        if all(one.allowed for one in theirs):
            assert [one.remaining for one in ours] == [one.remaining for one in theirs]
            assert [one.reset for one in ours] == pytest.approx([one.reset for one in theirs], abs=1e-5)
        elif len(charges) == 1:
            assert ours[0].retry_after == pytest.approx(theirs[0].retry_after, abs=1e-5)


async def test_all_limits_of_a_decision_take_one_round_trip(server: Server, link: Link) -> None:
    counters = made(link, Hands())
    before = commands(server)
    taken = await counters.take([(THREE, "a"), (FAST, "a"), (FAST, "b")])
    assert all(one.allowed for one in taken)
    assert commands(server) - before == 1


async def test_in_a_cluster_all_limits_of_an_ipv6_client_take_one_script_too(server: Server, link: Link) -> None:
    counters = made(link, Hands(), cluster=True)
    before = commands(server)
    charges = network_charges([THREE, FAST])(client_of("2001:db8:7:1::5"))
    assert len(charges) == 6
    await counters.take(charges)
    assert commands(server) - before == 1


async def test_a_refused_key_takes_no_round_trip_until_its_time_or_five_seconds(server: Server, link: Link) -> None:
    hands = Hands()
    counters = made(link, hands)
    for _ in range(4):
        (last,) = await counters.take([(THREE, "a")])
    assert not last.allowed
    before = commands(server)
    for step in range(40):
        hands.now += 0.1
        beside, refused = await counters.take([(FAST, "a"), (THREE, "a")])
        assert not refused.allowed
        assert beside.allowed
        assert refused.retry_after == pytest.approx(last.retry_after - 0.1 * (step + 1), abs=0.01)
    assert commands(server) == before
    hands.now += 1.1
    await counters.take([(THREE, "a")])
    assert commands(server) - before == 1


async def test_a_refusal_of_many_at_once_does_not_stop_a_smaller_request(link: Link) -> None:
    counters = made(link, Hands())
    assert not (await counters.take([(THREE, "a")], cost=4))[0].allowed
    assert (await counters.take([(THREE, "a")], cost=3))[0].allowed


async def test_a_key_that_was_made_whole_is_asked_about_again(link: Link) -> None:
    counters = made(link, Hands())
    for _ in range(4):
        await counters.take([(THREE, "a")])
    await counters.forget(THREE, "a")
    assert (await counters.take([(THREE, "a")]))[0].allowed


async def test_a_script_that_the_store_has_forgotten_is_sent_again(server: Server, link: Link) -> None:
    counters = made(link, Hands())
    await counters.take([(THREE, "a")])
    server.ask("SCRIPT", "FLUSH")
    assert (await counters.take([(THREE, "a")]))[0].remaining == 1
    server.ask("SCRIPT", "FLUSH")
    slow = Quota("slow", 1000, 3600.0, 1000)  # nothing comes back while the test runs
    both = await asyncio.gather(*(counters.take([(slow, "many")]) for _ in range(50)))
    assert sorted(one.remaining for (one,) in both) == list(range(950, 1000))


async def test_many_calls_at_once_share_few_connections(server: Server, link: Link) -> None:
    counters = made(link, Hands())
    taken = await asyncio.gather(*(counters.take([(FAST, "many")]) for _ in range(100)))
    assert sum(one.allowed for (one,) in taken) == 100
    assert int(server.ask("INFO", "clients").split("connected_clients:")[1].split("\r")[0]) <= 8


async def test_keys_leave_the_store_when_they_are_whole(server: Server, link: Link) -> None:
    hands = Hands()
    counters = RedisCounters(link, hands.clock, namespace="leaving")
    await counters.take([(Quota("q", 20, 1.0, 20), "k")])
    (left,) = [int(server.ask("PTTL", "leaving:{}:1:q:k").strip(":\r\n"))]
    assert 0 < left <= 51


async def test_names_and_keys_that_run_together_are_counted_apart(link: Link) -> None:
    counters = made(link, Hands())
    await counters.take([(Quota("a", 3, 60.0, 3), "1:a:b")], cost=3)
    assert (await counters.take([(Quota("a:1:a", 3, 60.0, 3), "b")]))[0].allowed
    assert (await counters.take([(Quota("a", 3, 60.0, 3), "\udcff}{")]))[0].allowed


async def test_clocks_of_clients_that_are_an_hour_off_change_nothing(link: Link) -> None:
    quota = Quota("q", limit=10, window=600.0, burst=10)

    def machine(ahead: float) -> RedisCounters:
        clock = Clock(monotonic=lambda: time.monotonic() + ahead, wall=lambda: time.time() + ahead)
        return RedisCounters(link, clock, namespace="clocks")

    machines = [machine(ahead) for ahead in (-3600.0, 0.0, 3600.0)]
    passed = [(await machines[number % 3].take([(quota, "k")]))[0].allowed for number in range(30)]
    assert passed == [True] * 10 + [False] * 20
    waits = [(await one.take([(quota, "k")]))[0].retry_after for one in machines]
    assert waits == pytest.approx([60.0] * 3, abs=5.0)


def test_four_processes_with_fifty_tasks_each_never_pass_more_than_limit_and_burst(server: Server) -> None:
    command = [sys.executable, "-m", "tests.support.hammer", server.url, "1.0", "50"]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        outputs = [process.communicate("go\n", timeout=60)[0].split() for process in _all_told(processes)]
    allowed = sum(int(one[0]) for one in outputs)
    span = max(float(one[2]) for one in outputs) - min(float(one[1]) for one in outputs)
    assert allowed <= QUOTA.burst + span * QUOTA.limit / QUOTA.window
    assert allowed >= QUOTA.burst + QUOTA.limit / 2, "control: they did ask for more than that"


def _all_told(processes: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


class TestPlaces:
    def test_the_networks_of_one_ipv6_client_have_one_place(self) -> None:
        keys = ["2001:db8:7:1::/64", "20010db8000700", "20010db80007"]
        assert {place_of(key) for key in keys} == {"20010db80007"}

    def test_other_keys_are_their_own_place_and_no_key_can_break_the_hash_tag(self) -> None:
        assert place_of("203.0.113.9") == "203.0.113.9"
        assert place_of("user\0ann") == "user\0ann"
        assert place_of("a:b/c") == "a:b/c"
        for key in ("}", "{", "", "{}", "a}b"):
            place = place_of(key)
            assert place
            assert not {"{", "}"} & set(place)


class TestWhatIsRemembered:
    def test_it_is_bounded_and_the_oldest_go_first(self) -> None:
        hands = Hands()
        refusals, counters = Refusals(hands.clock.monotonic), MemoryCounters(hands.clock, max_keys=100)
        counters.take([(THREE, "k")], cost=3)
        taken = counters.take([(THREE, "k")])
        for number in range(12_000):
            refusals.add([(THREE, str(number))], taken, 1, [True])
        assert len(refusals) == 10_000
        assert refusals.answer([(THREE, "0")], 1) is None
        assert refusals.answer([(THREE, "11999")], 1) is not None

    def test_it_ends_when_the_wait_is_over(self) -> None:
        hands = Hands()
        refusals, counters = Refusals(hands.clock.monotonic), MemoryCounters(hands.clock, max_keys=100)
        quick = Quota("quick", limit=1, window=2.0, burst=1)
        counters.take([(quick, "k")])
        refusals.add([(quick, "k")], counters.take([(quick, "k")]), 1, [True])
        hands.now += 1.9
        assert refusals.answer([(quick, "k")], 1) is not None
        hands.now += 0.1
        assert refusals.answer([(quick, "k")], 1) is None
        assert len(refusals) == 0
