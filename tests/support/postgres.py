"""A real PostgreSQL server on a free port of loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .components import need
from .valkey import free_port


@contextmanager
def postgres(password: str = "") -> Iterator[str]:
    """The URL of an empty database, of its superuser. With a `password` every log-in needs one; without, nobody's does.

    The server refuses to run as root, so root hands it to the user `postgres`.
    """
    programs = Path(need("postgres")).resolve().parent
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="notes-pg-"))
    (folder / "password").write_text(password or "unused")
    if user:
        shutil.chown(folder, user)
        shutil.chown(folder / "password", user)
    data, port, how = folder / "data", free_port(), "scram-sha-256" if password else "trust"
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"

    def run(program: str, *arguments: str) -> None:
        # pg_ctl's server keeps the pipes of its parent open, so output goes to a file
        with (folder / "log").open("ab") as log:
            command = (str(programs / program), "-D", str(data), *arguments)
            subprocess.run(command, check=True, stdout=log, stderr=log, timeout=60, user=user, cwd=folder)

    try:
        known = ("-U", "notes", "-A", how, f"--pwfile={folder / 'password'}")
        run("initdb", *known, "-E", "UTF8", "--locale=C", "-N")
        run("pg_ctl", "-o", options, "-w", "start")
        try:
            yield f"postgresql://notes{':' if password else ''}{password}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
