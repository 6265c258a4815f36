"""Slow clients, floods and stalled handshakes, by every way: dropped in time, and nobody else notices.

The attackers are slowhttptest's, from loopback; who must be served meanwhile comes from 127.0.0.2.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.edge.topologies import ALL, HOST, PROXIES, Topology, topology
from tests.serve.test_slow import DEADLINES, ask, until
from tests.support.components import need

pytestmark = [pytest.mark.server, pytest.mark.anyio]
HOSTS = [HOST, "localhost"]
SERVE = {**DEADLINES, "connections": 4000}
LATEST = 14.0
"""Seconds from the first attacker's connection to the last one's end: deadline, handshakes, and a busy machine."""
MODES = {
    "headers": ["-H", "-i", "1"],
    "body": ["-B", "-i", "1", "-s", "1000000", "-x", "8", "-f", "application/json"],
    "range": ["-R", "-a", "10", "-b", "3000"],
    "read": ["-X", "-n", "5", "-z", "32", "-w", "512", "-y", "1024", "-k", "1"],
}


@asynccontextmanager
async def attack(way: Topology, mode: str, number: int) -> AsyncIterator[None]:
    """slowhttptest with `number` connections, until the block ends. Who is gone, the kernel tells: `held`."""
    path = "/large" if mode == "read" else "/"
    process = await asyncio.create_subprocess_exec(
        need("slowhttptest"), *MODES[mode], "-c", str(number), "-r", str(number), "-l", "60", "-p", "60",
        "-u", f"https://localhost:{way.running.port}{path}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def held(port: int) -> set[str]:
    """Who the server at `port` holds a connection open for, of the attackers: those from 127.0.0.2 don't count."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            _, local, remote, state = line.split()[:4]
            ours = int(local.rpartition(":")[2], 16) == port and state in {"01", "08"}  # ESTABLISHED, CLOSE_WAIT
            if ours and not remote.startswith("0200007F"):
                found.add(remote)
    return found


async def outlast(way: Topology) -> tuple[int, list[int]]:
    """Ask from another address until no attacker is left, or too long; how many there were, and the answers."""
    seen: set[str] = set()
    answers, began = [], time.monotonic()
    while time.monotonic() - began < LATEST:
        now = held(way.running.port)
        if not now and seen and time.monotonic() - began > 3.0:
            return len(seen), answers
        seen |= now
        answers.append(await ask(way.running))
        await asyncio.sleep(0.1)
    pytest.fail(f"{len(held(way.running.port))} attackers are still there")


@pytest.mark.parametrize("mode", MODES)
async def test_hundreds_of_slow_clients_are_gone_in_time_and_others_are_served(mode: str, tmp_path: Path) -> None:
    with topology("direct", tmp_path, hosts=HOSTS, serve=SERVE) as way:
        async with attack(way, mode, 500):
            number, answers = await outlast(way)
    assert number > 400 or mode == "range"  # ranges are answered whole, at once
    assert set(answers) == {200}


def _without_sni(text: str) -> str:
    """slowhttptest names no host in its handshakes, which nginx and HAProxy would refuse for that alone."""
    return text.replace(" strict-sni", "").replace("    ssl_reject_handshake on;\n", "")


@pytest.mark.parametrize("name", PROXIES)
async def test_behind_a_proxy_they_are_gone_as_well(name: str, tmp_path: Path) -> None:
    modes = ["headers", "body", *(["read"] if name != "caddy" else [])]  # Caddy has no limit for slow readers
    with topology(name, tmp_path, change=_without_sni, hosts=HOSTS, serve=SERVE) as way:
        async with AsyncExitStack() as attacks:
            for mode in modes:
                await attacks.enter_async_context(attack(way, mode, 150))
            number, answers = await outlast(way)
    assert number > 100 * len(modes)
    assert set(answers) == {200}


@pytest.mark.parametrize("name", ALL)
async def test_a_handshake_that_stalls_is_dropped(name: str, tmp_path: Path) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the beginning of a ClientHello
    with topology(name, tmp_path, hosts=HOSTS, serve=SERVE) as way:
        crowd = [socket.create_connection(("127.0.0.1", way.running.port), 5) for _ in range(40)]
        for number, one in enumerate(crowd):
            one.setblocking(False)
            if number % 2:
                one.send(hello)
        assert await ask(way.running) == 200

        async def gone() -> bool:
            return all(_ended(one) for one in crowd)

        began = time.monotonic()
        assert not await gone()
        assert await until(gone, LATEST)
        assert time.monotonic() - began > 1.0
        for one in crowd:
            one.close()


def _ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1000) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


