"""The same application on PostgreSQL: a real server on a free port of loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.notes import Settings, hardened
from examples.notes.database import Database
from examples.notes.settings import with_driver
from garrison.secrets import Secret

from ..support.postgres import postgres
from .site import Site, running

pytestmark = [pytest.mark.anyio, pytest.mark.server]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of an empty database."""
    with postgres() as url:
        yield url


async def test_machines_that_start_together_make_one_set_of_tables(database: str) -> None:
    """Without the advisory lock, one would violate a unique index of the catalogue."""
    several = [Database(with_driver(database)) for _ in range(6)]
    await asyncio.gather(*(one.create() for one in several))
    for one in several:
        await one.close()


async def test_notes_are_written_found_changed_and_deleted_on_postgresql(
    database: str, tmp_path: Path, environ: None
) -> None:
    settings = Settings(
        environment="development",
        data=tmp_path / "data",
        database=Secret(database),
        seed=True,
        allow_insecure_fast_hash=True,
    )
    app = hardened(settings)
    async with running(app), Site(app, settings).member(name="Seán O'Brien") as sean:
        note = await sean.write("O'Brien's 100% 🚀", "'; DROP TABLE notes; --")
        assert (await sean.upload(note, b"content")).status_code == 303
        for query in ("100%", "'; DROP", "🚀", "o'BRIEN"):
            found = (await sean.get("/api/notes", params={"q": query})).json()["notes"]
            assert note in [one["id"] for one in found], query
        assert (await sean.get("/api/notes", params={"q": "100_"})).json()["notes"] == []
        nul = await sean.api("POST", "/api/notes", {"title": "nul\x00"})
        assert nul.status_code == 422
        assert (await sean.api("PUT", f"/api/notes/{note}", {"title": "Changed"})).json()["title"] == "Changed"
        assert (await sean.api("DELETE", f"/api/notes/{note}")).status_code == 204
        assert (await sean.get(f"/api/notes/{note}")).status_code == 404
        assert (await sean.get("/healthz")).status_code == 200
    async with running(hardened(settings)):
        pass  # a second start finds its tables and its demo user
