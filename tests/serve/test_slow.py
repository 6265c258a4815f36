"""Clients that are slow on purpose are dropped within their deadline, and nobody else notices.

Each attack holds hundreds of real TLS connections from 127.0.0.1, while another client asks from 127.0.0.2. The control
is stock uvicorn, which still holds them when all deadlines are over.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from garrison.serve.devca import DevCA
from tests.serve.running import HUGE, Running, production, stock

pytestmark = [pytest.mark.server, pytest.mark.anyio]

MANY, FEW = 500, 10
DEADLINES = {
    "handshake": 3.0, "header": 3.0, "body_grace": 2.0, "body_rate": 2000, "write_grace": 3.0, "write_rate": 100_000,
    "keep_alive": 3.0, "connections": 1000,
}  # fmt: skip
LATEST = 12.0
"""Seconds after which the last attacker must be gone: deadline, a look every half second, and a busy machine."""
CERTAIN = 6.0
"""Seconds after which every deadline is over, for a control that has none."""
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> DevCA:
    return DevCA.open(tmp_path_factory.mktemp("ca"), datetime.now(UTC).replace(microsecond=0))


@dataclass
class Crowd:
    """Attackers. `gone` counts those whose connection the server has ended."""

    connected: int = 0
    gone: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


async def _attack(running: Running, crowd: Crowd, first: bytes, drip: bytes, read: bool, handshake: bool) -> None:
    context = running.context if handshake else None
    name = "localhost" if handshake else None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=context, server_hostname=name)
    except OSError:
        crowd.gone += 1
        return
    crowd.connected += 1
    try:
        writer.write(first)
        if not read:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        while not writer.transport.is_closing() and not reader.at_eof():
            await asyncio.sleep(0.4)
            writer.write(drip)
        crowd.gone += 1
    finally:
        writer.transport.abort()


@asynccontextmanager
async def attacked(
    running: Running, number: int, first: bytes, drip: bytes = b"", *, read: bool = True, handshake: bool = True
) -> AsyncIterator[Crowd]:
    """`number` attackers that send `first` and then `drip` again and again, until the block ends."""
    crowd = Crowd()
    crowd.tasks = [asyncio.create_task(_attack(running, crowd, first, drip, read, handshake)) for _ in range(number)]
    try:
        yield crowd
    finally:
        for task in crowd.tasks:
            task.cancel()
        await asyncio.gather(*crowd.tasks, return_exceptions=True)


async def until(what: Callable[[], Awaitable[bool]], patience: float) -> bool:
    """Whether `what` comes true in time, looked at again and again from outside."""
    began = time.monotonic()
    while not (true := await what()) and time.monotonic() - began < patience:  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.1)
    return true


async def _all_gone(crowd: Crowd) -> bool:
    return crowd.gone == FEW


async def ask(running: Running, source: str = "127.0.0.2") -> int:
    """The status of one request on a connection of its own; 0 when there is no answer."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", running.port, ssl=running.context, server_hostname="localhost", local_addr=(source, 0)
            )
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.transport.abort()
            return int(line.split()[1]) if line else 0
    except (OSError, ssl.SSLError, TimeoutError):
        return 0


async def hold_out(running: Running, crowd: Crowd, number: int) -> list[int]:
    """Ask from another address until all attackers are gone or it is too late."""
    answers = []
    began = time.monotonic()
    while crowd.gone < number and time.monotonic() - began < LATEST:
        answers.append(await ask(running))
        await asyncio.sleep(0.1)
    return answers


ATTACKS = {
    "headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-1: ", b"a"),
    "silence": (b"", b""),
    "blank lines": (b"", b"\r\n"),
    "body": (HEAD, b"1"),
    "chunk extension": (
        HEAD.replace(b"Content-Length: 1000000", b"Transfer-Encoding: chunked") + b"5;", b"a"
    ),
    "body nobody asked for": (HEAD.replace(b"POST / ", b"POST /unread "), b"1"),
    "half a body": (HEAD.replace(b"1000000", b"900000") + b"x" * 400_000, b"1"),
    "idle": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
}  # fmt: skip


@pytest.mark.parametrize("attack", ["headers", "body"])
async def test_hundreds_of_slow_clients_are_gone_in_time_and_others_are_served(
    attack: str, tmp_path: Path, ca: DevCA
) -> None:
    with production(tmp_path, ca, serve=DEADLINES) as running:
        async with attacked(running, MANY, *ATTACKS[attack]) as crowd:
            answers = await hold_out(running, crowd, MANY)
            assert (crowd.connected, crowd.gone) == (MANY, MANY)
    assert len(answers) > 3
    assert set(answers) == {200}


