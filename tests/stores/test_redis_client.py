"""Reaching a shared store: verified TLS, an ACL user with the least rights, few waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.core.clock import SYSTEM
from garrison.core.ports import Quota
from garrison.policy.store_address import parse_store, resolve_store
from garrison.stores import StoreAway
from garrison.stores.link import Link
from garrison.stores.redis import RedisCounters
from garrison.stores.redis_records import RedisRecords
from garrison.stores.scripts import FORGET
from tests.support.revealing import revealing
from tests.support.valkey import Server
from tests.support.valkey_links import RIGHTS, Pair, encrypted, make_certificate

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]

TEN = Quota("ten", limit=10, window=60.0, burst=10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "valkey") as started:
        yield started


async def works(link: Link) -> bool:
    """Whether limits can be charged and records kept over `link`."""
    counters, records = RedisCounters(link, SYSTEM), RedisRecords(link, max_records=10)
    try:
        await counters.take([(TEN, "k")])
        await counters.give_back([(TEN, "k")])
        await counters.forget(TEN, "k")
        await records.put("session", "1", {"of": "ann"}, expires=time.time() + 60)
        await records.put("session", "1", {"of": "ann"})
        return bool(await records.find("session", "of", "ann")) and await records.delete("session", "1")
    except StoreAway:
        return False
    finally:
        await link.close()


async def reaches(address: str, environ: dict[str, str] | None = None) -> tuple[bool, str]:
    """Whether a store works, and what was told when it did not."""
    told: list[str] = []
    link = Link(
        resolve_store(address, revealing(environ or {})), SYSTEM, lambda away, why: told.append(why), seconds=5.0
    )
    await link.open()
    return await works(link), " ".join(told)


async def test_a_user_with_the_documented_rights_is_enough(server: Server) -> None:
    server.ask("ACL", "SETUSER", "garrison", "on", ">s3cret", "~garrison:*", *RIGHTS.split())
    server.ask("ACL", "SETUSER", "default", "off")
    address = f"redis://garrison:env:PW@127.0.0.1:{server.port}"
    assert await reaches(address, {"PW": "s3cret"}) == (True, "")
    assert not (await reaches(address, {"PW": "wrong"}))[0]
    assert not (await reaches(f"{address}?namespace=elsewhere", {"PW": "s3cret"}))[0], "control: the rights hold"


async def test_a_password_alone_and_a_database_are_used(server: Server) -> None:
    server.ask("CONFIG", "SET", "requirepass", "s3cret")
    assert (await reaches("env:URL", {"URL": f"redis://:s3cret@127.0.0.1:{server.port}/3"}))[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_certificate(tmp_path_factory.mktemp("tls"))


async def test_tls_is_used_and_certificate_and_name_are_checked(server: Server, certificate: Pair) -> None:
    ca = certificate[0]
    async with encrypted(server, certificate) as port:
        assert await reaches(f"rediss://localhost:{port}?ca={ca}") == (True, "")
        for address in (f"rediss://localhost:{port}", f"rediss://127.0.0.1:{port}?ca={ca}"):
            reached, told = await reaches(address)
            assert not reached
            assert "certificate verify failed" in told.lower()
        assert not (await reaches(f"redis://localhost:{port}"))[0]


async def test_calls_before_the_first_connection_wait_for_it(server: Server) -> None:
    link = Link(parse_store(server.url), SYSTEM, lambda away, why: None, seconds=5.0)
    assert await works(link)


async def test_a_call_that_is_cancelled_ends_though_the_library_swallows_that_now_and_then(server: Server) -> None:
    link = Link(parse_store(server.url), SYSTEM, lambda away, why: None, seconds=5.0)
    await link.open()

    async def calling() -> None:
        while True:
            await link.call(FORGET, [b"x"], [b""])

    for turn in range(30):
        callers = [asyncio.create_task(calling()) for _ in range(6)]
        await asyncio.sleep(0.002 + turn * 0.0003)
        for caller in callers:
            caller.cancel()
        done, left = await asyncio.wait(callers, timeout=5)
        while left:  # so that this test can fail
            for caller in left:
                caller.cancel()
            _, left = await asyncio.wait(left, timeout=0.1)
        assert len(done) == 6
    await link.close()


async def test_a_link_works_in_one_event_loop_after_another(server: Server) -> None:
    link = Link(parse_store(server.url), SYSTEM, lambda away, why: None, seconds=5.0)

    def elsewhere() -> bool:
        return asyncio.run(works(link))

    assert await asyncio.to_thread(elsewhere)
    assert await asyncio.to_thread(elsewhere)
