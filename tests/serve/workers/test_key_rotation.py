"""The root key is replaced while the server serves: a reload takes the new one, and tags of the old one still hold."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.running import Here
from tests.cli.serving import Served
from tests.serve.workers.conftest import POLICY, Client, children, wait_until, workers

pytestmark = [pytest.mark.server]

OLD, NEW = "p4Xw9MzU2ySlD7qZc1oNe6iKt0hVb3fGj8rRL5zCwYF", "x7Kq2vN9wLpR4tYb8cZd3fGh6jMn1sQa5uWe0iOkTyU"
APP = """
from garrison import harden

async def inner(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    signer, tag = app.services.signer("test"), scope["path"].rpartition("/")[2]
    body = (str(signer.verify(b"x", tag)) if tag else signer.sign(b"x")).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

app = harden(inner)
"""


def said(client: Client, path: str) -> str:
    found: list[str] = []

    def answered() -> bool:
        status, body = client.get(path)
        found.append(body)
        return status == 200  # a machine under strain sheds load

    wait_until(answered)
    return found[-1]


def reloaded(served: Served, key: Path, text: str) -> None:
    key.write_text(text)
    before = set(children(served.process.pid))
    served.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not before & set(children(served.process.pid)), 90)


def test_a_reload_takes_the_new_root_key_and_the_old_one_overlaps(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    key = here.folder / "root.key"
    key.touch(0o600)
    key.write_text(OLD)
    monkeypatch.setattr("tests.serve.workers.conftest.POLICY", f'key = "file:{key}"\n{POLICY}')
    with workers(here, app=APP) as (served, client, _):
        tag = said(client, "/")
        assert said(client, f"/{tag}") == "True"
        reloaded(served, key, f"{NEW}\n{OLD}\n")
        assert said(client, f"/{tag}") == "True"
        assert said(client, "/")[:4] != tag[:4]  # what is new is signed with the new one
        reloaded(served, key, NEW)
        assert said(client, f"/{tag}") == "False"  # control: without the overlap it is nothing
