"""The second factor as people use it: set up, log in with a code, lose the phone, turn it off."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import pyotp
import pytest

from examples.notes.app import create_app, default_policy
from examples.notes.settings import Settings
from garrison import harden
from garrison.testing import FrozenClock

from .site import PASSWORD, Person, Site, running

pytestmark = pytest.mark.anyio
_SECRET = re.compile(r'<code class="secret">([A-Z2-7]{32})</code>')
_CODES = re.compile(r"<li><code>([0-9A-Z-]{27})</code></li>")
MAIL = "ann@example.com"


@pytest.fixture
def frozen() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def site(settings: Settings, environ: None, frozen: FrozenClock) -> AsyncIterator[Site]:
    """The site of `conftest`, at a time that the test decides."""
    app = harden(create_app(settings), default_policy(settings), clock=frozen.clock)
    async with running(app):
        yield Site(app, settings)


async def turned_on(person: Person, clock: FrozenClock) -> tuple[pyotp.TOTP, list[str]]:
    """The phone and the recovery codes."""
    page = await person.post("/account/second-factor/set-up", {})
    assert page.status_code == 200, page.text
    app = pyotp.TOTP(_SECRET.findall(page.text)[0])
    assert "data:image/svg+xml" in unescape(page.text)
    shown = await person.post("/account/second-factor/confirm", {"code": app.at(int(clock.now))})
    codes = _CODES.findall(shown.text)
    assert len(codes) == 10
    clock.advance(30)
    return app, codes


async def log_in(person: Person, code: str) -> str:
    """Where the second step leads to."""
    first = await person.log_in(MAIL)
    assert (first.status_code, first.headers["location"]) == (303, "/log-in/code")
    assert (await person.get("/")).headers["location"] == "/log-in", "nobody is logged in yet"
    token = await person.open_form("/log-in/code")
    answer = await person.post("/log-in/code", {"csrf_token": token, "code": code})
    return str(answer.headers.get("location", answer.status_code))


async def test_after_it_is_on_a_password_alone_logs_nobody_in(site: Site, frozen: FrozenClock) -> None:
    async with site.member(MAIL) as person:
        app, codes = await turned_on(person, frozen)
        assert "10 recovery codes left" in (await person.get("/account/second-factor")).text
    async with site.visitor() as again:
        assert await log_in(again, app.at(int(frozen.now))) == "/"
        assert (await again.get("/")).status_code == 200
    async with site.visitor() as replayed:
        assert await log_in(replayed, app.at(int(frozen.now))) == "401"
    async with site.visitor() as without_phone:
        assert await log_in(without_phone, codes[3]) == "/"
        assert "9 recovery codes left" in (await without_phone.get("/account/second-factor")).text


async def test_the_code_page_leads_back_to_the_password_when_nobody_owes_one(site: Site) -> None:
    async with site.visitor() as person:
        assert (await person.get("/log-in/code")).headers["location"] == "/log-in"
        await person.open_form("/log-in")
        assert (await person.post("/log-in/code", {"code": "123456"})).headers["location"] == "/log-in"


async def test_a_session_that_is_not_fresh_confirms_the_password_first(site: Site, frozen: FrozenClock) -> None:
    async with site.member(MAIL) as person:
        await turned_on(person, frozen)
        frozen.advance(11 * 60)
        asked = await person.post("/account/second-factor/off", {})
        assert asked.headers["location"].startswith("/account/confirm")
        wrong = await person.post("/account/confirm", {"password": "not the password"})
        assert wrong.status_code == 401
        back = await person.post("/account/confirm", {"password": PASSWORD, "then": "https://evil.example/"})
        assert back.headers["location"] == "/account/second-factor"
        off = await person.post("/account/second-factor/off", {})
        assert off.headers["location"] == "/account/second-factor"
        assert "Set up" in (await person.get("/account/second-factor")).text


async def test_a_wrong_code_turns_nothing_on(site: Site) -> None:
    async with site.member(MAIL) as person:
        await person.post("/account/second-factor/set-up", {})
        assert (await person.post("/account/second-factor/confirm", {"code": "000000"})).status_code == 422
    async with site.visitor() as again:
        assert (await again.log_in(MAIL)).headers["location"] == "/"


async def test_guessing_codes_is_slowed_down_and_says_how_long(site: Site, frozen: FrozenClock) -> None:
    async with site.member(MAIL) as person:
        await turned_on(person, frozen)
    async with site.visitor() as guesser:
        await guesser.log_in(MAIL)
        token = await guesser.open_form("/log-in/code")
        pages = [await guesser.post("/log-in/code", {"csrf_token": token, "code": f"{n:06d}"}) for n in range(8)]
        assert "wrong or was used" in pages[0].text
        assert any("minutes, or use a recovery code" in page.text for page in pages)


async def test_strangers_are_led_to_the_log_in_form(site: Site) -> None:
    async with site.visitor() as person:
        for path in ("/account/second-factor", "/account/keys", "/account/confirm"):
            assert (await person.get(path)).headers["location"] == "/log-in"
