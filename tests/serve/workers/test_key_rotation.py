"""The root key is replaced while the server serves: a reload takes the new one, and tags of the old one still hold."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cli.running import Here
from tests.cli.serving import Served
from tests.events.exports.receiving import web
from tests.serve.workers.conftest import POLICY, Client, asking, children, wait_until, workers

pytestmark = [pytest.mark.server]

OLD, NEW = "p4Xw9MzU2ySlD7qZc1oNe6iKt0hVb3fGj8rRL5zCwYF", "x7Kq2vN9wLpR4tYb8cZd3fGh6jMn1sQa5uWe0iOkTyU"
RULE = """
id = "died"
title = "A process died"
means = "It did."
next = "Look."
severity = "error"
confidence = "high"
attack = ["T1499.004"]
cwe = [248]
by = "node"
window = "1 second"
at_least = 1
cooldown = "1 second"
[match]
names = ["sys_crash"]
[[cases]]
says = "one"
alerts = 1
events = [{ name = "sys_crash", node = "web-1" }]
[[cases]]
says = "none"
alerts = 0
events = [{ name = "sys_restart", node = "web-1" }]
"""
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


def test_a_reload_takes_the_new_address_of_who_is_told_of_workers_that_die(here: Here) -> None:
    with web() as (first, got_first), web() as (second, got_second):
        pager = here.folder / "pager"
        pager.touch(0o600)
        pager.write_text(f"{first}/first")
        (here.folder / "rules").mkdir()
        here.write("rules/died.toml", RULE)
        alerts = f'[detection]\nrules = ["rules"]\n[[alerts.receivers]]\nto = "file:{pager}"\ngather = 0\n'
        with workers(here, app=APP, policy=alerts) as (served, client, _):
            os.kill(children(served.process.pid)[0], signal.SIGKILL)
            wait_until(lambda: got_first)
            said(client, "/")
            pager.write_text(f"{second}/second")
            before = set(children(served.process.pid))
            served.process.send_signal(signal.SIGHUP)
            wait_until(lambda: not before & set(children(served.process.pid)), 90)
            os.kill(children(served.process.pid)[0], signal.SIGKILL)
            wait_until(lambda: got_second)
    assert [headers["path"] for headers, _ in got_second][:1] == ["/second"]


def test_a_reload_takes_the_new_root_key_the_old_one_overlaps_and_no_request_fails(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = here.folder / "root.key"
    key.touch(0o600)
    key.write_text(OLD)
    monkeypatch.setattr("tests.serve.workers.conftest.POLICY", f'key = "file:{key}"\n{POLICY}')
    with workers(here, app=APP) as (served, client, _):
        tag = said(client, "/")
        with asking(client, f"/{tag}") as some:
            reloaded(served, key, f"{NEW}\n{OLD}\n")
        assert {word for one in some for word in one.words} == {"True"}
        assert said(client, "/")[:4] != tag[:4]  # what is new is signed with the new one
        reloaded(served, key, NEW)
        assert said(client, f"/{tag}") == "False"  # control: without the overlap it is nothing
