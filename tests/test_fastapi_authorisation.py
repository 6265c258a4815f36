"""Declared access at work, through all of Garrison: routes, mounts, plain endpoints, WebSockets, fresh log-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from httpx_ws import WebSocketDisconnect, WebSocketUpgradeError, aconnect_ws
from httpx_ws.transport import ASGIWebSocketTransport
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from garrison import Policy, harden
from garrison.accounts import accounts_of
from garrison.accounts.authorisation_routes import RoutesUndeclared
from garrison.core.exchange import Principal
from garrison.fastapi import (
    AccessRefused,
    FreshLoginNeeded,
    Garrison,
    authenticated,
    docs,
    fresh_login,
    guarded,
    logged_in,
    public,
    requires,
    scope,
)
from garrison.testing import FrozenClock, captured_events

from .examples.site import running

pytestmark = pytest.mark.anyio
HOST = "shop.example"


async def plain(request: Any) -> Response:
    return PlainTextResponse("plain")


def shop(files: Path, **options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None, **options)

    @app.post("/enter/{name}", dependencies=[public])
    async def enter(name: str, garrison: Garrison) -> str:
        await garrison.log_in(Principal(name, scopes=frozenset({"buy"})))
        return name

    @app.post("/key", dependencies=[logged_in])
    async def key(garrison: Garrison) -> str:
        accounts = accounts_of(garrison)
        assert garrison.principal is not None
        new = await accounts.api_keys.create(garrison, garrison.principal.id, "test", scopes=frozenset({"read"}))
        return new.text

    @app.post("/confirm", dependencies=[logged_in])
    async def confirm(garrison: Garrison) -> bool:
        return await accounts_of(garrison).freshness.confirm(garrison)

    @app.websocket("/live", dependencies=[authenticated])
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("welcome")
        await socket.close()

    app.get("/open", dependencies=[public])(lambda: "open")
    app.get("/mine", dependencies=[authenticated])(lambda: "mine")
    app.get("/read", dependencies=[scope("read")])(lambda: "read")
    app.post("/sum", dependencies=[authenticated])(lambda numbers: None)
    app.get("/danger", dependencies=[Depends(fresh_login("5 min"))])(lambda: "danger")
    app.add_route("/plain", requires(authenticated)(plain))
    app.mount("/files", guarded(StaticFiles(directory=files), authenticated))
    return app


class Shop:
    """The running application, its clock and its events."""

    def __init__(self, folder: Path, clock: FrozenClock, app: FastAPI | None = None) -> None:
        (folder / "a.txt").write_text("a file")
        self.clock = clock
        policy = Policy(
            preset="testing",
            environment="development",
            hosts=(HOST,),
            state=str(folder / "state"),
            authorisation={"declare": True},
            api_keys={"accept": True, "prefix": "shop"},
        )
        self.app = harden(app or shop(folder), policy, clock=clock.clock)

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = ASGIWebSocketTransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
            yield client

    @asynccontextmanager
    async def member(self) -> AsyncIterator[httpx.AsyncClient]:
        async with self.visitor() as client:
            assert (await client.post("/enter/ann")).status_code == 200
            client.headers["x-csrf-token"] = client.cookies["__Host-csrf"]
            yield client


@pytest.fixture
def open_shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, FrozenClock())


async def said(client: httpx.AsyncClient) -> str:
    """The first message on the WebSocket."""
    connecting: Any = aconnect_ws(f"wss://{HOST}/live", client, headers={"origin": f"https://{HOST}"})
    async with connecting as socket:
        return str(await socket.receive_text())


async def statuses(client: httpx.AsyncClient, **headers: str) -> dict[str, int]:
    paths = ("/open", "/mine", "/read", "/danger", "/plain", "/files/a.txt")
    return {path: (await client.get(path, headers=headers)).status_code for path in paths}


async def test_who_is_not_known_gets_401_with_a_challenge_everywhere_but_at_the_public(open_shop: Shop) -> None:
    async with open_shop.visitor() as client:
        found = await statuses(client)
        assert found.pop("/open") == 200
        assert set(found.values()) == {401}
        for path in found:
            assert (await client.get(path)).headers["www-authenticate"].startswith("Bearer")


async def test_a_person_in_a_session_may_what_people_may(open_shop: Shop) -> None:
    async with open_shop.member() as client:
        assert await statuses(client) == {
            "/open": 200, "/mine": 200, "/read": 403, "/danger": 200, "/plain": 200, "/files/a.txt": 200
        }  # fmt: skip


async def test_a_key_may_what_its_scopes_say_and_makes_no_keys(open_shop: Shop) -> None:
    async with open_shop.member() as member, open_shop.visitor() as machine:
        token = (await member.post("/key")).json()
        bearer = {"authorization": f"Bearer {token}"}
        assert await statuses(machine, **bearer) == {
            "/open": 200, "/mine": 200, "/read": 200, "/danger": 403, "/plain": 200, "/files/a.txt": 200
        }  # fmt: skip
        assert (await machine.post("/key", headers=bearer)).status_code == 403
        both = await member.get("/mine", headers=bearer)
        assert (both.status_code, both.json()["reason"]) == (400, "credential-ambiguous")


async def test_a_wrong_key_is_401_even_where_everybody_may(open_shop: Shop) -> None:
    async with open_shop.visitor() as client:
        answer = await client.get("/open", headers={"authorization": "Bearer shop_guess"})
        assert (answer.status_code, answer.json()["reason"]) == (401, "credential-invalid")
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_nobody_learns_what_is_wrong_with_the_input_before_saying_who_they_are(open_shop: Shop) -> None:
    async with open_shop.visitor() as client:
        assert (await client.post("/sum")).status_code == 401


async def test_a_log_in_grows_stale_and_a_confirmation_makes_it_fresh(open_shop: Shop) -> None:
    async with open_shop.member() as client:
        open_shop.clock.advance(301)
        stale = await client.get("/danger")
        assert stale.status_code == 401
        assert "insufficient_user_authentication" in stale.headers["www-authenticate"]
        assert (await client.get("/mine")).status_code == 200
        assert (await client.post("/confirm")).json() is True
        assert (await client.get("/danger")).status_code == 200


async def test_a_web_socket_opens_for_who_is_known_only(open_shop: Shop) -> None:
    async with open_shop.visitor() as stranger, open_shop.member() as member:
        with pytest.raises((WebSocketDisconnect, WebSocketUpgradeError)):
            await said(stranger)
        assert await said(member) == "welcome"


async def test_refusals_are_events_that_name_who_and_what_was_needed(open_shop: Shop) -> None:
    async with open_shop.member() as client:
        with captured_events(open_shop.app) as events:
            await client.get("/read")
    (event,) = [one for one in events if one.name == "authz_fail"]
    assert (event.principal, event.reason, event.details["needs"]) == ("ann", "not-allowed", "scope read")


async def test_the_application_dresses_its_refusals_itself(tmp_path: Path) -> None:
    app = shop(tmp_path)

    @app.exception_handler(AccessRefused)
    async def to_log_in(request: Request, error: Exception) -> Response:
        where = "/confirm" if isinstance(error, FreshLoginNeeded) else "/log-in"
        return RedirectResponse(where, 303)

    served = Shop(tmp_path, FrozenClock(), app)
    async with served.visitor() as client:
        answer = await client.get("/mine")
        assert (answer.status_code, answer.headers["location"]) == (303, "/log-in")
        assert (await client.get("/danger")).headers["location"] == "/log-in"
        await client.post("/enter/ann")
        served.clock.advance(301)
        assert (await client.get("/danger")).headers["location"] == "/confirm"


async def test_a_route_that_start_up_adds_stops_the_start(tmp_path: Path) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.get("/late")(lambda: "late")
        yield

    hidden = Shop(tmp_path, FrozenClock(), shop(tmp_path, lifespan=lifespan))
    with pytest.raises(BaseExceptionGroup) as error:
        async with running(hidden.app):
            pytest.fail("it started")
    assert error.group_contains(RoutesUndeclared, match="GET /late")


async def test_without_garrison_around_it_a_guard_is_an_error_and_no_open_door(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(app=shop(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
        for path in ("/mine", "/plain", "/files/a.txt"):
            with pytest.raises(RuntimeError, match="not behind Garrison"):
                await client.get(path)


async def test_documentation_asks_who_may_see_it_and_its_schema(tmp_path: Path) -> None:
    app = shop(tmp_path)
    app.openapi_url = "/openapi.json"
    app.setup()
    docs(app, access=logged_in)
    served = Shop(tmp_path, FrozenClock(), app)
    async with served.visitor() as stranger, served.member() as member:
        for path in ("/docs", "/docs/docs.js", "/openapi.json"):
            assert (await stranger.get(path)).status_code == 401, path
            assert (await member.get(path)).status_code == 200, path


def test_a_decorated_endpoint_keeps_its_name() -> None:
    assert requires(public)(plain).__name__ == "plain"
