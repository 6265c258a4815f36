"""The reference application on credentials that are used for seconds: renewed, replaced and given back under load, with
the server that makes them killed in between. No query fails; nothing is restarted.

Each is good for a minute and replaced after a second or two, so that a machine that stands still for a while ends none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy.exc import DBAPIError

from examples.notes import Settings
from examples.notes.app import POLICY_FILE, create_app
from garrison import harden
from garrison.asgi.onion import Onion
from garrison.policy.load import load
from garrison.policy.model import Policy
from garrison.secrets import Secrets, open_secrets
from tests.support.bao import Bao
from tests.support.leasing import Leasing, asked

from .site import Person, Site, running

pytestmark = [pytest.mark.anyio, pytest.mark.server, pytest.mark.xdist_group("bao")]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Leases are renewed after a second, and replaced when a renewal adds less than all of it."""
    for name, value in (("EARLIEST", 0.01), ("LATEST", 0.015), ("_WORTH", 0.985)):
        monkeypatch.setattr(f"garrison.secrets.lease.{name}", value)
    return monkeypatch


@dataclass
class Served:
    """The application with leases of the role `name`."""

    leasing: Leasing
    name: str
    settings: Settings
    secrets: Secrets
    app: Onion
    users: list[str] = field(default_factory=list)

    @classmethod
    def build(cls, leasing: Leasing, folder: Path, name: str) -> Served:
        leasing.role(name, "1m", "1m")
        role, secret = leasing.bao.role(name, leasing.lines(name))
        vault = {
            "address": leasing.bao.url, "ca": str(leasing.bao.ca), "role_id": "env:ROLE", "secret_id": "env:ID",
            "grace": 0.3, "timeout": 2,
        }  # fmt: skip
        secrets = {"named": {"db.dsn": leasing.template(name)}, "needs": {"database": ["db.dsn"]}, "refresh": 0.5}
        own = load(POLICY_FILE, {"GARRISON_ENVIRONMENT": "development"}).policy.given
        policy = Policy(
            **{**own, "vault": vault, "secrets": secrets, "environment": "development", "rate": {"mode": "monitor"}}
        )
        settings = Settings(environment="development", data=folder / "data", allow_insecure_fast_hash=True)
        opened = open_secrets(policy, {"ROLE": role, "ID": secret})
        app = harden(create_app(settings, policy, opened), policy, secrets=opened)
        made = cls(leasing, name, settings, opened, app)
        opened.on_change("db.dsn", lambda new: made.users.append(urlsplit(new.reveal()).username or ""))
        made.users.append(made.user)
        return made

    @property
    def user(self) -> str:
        """Who we are at the database."""
        return urlsplit(self.secrets.get("db.dsn").reveal()).username or ""

    async def replaced(self, times: int) -> None:
        """Until there have been so many more users."""
        wanted = len(self.users) + times
        async with asyncio.timeout(60):
            while len(self.users) < wanted:  # noqa: ASYNC110  # nothing else tells a test of it
                await asyncio.sleep(0.02)


async def asking(person: Person, found: list[int]) -> None:
    while True:
        found.append((await person.get("/api/notes")).status_code)
        await asyncio.sleep(0.01)


async def logging_in(site: Site, email: str, found: list[int]) -> None:
    async with site.visitor() as person:
        await person.sign_up(email)  # an account of its own: a person's sessions are limited in number
    while True:
        async with site.visitor() as person:
            found.append((await person.log_in(email)).status_code)
        await asyncio.sleep(0.1)


async def off_the_loop(call: Any, *arguments: Any) -> Any:
    return await asyncio.to_thread(call, *arguments)


async def test_no_query_fails_while_credentials_of_seconds_are_renewed_and_replaced_and_their_server_is_killed(
    leasing: Leasing, tmp_path: Path, environ: None, hasty: pytest.MonkeyPatch
) -> None:
    served = await off_the_loop(Served.build, leasing, tmp_path, "load")
    site = Site(served.app, served.settings)
    asked_for: list[list[int]] = [[] for _ in range(3)]
    logged_in: list[int] = []
    async with running(served.app), site.member() as person:
        work = [asyncio.create_task(asking(person, found)) for found in asked_for]
        work.append(asyncio.create_task(logging_in(site, "bob@example.com", logged_in)))
        await served.replaced(2)
        await off_the_loop(killed_and_back, leasing.bao)
        await off_the_loop(leasing.role, "load", "1m", "62s")  # so that it is renewed before it is replaced
        await served.replaced(2)
        hasty.setattr("garrison.secrets.lease.LATEST", 0.65)  # what is taken next stays: no more haste
        hasty.setattr("garrison.secrets.lease.EARLIEST", 0.65)
        await off_the_loop(leasing.role, "load", "1m", "1m")
        await served.replaced(1)
        async with asyncio.timeout(60):
            while len(logged_in) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        assert {status for found in asked_for for status in found} == {200}
        assert set(logged_in) == {303}
        assert len(set(served.users)) == len(served.users) >= 6
        last = served.secrets.get("db.dsn").reveal()
        assert await off_the_loop(asked, last, "SELECT session_user::text") == [served.user]
    assert await off_the_loop(leasing.users, "load") == set()  # given back when the application stopped


def killed_and_back(bao: Bao) -> None:
    bao.kill()
    bao.start()
    bao.unseal()


async def test_the_control_a_credential_that_nobody_keeps_fails_when_its_time_is_over(
    leasing: Leasing, tmp_path: Path, environ: None
) -> None:
    served = await off_the_loop(Served.build, leasing, tmp_path, "unkept")
    served.app.services.opening.clear()  # what keeps secrets current is not started
    site = Site(served.app, served.settings)
    async with running(served.app), site.member() as person:
        assert (await person.get("/api/notes")).status_code == 200
        await off_the_loop(leasing.bao.root.sys.revoke_prefix, f"{leasing.mount}/creds/unkept")  # its time is over
        while await off_the_loop(leasing.users, "unkept"):  # noqa: ASYNC110  # a database tells nobody
            await asyncio.sleep(0.05)
        with pytest.raises(DBAPIError):
            await person.get("/api/notes")
