"""Step-up and log-more: a stolen session has to show the password before it changes anything, and what it does is on
record. The control of each: without the reaction the same requests pass, or leave no trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from garrison import harden
from garrison.accounts import accounts_of
from garrison.asgi.onion import Onion
from garrison.core.bans import parse_target
from garrison.core.errors import DependencyError
from garrison.core.exchange import Exchange, Principal
from garrison.detection.rule import Reaction
from garrison.reactions.build import build_books
from garrison.reactions.step_up import StepUpPageUnknown
from garrison.testing import FrozenClock, captured_events, testing_policy
from tests.asgi.driving import drive, websocket_scope

pytestmark = pytest.mark.anyio
PAGE = {"Accept": "text/html,*/*;q=0.8"}
PLAIN = {"Accept": "application/json"}
SECTION: dict[str, Any] = {
    "mode": "enforce", "step_up_page": "/confirm", "step_up_free": ["/out", "/in/*"], "step_up_also": ["/export"],
}  # fmt: skip


def exchange(request: Request) -> Exchange:
    found: Exchange = request.state.garrison
    return found


async def log_in(request: Request) -> Response:
    who = request.path_params["who"]
    await exchange(request).log_in(Principal(who, "staff" if who == "eve" else "user"))
    return PlainTextResponse("in")


async def confirm(request: Request) -> Response:
    """An application would ask for the password first."""
    done = await accounts_of(exchange(request)).freshness.confirm(exchange(request))
    return PlainTextResponse("confirmed" if done else "nobody")


async def make_key(request: Request) -> Response:
    keys = accounts_of(exchange(request)).api_keys
    return PlainTextResponse((await keys.create(exchange(request), "ann", "k", lifetime=1e6)).text)


async def anything(request: Request) -> Response:
    return PlainTextResponse("done")


ROUTES = [
    Route("/in/{who}", log_in, methods=["POST"]), Route("/confirm", confirm, methods=["GET", "POST"]),
    Route("/key", make_key, methods=["POST"]), Route("/out", anything, methods=["POST"]), Route("/export", anything),
    Route("/note", anything, methods=["GET", "POST"]),
]  # fmt: skip


class Bed:
    """The application, and what an alert would have had done."""

    def __init__(self, folder: Path, **section: Any) -> None:
        self.clock = FrozenClock()
        self.policy = testing_policy(
            store="embedded", state=str(folder), detection={"enabled": True}, reactions={**SECTION, **section},
            api_keys={"accept": True, "prefix": "trial"}, csrf={"mode": "off", "allow_insecure_off": "not tried"},
        )  # fmt: skip
        self.app: Onion = harden(Starlette(routes=ROUTES), self.policy, clock=self.clock.clock)

    def client(self, **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, client=("203.0.113.9", 4000))
        return httpx.AsyncClient(transport=transport, base_url="https://testserver", headers=headers)

    async def react(self, kind: Reaction, target: str) -> None:
        """As another node does; known here within some seconds."""
        assert self.app.services.records is not None
        book = build_books(self.policy, self.app.services.records, self.clock.clock)[kind]
        await book.add(parse_target(target), reason="t", by="reaction:r1", seconds=3600)
        await self.settle()

    async def settle(self) -> None:
        """Requests that have the lists read; not all of them wait for it, and time here stands still meanwhile."""
        async with self.client() as client:
            for _ in range(3):
                self.clock.advance(1.1)
                await client.get("/note")
                await asyncio.sleep(0.05)
        self.clock.advance(1.0)

    async def undo(self, kind: Reaction, target: str) -> None:
        assert self.app.services.records is not None
        await build_books(self.policy, self.app.services.records, self.clock.clock)[kind].lift(target, by="t")
        await self.settle()


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


@pytest.fixture
async def ann(bed: Bed) -> AsyncIterator[httpx.AsyncClient]:
    async with bed.client(**PLAIN) as client:
        assert (await client.post("/in/ann")).text == "in"
        yield client


class TestStepUp:
    async def test_a_stolen_session_changes_nothing_until_the_password_is_shown(
        self, bed: Bed, ann: httpx.AsyncClient
    ) -> None:
        assert (await ann.post("/note")).text == "done"  # the control
        await bed.react("step-up", "principal:ann")
        with captured_events(bed.app) as events:
            refused = await ann.post("/note")
        assert refused.status_code == 401
        assert refused.json()["type"] == "urn:garrison:refusal:login-not-fresh"
        assert "insufficient_user_authentication" in refused.headers["www-authenticate"]
        mine = [event for event in events if event.layer == "step-up"]
        assert [(event.name, event.principal) for event in mine] == [("authn_required", "ann")]
        assert (await ann.get("/note")).text == "done"
        assert (await ann.get("/export")).status_code == 401
        assert (await ann.post("/out")).text == "done"
        assert (await ann.post("/confirm")).text == "confirmed"
        assert (await ann.post("/note")).text == "done"
        assert (await ann.get("/export")).text == "done"

    async def test_a_page_is_led_to_where_it_can_be_shown(self, bed: Bed, ann: httpx.AsyncClient) -> None:
        await bed.react("step-up", "principal:ann")
        with captured_events(bed.app) as events:
            led = await ann.post("/note", headers=PAGE)
        assert (led.status_code, led.headers["location"]) == (303, "/confirm?then=/note")
        mine = [event for event in events if event.layer == "step-up"]
        assert [(event.reason, event.status) for event in mine] == [("login-not-fresh", 303)]
        assert (await ann.get("/confirm", headers=PAGE)).status_code == 200

    async def test_every_session_has_to_and_one_s_confirmation_is_not_the_other_s(
        self, bed: Bed, ann: httpx.AsyncClient
    ) -> None:
        async with bed.client(**PLAIN) as thief, bed.client(**PLAIN) as later, bed.client(**PLAIN) as bob:
            await thief.post("/in/ann")
            await bob.post("/in/bob")
            await bed.react("step-up", "principal:ann")
            await ann.post("/confirm")
            assert (await ann.post("/note")).status_code == 200
            assert (await thief.post("/note")).status_code == 401
            assert (await bob.post("/note")).status_code == 200
            await later.post("/in/ann")  # with the password, as a log-in is
            assert (await later.post("/note")).status_code == 200

    async def test_a_principal_of_a_kind_of_the_application_s_own_is_no_program(self, bed: Bed) -> None:
        async with bed.client(**PLAIN) as owner, bed.client(**PLAIN) as thief:
            for one in (owner, thief):
                await one.post("/in/eve")
            await bed.react("step-up", "principal:eve")
            assert (await owner.post("/confirm")).text == "confirmed"
            assert (await owner.post("/note")).status_code == 200
            assert (await thief.post("/note")).status_code == 401

    async def test_a_key_waits_until_its_owner_has_confirmed(self, bed: Bed, ann: httpx.AsyncClient) -> None:
        key = (await ann.post("/key")).text
        async with bed.client(**PLAIN, Authorization=f"Bearer {key}") as program:
            assert (await program.post("/note")).status_code == 200
            await bed.react("step-up", "principal:ann")
            assert (await program.get("/note")).status_code == 200
            refused = await program.post("/note")
            assert (refused.status_code, refused.json()["type"]) == (403, "urn:garrison:refusal:login-not-fresh")
            await ann.post("/confirm")
            assert (await program.post("/note")).status_code == 200

    async def test_it_ends_by_undo_and_by_its_time(self, bed: Bed, ann: httpx.AsyncClient) -> None:
        await bed.react("step-up", "principal:ann")
        assert (await ann.post("/note")).status_code == 401
        await bed.undo("step-up", "principal:ann")
        assert (await ann.post("/note")).status_code == 200
        await bed.react("step-up", "principal:ann")
        assert (await ann.post("/note")).status_code == 401
        bed.clock.advance(3600)
        assert (await ann.post("/note")).status_code == 200

    async def test_a_handshake_counts_as_changing_something(self, bed: Bed, ann: httpx.AsyncClient) -> None:
        cookie = "; ".join(f"{name}={value}" for name, value in ann.cookies.items()).encode()
        lines = [(b"origin", b"https://testserver"), (b"cookie", cookie)]
        await bed.react("step-up", "principal:ann")
        driven = await drive(bed.app, websocket_scope(b"/live", lines))
        assert driven.status == 401

    async def test_a_store_that_is_away_keeps_the_door_closed(
        self, bed: Bed, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await bed.react("step-up", "principal:ann")
        assert (await ann.post("/note")).status_code == 401

        async def away(exchange: Exchange) -> float | None:
            raise DependencyError("away")

        monkeypatch.setattr(type(bed.app.services.accounts.freshness), "moment", staticmethod(away))  # type: ignore[attr-defined]
        assert (await ann.post("/note")).status_code == 503

    async def test_a_page_that_the_application_has_not_refuses_the_start(self, tmp_path: Path) -> None:
        with pytest.raises(StepUpPageUnknown, match="/confrim"):
            Bed(tmp_path, step_up_page="/confrim")


class TestLogMore:
    async def test_every_request_of_the_client_is_on_record_and_nobody_else_s(self, bed: Bed) -> None:
        async with bed.client() as client:
            with captured_events(bed.app) as before:
                await client.get("/note")
            assert not [event for event in before if event.name == "request_watched"]  # the control
            await bed.react("log-more", "203.0.113.9")
            with captured_events(bed.app) as events:
                await client.get(
                    "/note?page=2&O'Brien=x&mail=ann@example.com&smörgås=1",
                    headers={"X-Api-Secret": "hush", "Cookie": "a=hush", "Referer": "https://example.com/hush"},
                )
                await client.get("/nothing")
            noted = [event for event in events if event.name == "request_watched"]
            assert [(event.path, event.status, event.details["reaction"]) for event in noted] == [
                ("/note", 200, "r1"), ("/nothing", 404, "r1"),
            ]  # fmt: skip
            assert noted[0].details["query"] == "page ? mail ?"
            assert "x-api-secret" in str(noted[0].details["fields"])
            assert "hush" not in noted[0].to_json()
            assert "example.com" not in noted[0].to_json().replace("testserver", "")

    async def test_a_user_is_watched_wherever_they_are_and_undo_ends_it(self, bed: Bed, ann: httpx.AsyncClient) -> None:
        await bed.react("log-more", "principal:ann")
        with captured_events(bed.app) as events:
            await ann.get("/note")
            async with bed.client() as nobody:
                await nobody.get("/note")
        assert [event.principal for event in events if event.name == "request_watched"] == ["ann"]
        await bed.undo("log-more", "principal:ann")
        with captured_events(bed.app) as after:
            await ann.get("/note")
        assert [event for event in after if event.name == "request_watched"] == []

    async def test_a_flood_is_counted_and_not_written(self, tmp_path: Path) -> None:
        bed = Bed(tmp_path, log_more_rate="60/minute burst 5")
        async with bed.client() as client:
            await bed.react("log-more", "203.0.113.9")
            bed.clock.advance(60)
            with captured_events(bed.app) as events:
                for _ in range(20):
                    await client.get("/note")
                bed.clock.advance(1)
                await client.get("/note")
        noted = [event for event in events if event.name == "request_watched"]
        assert len(noted) == 6
        assert noted[-1].details["skipped"] == 15
