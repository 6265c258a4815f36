"""The store's password is replaced under load: however it is set up, no call fails, and the old one is done with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from garrison.core.clock import SYSTEM
from garrison.policy.store_address import parse_store
from garrison.stores import StoreAway
from garrison.stores.link import Link
from garrison.stores.scripts import ATTEMPT
from tests.support.valkey import Server, behind_sentinel, cluster

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]
Stood = tuple[list[Server], str]
"""The servers that keep data, and the address with `{}` for the password."""


@contextmanager
def alone(folder: Path) -> Iterator[Stood]:
    with Server(folder) as server:
        yield [server], f"redis://shop:{{}}@127.0.0.1:{server.port}/0"


@contextmanager
def watched(folder: Path) -> Iterator[Stood]:
    with behind_sentinel(folder) as (servers, sentinels):
        yield servers, f"redis+sentinel://shop:{{}}@127.0.0.1:{sentinels[0].port}/primary/0"


@contextmanager
def spread(folder: Path) -> Iterator[Stood]:
    with cluster(folder) as nodes:
        yield nodes, f"redis+cluster://shop:{{}}@{','.join(f'127.0.0.1:{node.port}' for node in nodes)}"


def ask_all(servers: list[Server], *words: str) -> None:
    for server in servers:
        server.ask(*words)


async def calling(link: Link, stop: asyncio.Event, failed: list[StoreAway], done: list[int], key: bytes) -> None:
    while not stop.is_set():
        try:
            await link.call(ATTEMPT, [key], [b""])
            done.append(1)
        except StoreAway as error:
            failed.append(error)
        await asyncio.sleep(0.002)


async def more(done: list[int], count: int = 40) -> None:
    wanted = len(done) + count
    async with asyncio.timeout(30):
        while len(done) < wanted:  # noqa: ASYNC110  # nothing tells a test of it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", [alone, watched, spread], ids=["standalone", "Sentinel", "cluster"])
async def test_no_call_fails_while_the_password_is_replaced(kind: object, tmp_path: Path) -> None:
    with kind(tmp_path) as (servers, address):  # type: ignore[operator]
        ask_all(servers, "ACL", "SETUSER", "shop", "on", ">first", ">second", "~*", "&*", "+@all")
        first, second = (parse_store(address.format(word), secret=True) for word in ("first", "second"))
        link = Link(first, SYSTEM, lambda away, why: None, seconds=5.0)
        await link.open()
        stop = asyncio.Event()
        failed: list[StoreAway] = []
        done: list[int] = []
        # Keys of several places: in a cluster every node is asked.
        callers = [asyncio.create_task(calling(link, stop, failed, done, b"{%d}:x" % number)) for number in range(6)]
        await more(done)
        await link.use(second)
        ask_all(servers, "ACL", "SETUSER", "shop", "<first")
        await more(done)
        stop.set()
        await asyncio.gather(*callers)
        assert failed == []
        with pytest.raises(StoreAway):  # control: the old one is refused now, and the link stays with the new one
            await link.use(first)
        ask_all(servers, "CLIENT", "KILL", "USER", "shop")
        await until_answered(link)
        await link.close()


async def until_answered(link: Link) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await link.call(ATTEMPT, [b"x"], [b""])
            except StoreAway:
                await asyncio.sleep(0.05)
            else:
                return
