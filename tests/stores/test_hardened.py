"""An application behind Garrison whose shared store goes away and comes back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from garrison import harden
from garrison.asgi.onion import Onion
from garrison.core.exchange import Principal
from garrison.events.vocabulary import EventName
from garrison.testing import captured_events, testing_policy
from tests.support.valkey import Server

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("stores")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Says who is asking; `/login` logs in."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    exchange = scope["state"]["garrison"]
    if scope["path"] == "/login":
        await exchange.log_in(Principal("ann"))
    body = json.dumps(exchange.principal and exchange.principal.id).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def hardened(store: str, state: Path, **more: Any) -> Onion:
    return harden(app, testing_policy(store=store, state=str(state), rate={"mode": "enforce", **more}))


@asynccontextmanager
async def running(hardened_app: Onion) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application between its start and its end, as a server runs it."""
    incoming: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outgoing: asyncio.Queue[Any] = asyncio.Queue()
    serving = asyncio.create_task(hardened_app({"type": "lifespan", "state": {}}, incoming.get, outgoing.put))  # type: ignore[arg-type]
    await incoming.put({"type": "lifespan.startup"})
    assert (await outgoing.get())["type"] == "lifespan.startup.complete"
    transport = httpx.ASGITransport(app=hardened_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        yield client
    await incoming.put({"type": "lifespan.shutdown"})
    await serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "valkey") as started:
        yield started


async def test_while_sessions_are_away_only_who_has_one_is_refused(server: Server, tmp_path: Path) -> None:
    site = hardened(server.url, tmp_path / "state")
    with captured_events(site) as events:
        async with running(site) as client:
            await client.get("/login")
            assert (await client.get("/")).json() == "ann"
            assert site.services.degraded() == ()
            server.pause()
            for _ in range(3):
                answer = await client.get("/")
                assert (answer.status_code, answer.json()["reason"]) == (503, "store-away")
                assert int(answer.headers["retry-after"]) > 0
            cookies, client.cookies = client.cookies, httpx.Cookies()
            started = time.perf_counter()
            answers = [await client.get("/") for _ in range(20)]
            assert [answer.status_code for answer in answers] == [200] * 20
            assert time.perf_counter() - started < 1.0
            assert answers[0].json() is None
            assert site.services.degraded() == ("store",)
            client.cookies = httpx.Cookies({"__Host-session": "s.made-up.tag"})
            assert (await client.get("/")).status_code == 200, "a cookie that we did not issue asks no store"
            client.cookies = cookies
            server.resume()
            await back(site, client)
            assert (await client.get("/")).json() == "ann", "the session outlived the failure"
    names = events.names()
    assert names.count(EventName.DEGRADED) == 1
    assert names.count(EventName.RECOVERED) == 1
    assert names.count(EventName.DEPENDENCY_AWAY) >= 3


async def back(site: Onion, client: httpx.AsyncClient) -> None:
    end = time.monotonic() + 20.0
    while site.services.degraded():
        assert time.monotonic() < end
        await client.get("/")
        await asyncio.sleep(0.05)


async def test_a_log_in_that_can_t_be_kept_is_no_log_in(server: Server, tmp_path: Path) -> None:
    site = hardened(server.url, tmp_path / "state")
    async with running(site) as client:
        server.stop()
        answer = await client.get("/login")
        assert answer.status_code >= 500
        assert "set-cookie" not in answer.headers


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that are not about time: a machine that is busy with other tests is no store that is away."""
    monkeypatch.setattr("garrison.stores.link.CALL_SECONDS", 5.0)


@pytest.mark.usefixtures("unhurried")
async def test_limits_hold_over_two_processes_worth_of_applications(server: Server, tmp_path: Path) -> None:
    """The control is the embedded store, where each counts for itself."""
    for store, passed in ((server.url, 6), ("embedded", 12)):
        sites = [hardened(store, tmp_path / "state", address=["6/hour"]) for _ in range(2)]
        statuses = []
        for site in sites:
            async with running(site) as client:
                statuses += [(await client.get("/")).status_code for _ in range(10)]
        assert statuses.count(200) == passed
        assert statuses.count(429) == 20 - passed


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("shared", [True, False])
async def test_sessions_survive_a_restart(server: Server, tmp_path: Path, shared: bool) -> None:
    store = server.url if shared else "embedded"
    async with running(hardened(store, tmp_path / "state")) as client:
        await client.get("/login")
        cookies = client.cookies
    async with running(hardened(store, tmp_path / "state")) as client:
        client.cookies = cookies
        assert (await client.get("/")).json() == "ann"


async def test_control_in_memory_a_session_ends_with_the_process(tmp_path: Path) -> None:
    async with running(hardened("memory", tmp_path / "state")) as client:
        await client.get("/login")
        cookies = client.cookies
    async with running(hardened("memory", tmp_path / "state")) as client:
        client.cookies = cookies
        assert (await client.get("/")).json() is None
