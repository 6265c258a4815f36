"""The shared store fails in every way we know, with a real server: nobody waits, limits hold, and it comes back.

CWE-636 (failing open), CWE-400: whoever can hang the store must gain neither unlimited requests nor a service that
stands still. ASVS 5.0, 16.5.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis

from garrison.core.clock import Clock
from garrison.core.ports import Quota
from garrison.policy.store_address import parse_store
from garrison.stores import MemoryCounters, StoreAway
from garrison.stores.fallback import FallbackCounters
from garrison.stores.link import Link
from garrison.stores.redis import RedisCounters
from garrison.stores.redis_records import RedisRecords
from tests.contracts.hands import Hands
from tests.support.valkey import Server, behind_sentinel, cluster

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]

FIVE = Quota("five", limit=5, window=600.0, burst=5)
PLENTY = Quota("plenty", limit=1_000_000, window=60.0, burst=100_000)
PROCESSES = 5
PATIENCE = 60.0


class Site:
    """A process's stores over one link. Limits are shared among `PROCESSES`, so locally only one of five passes."""

    def __init__(self, url: str) -> None:
        self.hands = Hands()
        clock = Clock(monotonic=lambda: self.hands.now, wall=time.time)
        self.changes: list[tuple[bool, str]] = []
        address = parse_store(url, secret=True)
        self.link = Link(address, clock, lambda away, why: self.changes.append((away, why)))
        self.far = RedisCounters(self.link, clock, cluster=address.kind == "cluster")
        near = MemoryCounters(clock, max_keys=1000, processes=PROCESSES)
        self.counters = FallbackCounters(self.far, near)
        self.records = RedisRecords(self.link, max_records=100)

    async def lose(self) -> None:
        """Call until the breaker is open."""
        await until(lambda: self.ask() if not self.link.away else nothing(), lambda: self.link.away)

    async def ask(self) -> None:
        await self.counters.take([(PLENTY, "k")])

    async def recover(self) -> None:
        """Let the breaker's time pass, as requests come, until the store is in use again."""

        async def later() -> None:
            self.hands.now += 10.0
            await self.ask()

        await until(later, lambda: not self.link.away)


async def nothing() -> None:
    """What is done while waiting for something that happens by itself."""


