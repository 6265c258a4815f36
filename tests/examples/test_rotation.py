"""The reference application keeps serving while its own secrets are rotated: no request fails, nothing is restarted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from examples.notes import Settings, hardened
from examples.notes.app import POLICY_FILE
from garrison.asgi.onion import Onion
from garrison.policy.load import load
from garrison.policy.model import Policy
from garrison.secrets import SecretDenied, open_secrets
from tests.config.test_mounted import kubernetes
from tests.events.exports.receiving import web
from tests.serve.workers.test_key_rotation import RULE
from tests.support.valkey import Server

from .site import Person, Site, running
from .test_postgres import database

__all__ = ["database"]
pytestmark = [pytest.mark.anyio, pytest.mark.server]


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    folder = tmp_path / "mounted"
    folder.mkdir(0o755)
    return folder


@pytest.fixture
def policy(mounted: Path, environ: None) -> Policy:
    secrets = {
        "named": {"db.dsn": f"mounted:{mounted}/db.dsn"}, "needs": {"database": ["db.dsn"]}, "refresh": 0.05,
    }  # fmt: skip
    own = load(POLICY_FILE, {"GARRISON_ENVIRONMENT": "development"}).policy.given
    return Policy(**{**own, "secrets": secrets, "environment": "development"})


async def command(database: str, *words: str) -> None:
    engine = create_async_engine(make_url(database).set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for one in words:
            await connection.execute(text(one))
    await engine.dispose()


def locked(role: str) -> tuple[str, str]:
    """What the last step of a rotation does: nobody is, or becomes, this user any more."""
    out = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = "
    return f"ALTER ROLE {role} NOLOGIN", f"{out}'{role}'"


async def asking(person: Person, found: list[int]) -> None:
    while True:
        found.append((await person.get("/api/notes")).status_code)
        await asyncio.sleep(0.005)


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until it is heard: what waits for a store in the library may swallow it once."""
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=0.5)


