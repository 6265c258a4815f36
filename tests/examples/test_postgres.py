"""The same application on PostgreSQL: a real server on a free port of loopback."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.notes import Settings, hardened
from examples.notes.database import Database
from examples.notes.settings import with_driver
from garrison.secrets import Secret

from ..support.components import need
from .site import Site, running

pytestmark = [pytest.mark.anyio, pytest.mark.server]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of an empty database. The server refuses to run as root, so root hands it to the user `postgres`."""
    programs = Path(need("postgres")).resolve().parent
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="notes-pg-"))
    if user:
        shutil.chown(folder, user)
    data, port = folder / "data", _free_port()
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"

    def run(*command: str) -> None:
        # pg_ctl's server keeps the pipes of its parent open, so output goes to a file
        with (folder / "log").open("ab") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, timeout=60, user=user, cwd=folder)

    try:
        run(str(programs / "initdb"), "-D", str(data), "-U", "notes", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        run(str(programs / "pg_ctl"), "-D", str(data), "-o", options, "-w", "start")
        try:
            yield f"postgresql://notes@127.0.0.1:{port}/postgres"
        finally:
            run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