async def until(step: Callable[[], Awaitable[None]], is_done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_done():
        assert time.monotonic() < end, "it took too long"
        await step()
        await asyncio.sleep(0.01)


async def seconds(call: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    with suppress(StoreAway):
        await call()
    return time.perf_counter() - started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as started:
        yield started


@pytest.fixture
async def site(server: Server) -> AsyncIterator[Site]:
    made = Site(server.url)
    await made.link.open()
    yield made
    await made.link.close()


def refused(server: Server) -> None:
    server.stop()


def hung(server: Server) -> None:
    server.pause()


def another_password(server: Server) -> None:
    server.ask("CONFIG", "SET", "requirepass", "changed")
    server.log_in_with("changed")
    server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def demoted(server: Server) -> None:
    server.ask("REPLICAOF", "127.0.0.1", "1")


def full(server: Server) -> None:
    server.ask("CONFIG", "SET", "maxmemory", "1")


def restarted(server: Server) -> None:
    server.start()


def woken(server: Server) -> None:
    server.resume()


def password_taken_back(server: Server) -> None:
    server.ask("CONFIG", "SET", "requirepass", "")


def promoted(server: Server) -> None:
    server.ask("REPLICAOF", "NO", "ONE")


def given_room(server: Server) -> None:
    server.ask("CONFIG", "SET", "maxmemory", "0")


WAYS = [
    (refused, restarted), (hung, woken), (another_password, password_taken_back), (demoted, promoted),
    (full, given_room),
]  # fmt: skip
ways = pytest.mark.parametrize(("fail", "mend"), WAYS, ids=lambda way: way.__name__)


@ways
async def test_no_call_waits_long_and_once_known_none_waits_at_all(
    server: Server, site: Site, fail: Callable[[Server], None], mend: Callable[[Server], None]
) -> None:
    await site.ask()
    fail(server)
    first = [await seconds(site.ask) for _ in range(3)]
    await site.lose()
    later = [await seconds(site.ask) for _ in range(101)]
    records = [await seconds(lambda: site.records.get("session", "1")) for _ in range(101)]
    mend(server)
    assert min(first) <= 0.06
    assert max(first) <= 0.2, "room for a machine that is busy with other tests"
    assert statistics.median(later) <= 0.001
    assert statistics.median(records) <= 0.001


async def test_control_the_library_by_itself_waits_for_a_store_that_hangs(server: Server) -> None:
    client = Redis(port=server.port, socket_timeout=None)
    await client.ping()
    server.pause()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.ping(), 0.5)
    server.resume()
    await client.aclose()


@ways
async def test_limits_go_on_at_their_share_and_each_change_is_told_once(
    server: Server, site: Site, fail: Callable[[Server], None], mend: Callable[[Server], None]
) -> None:
    fail(server)
    await site.lose()
    passed = [(await site.counters.take([(FIVE, "k")]))[0].allowed for _ in range(10)]
    assert sum(passed) == FIVE.burst // PROCESSES
    with pytest.raises(StoreAway):
        await site.records.get("session", "1")
    assert [away for away, _ in site.changes] == [True]
    assert site.changes[0][1]
    mend(server)
    await site.recover()
    assert [away for away, _ in site.changes] == [True, False]
    passed = [(await site.counters.take([(FIVE, "other")]))[0].allowed for _ in range(10)]
    assert sum(passed) == FIVE.burst
    assert await site.records.put("session", "1", {}) is not None


async def test_a_key_that_the_store_refused_stays_refused_while_it_is_away(server: Server, site: Site) -> None:
    for _ in range(6):
        (last,) = await site.counters.take([(FIVE, "k")])
    assert not last.allowed
    server.stop()
    await site.lose()
    site.hands.now += last.retry_after - 1.0
    assert not (await site.counters.take([(FIVE, "k")]))[0].allowed
    assert (await site.counters.take([(FIVE, "another")]))[0].allowed
    site.hands.now += 1.1
    assert (await site.counters.take([(FIVE, "k")]))[0].allowed


async def test_control_without_what_is_remembered_it_would_start_afresh(server: Server, site: Site) -> None:
    for _ in range(6):
        await site.counters.take([(FIVE, "k")])
    server.stop()
    await site.lose()
    site.far.refusals.forget(FIVE, "k")
    assert (await site.counters.take([(FIVE, "k")]))[0].allowed


async def test_an_attempt_that_fails_again_is_not_told_again(server: Server, site: Site) -> None:
    server.stop()
    await site.lose()
    for _ in range(5):
        site.hands.now += 10.0
        await site.ask()
        await asyncio.sleep(0.02)
    assert [away for away, _ in site.changes] == [True]


@ways
async def test_a_process_that_nobody_asks_anything_comes_back_too(
    server: Server, site: Site, fail: Callable[[Server], None], mend: Callable[[Server], None]
) -> None:
    fail(server)
    await site.lose()
    mend(server)
    site.hands.now += 10.0
    await until(nothing, lambda: not site.link.away)
    assert [away for away, _ in site.changes] == [True, False]


async def test_attempts_without_a_request_go_on_at_their_distances_until_it_is_closed(tmp_path: Path) -> None:
    server = Server(tmp_path)
    site = Site(server.url)
    await site.link.open()
    for _ in range(2):  # each fails, and arms the next
        site.hands.now += 10.0
        await asyncio.sleep(0.3)
    assert site.link.away
    with server:
        await site.link.close()
        site.hands.now += 10.0
        await asyncio.sleep(0.3)
        assert site.link.away, "closed: nothing is under way any more"


async def test_a_flood_against_a_store_that_hangs_ends_within_one_deadline(server: Server, site: Site) -> None:
    await asyncio.gather(*(site.ask() for _ in range(20)))
    server.pause()
    took = await seconds(lambda: asyncio.gather(*(site.ask() for _ in range(200))))
    server.resume()
    assert took < 0.5
    assert site.link.away or not site.changes


async def test_a_store_that_is_away_at_the_start_is_told_and_used_once_it_is_there(tmp_path: Path) -> None:
    server = Server(tmp_path)
    site = Site(server.url)
    await site.link.open()
    assert [away for away, _ in site.changes] == [True]
    assert (await site.counters.take([(FIVE, "k")]))[0].allowed
    with server:
        await site.recover()
        assert [away for away, _ in site.changes] == [True, False]
        await site.link.close()


async def test_a_wrong_password_is_told_and_never_shown(server: Server) -> None:
    server.ask("CONFIG", "SET", "requirepass", "right")
    site = Site(f"redis://ann:hunter2@127.0.0.1:{server.port}")
    await site.link.open()
    assert [away for away, _ in site.changes] == [True]
    with pytest.raises(StoreAway) as caught:
        await site.records.get("session", "1")
    shown = f"{site.changes} {caught.value} {caught.value!r} {vars(caught.value)}"
    assert "hunter2" not in shown
    assert "ann" not in shown
    assert "password" in shown, "control: it does say what is wrong"
    await site.link.close()


async def test_behind_sentinel_the_new_primary_is_found_and_limits_are_kept(tmp_path: Path) -> None:
    with behind_sentinel(tmp_path) as (servers, sentinels):
        site = Site(f"redis+sentinel://127.0.0.1:{sentinels[0].port}/primary")
        await site.link.open()
        assert not site.link.away
        for _ in range(6):
            (last,) = await site.counters.take([(FIVE, "k")])
        assert not last.allowed
        servers[0].ask("WAIT", "1", "1000")
        servers[0].stop()
        await site.lose()
        servers[1].wait_until("role:master", "INFO", "replication")
        await site.recover()
        site.far.refusals.forget(FIVE, "k")
        assert not (await site.counters.take([(FIVE, "k")]))[0].allowed, "the replica knew"
        assert [away for away, _ in site.changes] == [True, False]
        await site.link.close()


async def test_a_node_of_a_cluster_that_hangs_is_noticed_although_the_others_answer(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        site = Site("redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes))
        await site.link.open()
        nodes[0].pause()
        keys = iter(range(100_000))

        async def ask() -> None:
            await site.counters.take([(PLENTY, str(next(keys)))])

        await until(ask, lambda: site.link.away)
        site.hands.now += 10.0
        await ask()
        await asyncio.sleep(0.1)
        assert site.link.away, "the attempt asks the node that hung, not one that answers"
        nodes[0].resume()
        await site.recover()
        await site.link.close()