async def test_every_kind_of_slowness_has_its_deadline(tmp_path: Path, ca: DevCA) -> None:
    with production(tmp_path, ca, serve=DEADLINES) as running:
        left: dict[str, int] = {}
        for name, crowd in await _all_attacks(running):
            left[name] = crowd.connected - crowd.gone
    assert left == dict.fromkeys([*ATTACKS, "reading", "handshake"], 0)


async def test_control_stock_uvicorn_holds_them(ca: DevCA) -> None:
    with stock(ca) as running:
        left = {name: crowd.connected - crowd.gone for name, crowd in await _all_attacks(running, CERTAIN)}
    assert left.pop("idle") == 0  # the one deadline that it has
    assert left == dict.fromkeys(left, FEW)


async def _all_attacks(running: Running, patience: float = LATEST) -> list[tuple[str, Crowd]]:
    """All attacks side by side, `FEW` clients each, and what became of them when every deadline is over."""
    reading = b"GET /huge HTTP/1.1\r\nHost: localhost\r\n\r\n"
    crowds: list[tuple[str, Crowd]] = []

    async def one(name: str, first: bytes, drip: bytes, **how: bool) -> None:
        async with attacked(running, FEW, first, drip, **how) as crowd:
            crowds.append((name, crowd))
            await until(lambda: _all_gone(crowd), patience)
            crowds[crowds.index((name, crowd))] = (name, Crowd(crowd.connected, crowd.gone))

    await asyncio.gather(
        *(one(name, *data) for name, data in ATTACKS.items()),
        one("reading", reading, b"\r\n", read=False),
        one("handshake", b"", b"", handshake=False),
    )
    return crowds


async def test_an_honest_slow_upload_gets_through(tmp_path: Path, ca: DevCA) -> None:
    """Longer than the time its rate is measured over, and above the rate."""
    with production(tmp_path, ca, serve={**DEADLINES, "body_grace": 2.0, "body_rate": 300}) as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=running.context, server_hostname="localhost"
        )
        writer.write(HEAD.replace(b"1000000", b"8000"))
        document = b'"%s"' % (b"x" * 7998)
        for at in range(0, 8000, 400):
            writer.write(document[at : at + 400])
            await asyncio.sleep(0.2)
        assert (await reader.readline()).split()[1] == b"200"
        writer.transport.abort()


async def test_an_application_that_does_not_read_yet_is_not_held_against_the_client(tmp_path: Path, ca: DevCA) -> None:
    """The answer is slow to be read but steadily, and all of it arrives."""
    with production(tmp_path, ca, serve={**DEADLINES, "write_rate": 200_000, "write_grace": 1.0}) as running:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=running.context, server_hostname="localhost", limit=65_536
        )
        writer.write(b"GET /huge HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        size = 0
        while data := await reader.read(131_072):
            size += len(data)
            await asyncio.sleep(0.04)
        assert size > HUGE
        writer.transport.abort()


async def test_twenty_users_behind_one_address_are_all_served(tmp_path: Path, ca: DevCA) -> None:
    """Six connections each, as browsers open them, under the default cap."""
    with production(tmp_path, ca) as running:
        answers = await asyncio.gather(*(ask(running, "127.0.0.1") for _ in range(120)))
    assert answers == [200] * 120


async def test_one_client_gets_no_more_connections_than_its_cap(tmp_path: Path, ca: DevCA) -> None:
    with production(tmp_path, ca, serve={**DEADLINES, "connections": 20, "keep_alive": 30, "header": 30}) as running:
        async with attacked(running, 50, *ATTACKS["idle"]) as crowd:
            answers = [await ask(running) for _ in range(10)]
            refused = [await ask(running, "127.0.0.1") for _ in range(5)]
            assert (crowd.connected, crowd.gone) == (20, 30)
        assert answers == [200] * 10
        assert refused == [0] * 5

        async def served() -> bool:
            return await ask(running, "127.0.0.1") == 200

        assert await until(served, 5.0)  # once they are gone there is room again


async def test_a_trusted_proxy_is_not_counted(tmp_path: Path, ca: DevCA) -> None:
    serve = {**DEADLINES, "connections": 5}
    with production(
        tmp_path, ca, serve=serve, proxies=["127.0.0.0/8"], client={"header": "x-forwarded-for"}
    ) as running:
        async with attacked(running, 20, b"") as crowd:

            async def all_in() -> bool:
                return crowd.connected == 20

            assert await until(all_in, 2.5)
            assert crowd.gone == 0
