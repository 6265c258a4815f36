"""What a process that serves keeps to itself: its memory when it crashes, and the secrets that it was started with."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from garrison.policy.held import secret_variables
from garrison.policy.model import Policy
from garrison.policy.reference import Reference
from garrison.secrets import Secret, SecretRefused
from garrison.secrets.source_file import FileSource
from garrison.serve.compartment import HANDED, hand, receive
from garrison.serve.errors import OptionRefusedError
from garrison.serve.privileges import become
from tests.cli.running import Here
from tests.cli.serving import Served
from tests.serve.workers.conftest import ROOT, children, open_folder, wait_until, workers
from tests.serve.workers.test_confined import owned, reports, starts_python
from tests.support.readable_python import ENVIRONMENT, MOUNTS, PYTHON, places, why_not

pytestmark = [pytest.mark.server, pytest.mark.skipif(not ROOT, reason="only the superuser looks into such processes")]

CANARY = "canary-9Qe2-of-the-database"
FILED = "canary-Kx71-of-a-private-file"
KEY = "p4Xw9MzU2ySlD7qZc1oNe6iKt0hVb3fGj8rRL5zCwYF"
APP = """
import ctypes, hashlib, json, os, subprocess
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
    child = subprocess.run(["env"], capture_output=True, text=True).stdout
    body = json.dumps({
        "own": dict(os.environ), "child": child, "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
        **{name: hashlib.sha256(secrets.get(name).reveal().encode()).hexdigest() for name in secrets.section.named},
    }).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

app = harden(inner, secrets=secrets)
"""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def environs(served: Served) -> Iterator[str]:
    for pid in (served.process.pid, *children(served.process.pid)):
        yield Path(f"/proc/{pid}/environ").read_text()


@contextmanager
def serving(
    here: Here, monkeypatch: pytest.MonkeyPatch, *options: str, more: str = "", named: str = ""
) -> Iterator[tuple[Served, dict[str, Any]]]:
    """Two workers with a secret in a variable; what one of them says of itself."""
    user = "--user" in options
    extra, stack = {}, ExitStack()
    if user and not reports(starts_python)["can"]:
        if reason := why_not():
            pytest.skip(f"the user nobody can't start this Python; {reason}")
        started = f'{MOUNTS}\nexec {PYTHON} -m garrison "$@"'
        monkeypatch.setattr("tests.cli.serving.GARRISON", ("unshare", "--mount", "sh", "-c", started, "garrison"))
        extra = {**places(), **ENVIRONMENT}
    if user:
        here = Here(stack.enter_context(open_folder()))
        monkeypatch.setattr("tests.serve.workers.conftest.copied", owned)
    policy = f'{more}\n[secrets.named]\n"db.dsn" = "env:SHOP_DSN"\n{named}\n'
    environ = {**extra, "SHOP_DSN": CANARY, "GARRISON_KEY": KEY, "SHOP_OTHER": "canary-other"}
    with stack, workers(here, "--workers", "2", *options, app=APP, policy=policy, **environ) as (served, client, _):
        yield served, json.loads(client.get()[1])


def test_no_process_that_serves_and_no_child_shows_a_secret_or_leaves_its_memory(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = 'secret_environment = ["SHOP_*"]'
    with serving(here, monkeypatch, more=more) as (served, said):
        assert said["db.dsn"] == digest(CANARY)
        check(served, said)
        before = children(served.process.pid)
        served.process.send_signal(signal.SIGHUP)  # workers of a reload are handed theirs as well
        wait_until(lambda: not set(before) & set(children(served.process.pid)), 60)
        check(served, said)


def check(served: Served, said: dict[str, Any]) -> None:
    """Nothing is in any environment, and no process can be dumped or traced by its own user."""
    everything = [*environs(served), json.dumps(said)]
    assert len(everything) == 4
    assert not [text for text in everything if CANARY in text or KEY in text or "canary-other" in text]
    assert said["dumpable"] == 0
    for pid in (served.process.pid, *children(served.process.pid)):
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
        assert next(line for line in limits if "core file" in line).split()[4:6] == ["0", "0"]
        owner = Path(f"/proc/{pid}/mem").stat()
        assert (owner.st_uid, owner.st_gid) == (0, 0)  # the kernel's sign of it


def test_control_where_the_policy_allows_it_they_are_all_there(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(here, monkeypatch, more="allow_insecure_environment = true") as (served, said):
        assert said["db.dsn"] == digest(CANARY)
        assert all(CANARY in text and KEY in text for text in (*environs(served), said["child"]))


def test_a_file_of_the_superusers_is_read_before_the_rights_are_given_up(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.write_text(FILED)
    private.chmod(0o600)
    more, named = 'secret_environment = ["SHOP_*"]', f'"mail" = "file:{private}"'
    with serving(here, monkeypatch, "--user", "nobody", more=more, named=named) as (served, said):
        assert (said["mail"], said["db.dsn"]) == (digest(FILED), digest(CANARY))
        assert FILED not in "".join(environs(served))
        check(served, said)

    def later() -> dict[str, Any]:
        become("nobody")
        assert Path(f"/proc/{os.getpid()}").stat().st_uid != 0  # control: an ordinary process of that user
        try:
            FileSource().read(Reference("file", str(private)))
        except SecretRefused:
            return {"reads": False}
        return {"reads": True}

    assert FileSource().read(Reference("file", str(private))) == Secret(FILED)
    assert reports(later) == {"reads": False}  # control: after that it can't be


def test_one_process_alone_hides_its_environment_as_well(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.serve.workers.conftest.POLICY", 'preset = "api"\nhosts = ["localhost"]\n[serve]')
    environ = {"SHOP_DSN": CANARY, "GARRISON_KEY": KEY, "GARRISON_EVENTS__OUTPUT": "none"}
    policy = '\n[secrets.named]\n"db.dsn" = "env:SHOP_DSN"\n'
    with workers(here, app=APP, policy=policy, **environ) as (served, client, _):
        said = json.loads(client.get()[1])
        assert (said["db.dsn"], said["dumpable"]) == (digest(CANARY), 0)
        assert children(served.process.pid) == []
        assert not [text for text in (*environs(served), json.dumps(said)) if CANARY in text or KEY in text]


def test_variables_that_hold_secrets_are_told_from_the_others() -> None:
    policy = Policy(
        key="env:ROOT", store="rediss://shop:env:STORE_PASSWORD@store.example.com/0",
        secrets={"named": {"a": "env:A", "b": "file:/b"}},
        vault={"address": "https://v", "auth": "token", "token": "env:TOKEN"},
        serve={"secret_environment": ["SHOP_*"]},
    )  # fmt: skip
    names = ("ROOT", "GARRISON_KEY", "STORE_PASSWORD", "A", "TOKEN", "SHOP_X", "PATH", "B", "GARRISON_HOSTS")
    assert secret_variables(policy, dict.fromkeys(names, "x")) == set(names[:6])


@pytest.mark.parametrize("size", [0, 1, 70_000, 1_000_000])
def test_what_is_handed_over_arrives_whole(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with os.fdopen(hand(b"x" * size), "rb") as pipe:
        assert pipe.read() == b"x" * size


def test_more_than_a_pipe_takes_is_refused_and_not_waited_for() -> None:
    with pytest.raises(OptionRefusedError):
        hand(b"x" * 5_000_000)


def test_a_process_that_was_handed_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HANDED, "no number")
    receive()
    assert HANDED not in os.environ
