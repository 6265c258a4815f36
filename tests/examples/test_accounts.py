"""Sign-up, log-in, log-out."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from examples.notes import Settings, hardened
from garrison.asgi.types import Message, Receive, Scope, Send

from .site import PASSWORD, Person, Site, running

pytestmark = pytest.mark.anyio

SESSION = "__Host-session"


def session_of(person: Person) -> str:
    return person.client.cookies.get(SESSION) or ""


async def test_who_signs_up_can_log_in_and_see_their_page(site: Site) -> None:
    async with site.visitor() as person:
        assert (await person.sign_up("ann@example.com")).headers["location"] == "/log-in?new"
        answer = await person.log_in("Ann@Example.com")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        page = await person.get("/")
        assert page.status_code == 200
        assert "Log out" in page.text


async def test_an_anonymous_page_request_is_led_to_the_log_in_form_and_an_api_request_is_told_401(site: Site) -> None:
    async with site.visitor() as person:
        page = await person.get("/")
        assert (page.status_code, page.headers["location"]) == (303, "/log-in")
        assert (await person.get("/api/notes", headers={"Accept": "application/json"})).status_code == 401


async def test_a_log_in_without_a_token_is_refused_even_without_any_cookie(site: Site) -> None:
    form = {"email": "demo@example.com", "password": site.settings.demo_password.reveal()}
    async with site.visitor() as person:
        answer = await person.client.post("/log-in", data=form, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["reason"]) == (403, "csrf-missing")
        assert (await person.log_in(form["email"], form["password"])).status_code == 303  # the control


async def test_a_log_in_sent_by_another_site_is_refused_although_it_has_a_token(site: Site) -> None:
    async with site.visitor() as person:
        token = await person.open_form("/log-in")
        form = {"csrf_token": token, "email": "demo@example.com", "password": "x"}
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        assert (await person.client.post("/log-in", data=form, headers=headers)).status_code == 403
        assert (await person.client.post("/log-in", data=form)).status_code == 401  # the control: judged on its merits


async def test_a_session_id_planted_before_log_in_is_not_the_one_after_it(site: Site) -> None:
    async with site.visitor() as person:
        await person.sign_up("ann@example.com")
        await person.open_form("/log-in")
        planted = session_of(person)
        assert planted.startswith("p.")
        await person.log_in("ann@example.com")
        assert session_of(person).startswith("s.")
        async with site.visitor() as attacker:
            attacker.client.cookies.set(SESSION, planted, domain="localhost")
            assert (await attacker.get("/")).status_code == 303


async def test_a_second_log_in_ends_the_first_session(site: Site) -> None:
    async with site.member() as person:
        before = session_of(person)
        token = (await person.get("/sign-up")).text.split('csrf_token" value="')[1].split('"')[0]
        await person.post("/log-in", {"csrf_token": token, "email": "ann@example.com", "password": PASSWORD})
        assert session_of(person) != before
        async with site.visitor() as attacker:
            attacker.client.cookies.set(SESSION, before, domain="localhost")
            assert (await attacker.get("/")).status_code == 303


async def test_a_token_of_before_the_log_in_is_worth_nothing_after_it(site: Site) -> None:
    async with site.visitor() as person:
        await person.sign_up("ann@example.com")
        old = await person.open_form("/log-in")
        await person.log_in("ann@example.com")
        assert (await person.post("/notes", {"csrf_token": old, "title": "x"})).status_code == 403
        assert (await person.post("/notes", {"title": "x"})).status_code == 303  # the control: the token of now


async def test_a_log_out_ends_the_session_on_the_server(site: Site) -> None:
    async with site.member() as person:
        kept = session_of(person)
        answer = await person.post("/log-out", {})
        assert (answer.status_code, answer.headers["location"]) == (303, "/log-in")
        assert answer.headers["clear-site-data"] == '"cache", "storage"'
        async with site.visitor() as thief:
            thief.client.cookies.set(SESSION, kept, domain="localhost")
            assert (await thief.get("/")).status_code == 303


async def test_known_and_unknown_addresses_get_the_same_answer_to_a_wrong_password(site: Site) -> None:
    async with site.visitor() as person:
        answers = [await person.log_in(email, "wrong password") for email in ("demo@example.com", "no@example.com")]
        assert [answer.status_code for answer in answers] == [401, 401]
        pages = [answer.text.split("<main", 1)[1].split("csrf_token")[0] for answer in answers]
        assert pages[0] == pages[1]
        assert "wrong" in pages[0]


async def test_signing_up_with_a_taken_address_answers_the_same_and_changes_nothing(site: Site) -> None:
    async with site.visitor() as person:
        first = await person.sign_up("ann@example.com")
        second = await person.sign_up("ann@example.com", "Mallory", "another long password")
        assert (first.status_code, first.headers["location"]) == (second.status_code, second.headers["location"])
        assert (await person.log_in("ann@example.com", "another long password")).status_code == 401
        assert (await person.log_in("ann@example.com")).status_code == 303


async def test_guessing_passwords_ends_in_429(site: Site) -> None:
    async with site.visitor() as person:
        statuses = [(await person.log_in("demo@example.com", f"guess {n}")).status_code for n in range(15)]
        assert statuses[:5] == [401] * 5
        assert statuses[-1] == 429


async def test_the_page_says_how_long_to_wait_and_the_right_password_does_not_help_until_then(site: Site) -> None:
    async with site.visitor() as person:
        await person.sign_up("ann@example.com")
        pages = [await person.log_in("ann@example.com", f"guess {n}") for n in range(5)]
        assert "Try again in 30 seconds." in pages[4].text
        assert "Try again" not in pages[3].text
        refused = await person.log_in("ann@example.com")
        assert refused.status_code == 429
        assert "Try again in" in refused.text
        assert 25 <= int(refused.headers["retry-after"]) <= 30


async def test_the_back_off_message_is_the_same_for_known_and_unknown_addresses(settings: Settings, site: Site) -> None:
    told = []
    for email in ("sean@example.com", "no@example.com"):
        async with running(app := hardened(settings)), Site(app, settings).visitor() as person:
            answers = [await person.log_in(email, f"guess {n}") for n in range(6)]
            told.append([(answer.status_code, _shown(answer.text)) for answer in answers])
    assert told[0] == told[1]
    assert told[0][-1][0] == 429
    assert re.search(r"Too many failed attempts\. Try again in \d+ seconds", told[0][-1][1])


def _shown(page: str) -> str:
    """The page without its token and, because the clock runs, without how many seconds are left."""
    return re.sub(r"\b(2\d|30) seconds", "30 seconds", page.split("<main", 1)[1].split("csrf_token")[0])


async def test_a_new_account_is_there_before_the_answer_leaves(settings: Settings, site: Site) -> None:
    """Who logs in right after signing up must get in."""
    found: list[int] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def look(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"] == "/sign-up" and scope["method"] == "POST":
                found.append(_accounts_of(settings, "ann@example.com"))
            await send(message)

        await site.app(scope, receive, look)

    async with Site(watched, settings).visitor() as person:
        await person.sign_up("ann@example.com")
    assert found == [1]


def _accounts_of(settings: Settings, email: str) -> int:
    with closing(sqlite3.connect(settings.data / "notes.db")) as database:
        (count,) = database.execute("SELECT count(*) FROM users WHERE email = ?", (email,)).fetchone()
        return int(count)


async def test_a_device_that_logged_in_before_gets_in_while_strangers_guess(site: Site) -> None:
    async with site.member() as ann:
        await ann.post("/log-out", {})
        async with site.visitor() as stranger:
            for number in range(6):
                await stranger.log_in("ann@example.com", f"guess {number}")
            assert (await stranger.log_in("ann@example.com")).status_code == 429
        assert (await ann.log_in("ann@example.com")).status_code == 303


@pytest.mark.parametrize("password", ["password12345678", "ann@example.com.", "abcabcabcabcabcabc"])
async def test_passwords_that_are_tried_first_are_not_accepted(site: Site, password: str) -> None:
    async with site.visitor() as person:
        answer = await person.sign_up("ann@example.com", password=password)
        assert answer.status_code == 422
        assert "It is" in answer.text
        assert (await person.log_in("ann@example.com", password)).status_code == 401


@pytest.mark.parametrize(
    "change", [{"password": "short"}, {"email": "nobody"}, {"email": "a@b\x07c"}, {"name": "   "}, {"name": "x" * 81}]
)
async def test_an_invalid_sign_up_names_the_field_and_never_repeats_what_was_sent(
    site: Site, change: dict[str, str]
) -> None:
    form = {"email": "ann@example.com", "name": "Ann", "password": "a long passphrase", **change}
    field, value = next(iter(change.items()))
    async with site.visitor() as person:
        token = await person.open_form("/sign-up")
        answer = await person.post("/sign-up", {"csrf_token": token, **form})
        assert answer.status_code == 422
        assert f"Not valid or missing: {field}." in answer.text
        assert value.strip() == "" or value not in answer.text
        assert form["password"] not in answer.text


async def test_a_stored_password_is_an_argon2id_hash(site: Site) -> None:
    async with site.member():
        content = b"".join(file.read_bytes() for file in site.settings.data.glob("notes.db*"))
        assert b"$argon2id$" in content
        assert PASSWORD.encode() not in content
