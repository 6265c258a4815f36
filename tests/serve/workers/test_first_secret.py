"""Workers of a real server log in with what one wrapping token held, each with a database user of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Here
from tests.support.leasing import Leasing

from .conftest import Client, wait_until, workers

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]
APP = """
from urllib.parse import urlsplit
from garrison import harden
from garrison.secrets import open_secrets

secrets = open_secrets()

async def inner(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = urlsplit(secrets.get("db.dsn").reveal()).username.encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

app = harden(inner, secrets=secrets)
"""


def told(client: Client) -> str:
    """The database user of whichever worker answers; nothing while a machine under strain sheds load."""
    status, body = client.get()
    return body if status == 200 else ""


def test_each_worker_logs_in_with_what_was_opened_once_and_gives_its_user_back(here: Here, leasing: Leasing) -> None:
    bao = leasing.bao
    leasing.role("shift", "20m", "20m")
    role, _ = bao.role("shift", leasing.lines("shift"))
    path = "auth/approle/role/shift/secret-id"
    handed = bao.root.auth.approle.generate_secret_id("shift", wrap_ttl="10m")["wrap_info"]["token"]
    file = here.folder / "handed"
    file.touch(0o600)
    file.write_text(handed)
    policy = f"""
[vault]
address = "{bao.url}"
ca = "{bao.ca}"
role_id = "env:ROLE"
secret_id = "file:{file}"
unwrap = "{path}"
[secrets.named]
"db.dsn" = "{leasing.template("shift")}"
"""
    with workers(here, "--workers", "2", app=APP, policy=policy, ROLE=role) as (served, client, _):
        wait_until(lambda: len(leasing.users("shift")) == 2, 90)
        users, seen = leasing.users("shift"), set()

        def each_has_answered() -> bool:
            seen.add(told(client))
            return users <= seen

        wait_until(each_has_answered, 90)
        file.unlink()  # used up
        assert served.stop() == 0
    assert leasing.users("shift") == set()
    assert told_nowhere(here.folder, (handed, *users)) == []


def told_nowhere(folder: Path, words: tuple[str, ...]) -> list[Path]:
    """Files that hold one of `words`."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(word.encode() in path.read_bytes() for word in words)]
