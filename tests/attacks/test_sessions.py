"""Attacks on sessions, with controls: fixation, replay, theft, forgery (OWASP Session Management Cheat Sheet)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from garrison.accounts import accounts_of
from tests.attacks.club import Club, cheap, guard, log_in, send

pytestmark = pytest.mark.anyio

RIGHT = "correct horse battery"
NAME = b"__Host-session"


class ClubWithSessions(Club):
    """With a page of sessions, and with sessions of the naive kind beside Garrison's."""

    def __init__(self) -> None:
        super().__init__()
        self.naive: dict[str, str] = {}
        self.app.router.routes += [
            Route("/sessions/end-others", self.end_others, methods=["POST"]),
            Route("/naive/log-in", self.naive_log_in, methods=["POST"]),
            Route("/naive/log-out", self.naive_log_out, methods=["POST"]),
            Route("/naive", self.naive_home),
        ]

    async def end_others(self, request: Request) -> Response:
        exchange = request.state.garrison
        await accounts_of(exchange).sessions.revoke_all(exchange.principal.id, keep=exchange)
        return PlainTextResponse("done")

    async def naive_log_in(self, request: Request) -> Response:
        """Takes the id that the browser brings, as frameworks did for years."""
        self.naive[request.cookies["sid"]] = "member-0"
        return PlainTextResponse("welcome")

    async def naive_log_out(self, request: Request) -> Response:
        """Takes the cookie away and forgets nothing."""
        answer = PlainTextResponse("bye")
        answer.delete_cookie("sid")
        return answer

    async def naive_home(self, request: Request) -> Response:
        return PlainTextResponse(self.naive.get(request.cookies.get("sid", ""), ""))


@pytest.fixture
async def app(tmp_path: Path) -> Any:
    club = ClubWithSessions()
    club.join("member-0", await cheap().hash(RIGHT))
    return guard(club, tmp_path)


async def session(app: Any, *cookies: bytes) -> bytes:
    answer = await log_in(app, "member-0", RIGHT, cookies=cookies)
    assert answer.status == 200
    return answer.cookie(NAME)


async def who(app: Any, cookie: bytes, **options: Any) -> str:
    return (await send(app, "/", cookies=[cookie], **options)).body.decode()


class TestFixation:
    """The attacker plants an id in the victim's browser and waits for the victim to log in."""

    async def test_an_id_that_was_known_before_is_nobody_after_the_log_in(self, app: Any) -> None:
        planted = await session(app)  # a session of the attacker's own, given to the victim
        mine = await session(app, planted)
        assert mine != planted
        assert await who(app, mine) == "member-0"
        assert await who(app, planted) == ""

    async def test_a_presession_does_not_become_the_session(self, app: Any) -> None:
        planted = (await send(app, "/log-in")).cookie(NAME) or NAME + b"=p.made-up.tag"
        await session(app, planted)
        assert await who(app, planted) == ""

    async def test_an_invented_id_is_nothing(self, app: Any) -> None:
        invented = NAME + b"=s.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.aaaa." + b"A" * 43
        assert await session(app, invented) != invented
        assert await who(app, invented) == ""

    async def test_control_an_application_that_keeps_the_id_is_taken_over(self, app: Any) -> None:
        await send(app, "/naive/log-in", {}, cookies=[b"sid=planted"])
        assert (await send(app, "/naive", cookies=[b"sid=planted"])).body == b"member-0"


class TestReplay:
    """Somebody kept the cookie, and uses it after the log-out."""

    async def test_after_log_out_it_is_nobody(self, app: Any) -> None:
        cookie = await session(app)
        assert await who(app, cookie) == "member-0"
        await send(app, "/log-out", {}, cookies=[cookie])
        assert await who(app, cookie) == ""

    async def test_after_sign_out_everywhere_the_others_are_nobody(self, app: Any) -> None:
        stolen, mine = await session(app), await session(app)
        await send(app, "/sessions/end-others", {}, cookies=[mine])
        assert [await who(app, stolen), await who(app, mine)] == ["", "member-0"]

    async def test_control_a_log_out_that_forgets_nothing_is_none(self, app: Any) -> None:
        await send(app, "/naive/log-in", {}, cookies=[b"sid=kept"])
        await send(app, "/naive/log-out", {}, cookies=[b"sid=kept"])
        assert (await send(app, "/naive", cookies=[b"sid=kept"])).body == b"member-0"


class TestTheft:
    async def test_a_stolen_cookie_works_until_the_session_ends_and_leaves_a_trace(
        self, app: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What sessions let pass, and say so: a cookie is a bearer token. Its use from elsewhere is an event."""
        from garrison.testing import captured_events

        stolen = await session(app)
        with captured_events(app) as events:
            assert await who(app, stolen, address="198.51.100.66", headers={"user-agent": "curl/8"}) == "member-0"
            assert await who(app, stolen) == "member-0"
        told = [event for event in events if event.name == "session_changed"]
        assert len(told) == 1
        assert told[0].principal == "member-0"

    @pytest.mark.parametrize("place", ["kind", "id", "tag"])
    async def test_a_cookie_with_any_byte_changed_is_nobody(self, app: Any, place: str) -> None:
        cookie = await session(app)
        parts = cookie.partition(b"=")[2].split(b".")
        at = {"kind": 0, "id": 1, "tag": 3}[place]
        parts[at] = b"p" if place == "kind" else parts[at][:-1] + (b"A" if parts[at][-1:] != b"A" else b"B")
        assert await who(app, NAME + b"=" + b".".join(parts)) == ""
