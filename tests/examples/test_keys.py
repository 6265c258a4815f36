"""API keys as people and their programs use them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from examples.notes.app import create_app, default_policy
from examples.notes.settings import Settings
from garrison import harden
from garrison.accounts.api_keys_text import is_key
from garrison.testing import FrozenClock

from .site import Person, Site, running

pytestmark = pytest.mark.anyio
_KEY = re.compile(r'<code class="secret">(notes_\w+)</code>')


@pytest.fixture
def frozen() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
async def site(settings: Settings, environ: None, frozen: FrozenClock) -> AsyncIterator[Site]:
    """The site of `conftest`, at a time that the test decides."""
    app = harden(create_app(settings), default_policy(settings), clock=frozen.clock)
    async with running(app):
        yield Site(app, settings)


async def made(person: Person, **form: str) -> str:
    page = await person.post("/account/keys", {"name": "Backup", "days": "30", **form})
    assert page.status_code == 201, page.text
    (key,) = _KEY.findall(page.text)
    assert is_key(key)
    assert key not in (await person.get("/account/keys")).text, "shown once"
    return str(key)


class Program:
    """A program: no cookies, a key."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self.client, self.headers = client, {"Authorization": f"Bearer {key}", "Accept": "application/json"}

    async def ask(self, method: str, path: str, json: object = None) -> httpx.Response:
        return await self.client.request(method, path, json=json, headers=self.headers)


async def test_a_program_reads_with_a_key_and_writes_only_if_it_may(site: Site) -> None:
    async with site.member() as person, site.visitor() as machine:
        note = await person.write("Plan")
        reader = Program(machine.client, await made(person))
        assert (await reader.ask("GET", "/api/me")).json()["name"] == "Ann"
        assert note in [one["id"] for one in (await reader.ask("GET", "/api/notes")).json()["notes"]]
        refused = await reader.ask("POST", "/api/notes", {"title": "Mine"})
        assert refused.status_code == 403
        writer = Program(machine.client, await made(person, write="true"))
        assert (await writer.ask("POST", "/api/notes", {"title": "Mine"})).status_code == 201, "no CSRF token needed"
        assert (await writer.ask("DELETE", f"/api/notes/{note}")).status_code == 204


async def test_a_key_opens_the_api_and_no_page(site: Site) -> None:
    async with site.member() as person, site.visitor() as machine:
        program = Program(machine.client, await made(person, write="true"))
        for path in ("/", "/account/keys", "/account/second-factor", "/export"):
            assert (await program.ask("GET", path)).status_code == 401, path
        assert (await program.ask("POST", "/account/keys")).status_code in {401, 403}


async def test_a_revoked_key_is_worth_nothing(site: Site) -> None:
    async with site.member() as person, site.visitor() as machine:
        key = await made(person)
        program = Program(machine.client, key)
        assert (await program.ask("GET", "/api/me")).status_code == 200
        await person.post(f"/account/keys/{key.split('_')[1]}/revoke", {})
        answer = await program.ask("GET", "/api/me")
        assert (answer.status_code, answer.json()["reason"]) == (401, "credential-invalid")
        assert "revoked" in (await person.get("/account/keys")).text


async def test_nobody_revokes_another_s_key(site: Site) -> None:
    async with site.member() as ann, site.member("bob@example.com", "Bob") as bob, site.visitor() as machine:
        key = await made(ann)
        await bob.post(f"/account/keys/{key.split('_')[1]}/revoke", {})
        assert (await Program(machine.client, key).ask("GET", "/api/me")).status_code == 200


async def test_the_key_of_a_disabled_account_is_worth_nothing(site: Site) -> None:
    async with site.member() as person, site.admin() as admin, site.visitor() as machine:
        program = Program(machine.client, await made(person))
        me = (await program.ask("GET", "/api/me")).json()["id"]
        await admin.post(f"/admin/users/{me}", {"disabled": "true"})
        assert (await program.ask("GET", "/api/me")).status_code == 401


async def test_making_a_key_takes_a_fresh_log_in(site: Site, frozen: FrozenClock) -> None:
    async with site.member() as person:
        frozen.advance(11 * 60)
        answer = await person.post("/account/keys", {"name": "Backup", "days": "30"})
        assert answer.headers["location"] == "/account/confirm?then=/account/keys"


async def test_a_key_does_not_tell_the_address_to_log_in_with(site: Site) -> None:
    async with site.member() as person, site.visitor() as machine:
        answer = await Program(machine.client, await made(person)).ask("GET", "/api/me")
        assert answer.json()["email"] == "[redacted]"
        assert "ann@example.com" not in answer.text
        assert (await person.get("/export")).json()["account"]["email"] == "ann@example.com"  # the control: it is there
