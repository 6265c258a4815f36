"""The page of sessions: what it tells, and that what it ends is over on the server."""

from __future__ import annotations

import re

import pytest
from httpx_ws import WebSocketDisconnect

from .site import Person, Site
from .test_live import listening

pytestmark = pytest.mark.anyio
_ROW = re.compile(r"<tr>\s*<td>(.*?)</tr>", re.DOTALL)
_HANDLE = re.compile(r"/account/sessions/(\w+)/end")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def rows(person: Person) -> list[str]:
    return _ROW.findall((await person.get("/account/sessions")).text)


def handle(row: str) -> str:
    (found,) = _HANDLE.findall(row)
    return str(found)


async def is_in(person: Person) -> bool:
    return (await person.get("/account/sessions")).status_code == 200


async def test_the_page_tells_browser_network_and_times_and_which_session_asks(site: Site) -> None:
    async with site.member() as desk, site.visitor() as phone:
        phone.client.headers["User-Agent"] = FIREFOX
        await phone.log_in("ann@example.com")
        own, other = await rows(phone)
        assert "Firefox on Linux" in own
        assert "this one" in own
        assert "127.0.0.0/24" in own
        assert own.count("UTC") == 2
        assert "this one" not in other
        assert "this one" in (await rows(desk))[0]


async def test_the_page_shows_nobody_elses_sessions(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob"):
        assert len(await rows(ann)) == 1


async def test_one_session_is_signed_out_and_the_others_stay(site: Site) -> None:
    async with site.member() as desk, site.visitor() as phone:
        await phone.log_in("ann@example.com")
        own, other = await rows(desk)
        answer = await desk.post(f"/account/sessions/{handle(other)}/end", {})
        assert (answer.status_code, answer.headers["location"]) == (303, "/account/sessions")
        assert await is_in(desk)
        assert not await is_in(phone)
        answer = await desk.post(f"/account/sessions/{handle(own)}/end", {})  # one's own: a log-out
        assert answer.headers["location"] == "/log-in"
        assert "clear-site-data" in answer.headers
        assert not await is_in(desk)


async def test_sign_out_everywhere_ends_every_session_of_this_person_alone(site: Site) -> None:
    async with site.member() as desk, site.visitor() as phone, site.member("bob@example.com", "Bob") as bob:
        await phone.log_in("ann@example.com")
        kept = desk.client.cookies["__Host-session"]
        answer = await desk.post("/account/sessions/end", {})
        assert (answer.status_code, answer.headers["location"]) == (303, "/log-in?out")
        assert "signed out everywhere" in (await desk.get("/log-in?out")).text
        assert [await is_in(person) for person in (desk, phone, bob)] == [False, False, True]
        async with site.visitor() as thief:
            thief.client.cookies.set("__Host-session", kept, domain="localhost")
            assert not await is_in(thief)
        assert (await desk.log_in("ann@example.com")).headers["location"] == "/"


async def test_a_handle_of_somebody_elses_session_ends_nothing(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob") as bob:
        (foreign,) = await rows(bob)
        answer = await ann.post(f"/account/sessions/{handle(foreign)}/end", {})
        unknown = await ann.post("/account/sessions/0123456789/end", {})
        assert (answer.status_code, answer.headers["location"]) == (unknown.status_code, unknown.headers["location"])
        assert await is_in(bob)
        await bob.post(f"/account/sessions/{handle(foreign)}/end", {})  # the control: its owner may
        assert not await is_in(bob)


async def test_signing_out_takes_a_token_and_a_log_in(site: Site) -> None:
    async with site.member() as ann, site.visitor() as nobody:
        (own,) = await rows(ann)
        for path in ("/account/sessions/end", f"/account/sessions/{handle(own)}/end"):
            assert (await ann.client.post(path, data={})).status_code == 403
            await nobody.open_form("/log-in")
            assert (await nobody.post(path, {})).headers["location"] == "/log-in"
        assert await is_in(ann)


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_session_signed_out_from_afar_hears_no_more(site: Site, everywhere: bool) -> None:
    async with site.member() as desk, site.visitor() as phone:
        await phone.log_in("ann@example.com")
        async with listening(phone) as socket:
            other = (await rows(desk))[1]
            path = "/account/sessions/end" if everywhere else f"/account/sessions/{handle(other)}/end"
            await desk.post(path, {})
            with pytest.raises(WebSocketDisconnect):
                await socket.receive_text(timeout=5)