async def answered(some: list[list[int]], more: int = 2) -> None:
    """Until each has had `more` answers from now on: then what was asked before is answered."""
    wanted = [len(one) + more for one in some]
    async with asyncio.timeout(60):
        while any(len(one) < least for one, least in zip(some, wanted, strict=True)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_no_request_fails_while_the_database_user_is_replaced(
    database: str, mounted: Path, policy: Policy, tmp_path: Path
) -> None:
    first, second = (str(make_url(database).set(username=name)) for name in ("notes_a", "notes_b"))
    await command(database, "CREATE ROLE notes_a LOGIN SUPERUSER", "CREATE ROLE notes_b LOGIN SUPERUSER")
    kubernetes(mounted, "01", {"db.dsn": first})
    settings = Settings(environment="development", data=tmp_path / "data", allow_insecure_fast_hash=True)
    app = hardened(settings, policy)
    parts = app.app.state.parts  # type: ignore[attr-defined]  # FastAPI's, behind the onion
    async with running(app), Site(app, settings).member() as person:
        some: list[list[int]] = [[] for _ in range(4)]
        asks = [asyncio.create_task(asking(person, found)) for found in some]
        await answered(some)
        before = parts.database.engine
        kubernetes(mounted, "02", {"db.dsn": second})
        await asyncio.wait_for(replaced(parts, before), 60)
        await answered(some)
        await command(database, *locked("notes_a"))
        await answered(some)
        await ended(asks)
        assert {status for found in some for status in found} == {200}
        assert (await person.get("/healthz")).status_code == 200
        await command(database, *locked("notes_b"))  # control: a user that is locked out and not replaced
        with pytest.raises(Exception):  # noqa: B017  # the driver's, of many kinds; no answer without a database
            await parts.database.create()


async def replaced(parts: object, before: object) -> None:
    while parts.database.engine is before:  # type: ignore[attr-defined]  # noqa: ASYNC110  # nothing tells a test of it
        await asyncio.sleep(0.01)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("garrison.stores.link.CALL_SECONDS", 5.0)  # one that answers does, however busy the machine is
    with Server(tmp_path / "valkey") as server:
        for user in ("notes", "siem"):
            server.ask("ACL", "SETUSER", user, "on", f">{user}-first", "~*", "&*", "+@all")
        yield server


def lines_of(server: Server, user: str) -> set[str]:
    """The connections of `user`, by number."""
    return {
        line.split()[0] for line in server.ask("CLIENT", "LIST").splitlines() if f" user={user} " in line
    }  # fmt: skip


def named(path: Path, name: str) -> set[str]:
    events: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    return {event["details"].get("name") for event in events if event["name"] == name}


async def told(path: Path, name: str, wanted: set[str]) -> None:
    """Until events called `name` have been written for all of `wanted`."""
    async with asyncio.timeout(30):
        while True:
            if wanted <= named(path, name):
                return
            await asyncio.sleep(0.02)


class Pager:
    """Who is told of alerts: a web server, and a rule that alerts of each crash."""

    def __init__(self, folder: Path, address: str, got: list[tuple[dict[str, str], bytes]]) -> None:
        self.address, self._got = address, got
        folder.mkdir()
        (folder / "died.toml").write_text(RULE)
        self.policy = {"detection": {"shared": True, "rules": [str(folder)]}}

    async def rung(self, app: Onion, path: str) -> None:
        """Until an alert has come in at `path`."""
        async with asyncio.timeout(30):
            while path not in {headers["path"] for headers, _ in self._got}:
                app.services.emit("sys_crash", error="a test")
                await asyncio.sleep(0.2)


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[Pager]:
    with web() as (address, got):
        yield Pager(tmp_path / "rules", address, got)


async def test_no_request_fails_while_the_passwords_of_the_store_and_of_receivers_are_replaced(
    store: Server, mounted: Path, policy: Policy, tmp_path: Path, pager: Pager
) -> None:
    def put(day: str, word: str) -> None:
        siem = f"redis://siem:siem-{word}@127.0.0.1:{store.port}/0"
        kubernetes(
            mounted, day,
            {"db.dsn": f"sqlite:///{tmp_path / 'x.db'}", "store": f"notes-{word}", "siem": siem,
             "pager": f"{pager.address}/{word}"},
        )  # fmt: skip

    put("01", "first")
    events = tmp_path / "events.jsonl"
    shared = {
        "store": f"redis://notes:mounted:{mounted}/store@127.0.0.1:{store.port}/0", "state": str(tmp_path / "state"),
        "events": {"output": str(events), "exports": [{"to": f"mounted:{mounted}/siem", "stream": "siem"}]},
        "alerts": {"receivers": [{"to": f"mounted:{mounted}/pager", "gather": 0}]}, **pager.policy,
    }  # fmt: skip
    settings = Settings(environment="development", data=tmp_path / "data", allow_insecure_fast_hash=True)
    app = hardened(settings, Policy(**{**policy.given, **shared}))
    async with running(app), Site(app, settings).member() as person:
        some: list[list[int]] = [[] for _ in range(4)]
        asks = [asyncio.create_task(asking(person, found)) for found in some]
        await answered(some)
        before = {user: lines_of(store, user) for user in ("notes", "siem")}
        assert all(before.values())
        await pager.rung(app, "/first")
        for user in before:
            store.ask("ACL", "SETUSER", user, f">{user}-second")
        put("02", "second")
        await told(events, "secret_rotated", {"store.password", "events.exports.0.to", "alerts.receivers.0.to"})
        await answered(some)
        for user in before:
            store.ask("ACL", "SETUSER", user, f"<{user}-first")
        assert "WRONGPASS" in store.ask("AUTH", "notes", "notes-first")
        sent = int(store.ask("XLEN", "siem")[1:])
        app.services.emit("service_recovered", service="test")
        async with asyncio.timeout(30):
            while lines_of(store, "notes") & before["notes"] or int(store.ask("XLEN", "siem")[1:]) == sent:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not lines_of(store, "siem") & before["siem"]
        await pager.rung(app, "/second")
        await ended(asks)
        assert {status for found in some for status in found} == {200}
        store.ask("CLIENT", "KILL", "USER", "notes")  # whoever connects now has to log in, and can
        await until_answered(person, 200)
        store.ask("ACL", "SETUSER", "notes", "resetpass", ">third")  # control: replaced there, and not here
        store.ask("CLIENT", "KILL", "USER", "notes")
        await until_answered(person, 503)


async def until_answered(person: Person, status: int) -> None:
    async with asyncio.timeout(30):
        while (await person.get("/api/notes")).status_code != status:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_part_gets_what_it_needs_and_nothing_else(mounted: Path, policy: Policy, tmp_path: Path) -> None:
    kubernetes(mounted, "01", {"db.dsn": f"sqlite:///{tmp_path / 'x.db'}", "other": "x"})
    given = policy.given["secrets"]
    more = {**given, "named": {**given["named"], "oidc.secret": f"mounted:{mounted}/other"}}
    secrets = open_secrets(Policy(**{**policy.given, "secrets": more}))
    assert secrets.view("database").names == {"db.dsn"}
    with pytest.raises(SecretDenied):
        secrets.view("database").get("oidc.secret")