async def _fast(way: Topology, number: int, source: str, heads: list[bytes] | None = None) -> list[int]:
    """The statuses of `number` requests, one after the other on one connection; `heads` collects the header blocks."""
    found = []
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", way.running.port, ssl=way.running.context, server_hostname=HOST, local_addr=(source, 0)
    )
    for _ in range(number):
        writer.write(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % HOST.encode("ascii"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        found.append(int(head.split()[1]))
        if heads is not None:
            heads.append(head)
    writer.transport.abort()
    return found


def _within(statuses: Sequence[int], burst: int, seconds: float, per_second: float) -> bool:
    passed = Counter(statuses)[200]
    return burst <= passed <= burst + seconds * per_second + 2


@pytest.mark.parametrize("name", ALL)
async def test_held_connections_and_fast_requests_meet_the_limits_that_are_configured(
    name: str, tmp_path: Path
) -> None:
    values = {
        "serve": {**SERVE, "connections": 42, "keep_alive": 30, "header": 30},
        "rate": {"mode": "enforce", "address": ["60/minute burst 100"]},
    }
    with topology(name, tmp_path, **values) as way:
        held = [way.running.connect() for _ in range(40)]
        began = time.monotonic()
        statuses = [status for part in await asyncio.gather(*(_fast(way, 150, "127.0.0.1") for _ in range(2)))
                    for status in part]  # fmt: skip
        assert set(statuses) == {200, 429}
        assert _within(statuses, 100, time.monotonic() - began, 1.0), Counter(statuses)
        assert await _fast(way, 20, "127.0.0.2") == [200] * 20
        if name in {"direct", "haproxy"}:  # nginx counts requests in progress, Caddy nothing
            more = [way.running.connect() for _ in range(2)]
            with pytest.raises(OSError):
                way.running.connect(timeout=3.0)
            held += more
        for one in held:
            one.close()


async def test_a_flood_beyond_what_the_policy_allows_ends_at_the_proxy(tmp_path: Path) -> None:
    values = {"rate": {"mode": "enforce", "address": ["60/minute burst 20"]}}
    for name in ("nginx", "haproxy"):
        folder = tmp_path / name
        folder.mkdir()
        with topology(name, folder, **values) as way:
            heads: list[bytes] = []
            statuses = await _fast(way, 300, "127.0.0.1", heads)
            assert Counter(statuses)[429] > 250
            by_layer = [head for head in heads if b"429" in head[:14] and b"x-request-id" in head.lower()]
            assert len(by_layer) >= 15  # a little too much is the layer's, with its problem document and event
            assert Counter(statuses)[429] - len(by_layer) > 100  # the rest never came to the application


@pytest.mark.parametrize("name", PROXIES)
async def test_an_honest_slow_upload_and_twenty_users_behind_one_address_pass_the_proxy(
    name: str, tmp_path: Path
) -> None:
    """The upload takes longer than its rate is measured over; the users have six connections each."""
    with topology(name, tmp_path, hosts=HOSTS, serve={"body_grace": 1.0, "body_rate": 300}) as way:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", way.running.port, ssl=way.running.context, server_hostname=HOST
        )
        head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: 4800\r\n\r\n"
        writer.write(head.encode("ascii"))
        crowd = asyncio.gather(*(ask(way.running, "127.0.0.1") for _ in range(120)))
        document = b'"%s"' % (b"x" * 4798)
        for at in range(0, 4800, 400):
            writer.write(document[at : at + 400])
            await asyncio.sleep(0.2)
        assert (await asyncio.wait_for(reader.readline(), 10)).split()[1] == b"200"
        writer.transport.abort()
        assert await crowd == [200] * 120
        assert 4800 in {one.get("size") for one in way.seen.requests}


async def test_nginx_counts_an_ipv6_network_as_one_client(tmp_path: Path) -> None:
    """Its map takes the network out of the binary address. Other addresses than loopback's come by a test's header."""

    def change(text: str) -> str:
        real = "real_ip_header X-Test;\n" + "".join(f"set_real_ip_from {one};\n" for one in ("127.0.0.1", "::1"))
        return text.replace("server_tokens off;", f"server_tokens off;\n{real}")

    rate = {"mode": "enforce", "address": ["60/minute burst 20"]}
    with topology("nginx", tmp_path, change=change, rate=rate) as way:

        def ask_as(address: str) -> bytes:
            head = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Test: {address}\r\nConnection: close\r\n\r\n"
            return way.running.ask(head.encode("ascii"))

        flood = [ask_as(f"2001:db8::{number:x}") for number in range(1, 80)]
        by_nginx = [one for one in flood if b" 429 " in one[:20] and b"x-request-id" not in one.lower()]
        assert len(by_nginx) > 20
        assert ask_as("2001:db8:0:1::1").startswith(b"HTTP/1.1 200")
        assert ask_as("198.51.100.1").startswith(b"HTTP/1.1 200")
