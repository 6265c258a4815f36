"""What a worker can do that runs an attacker's code: with the sandbox, and without it as the control."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from garrison.serve import landlock, seccomp
from garrison.serve.errors import OptionRefusedError
from garrison.serve.privileges import become, check_reads_python
from garrison.serve.sandbox import _files
from tests.cli.running import Here
from tests.serve.workers.conftest import ROOT, children, copied, open_folder, workers
from tests.support.readable_python import ENVIRONMENT, MOUNTS, PYTHON, places, why_not

pytestmark = [pytest.mark.server]

ATTACKER = """
import ctypes, json, os, subprocess, sys, tempfile
from pathlib import Path

OUTSIDE, STATE, CA = Path("OUTSIDE"), Path("STATE"), Path("CA")
ACCOUNT = STATE.with_name("state-acme") / "accounts" / "a.json"

def tried(act):
    try:
        act()
    except OSError as error:
        return error.strerror
    return "done"

def link():
    os.link(ACCOUNT, STATE / "linked")
    (STATE / "linked").read_bytes()

def rename():
    os.rename(ACCOUNT.parent, STATE / "renamed")
    try:
        (STATE / "renamed" / "a.json").read_bytes()
    finally:
        os.rename(STATE / "renamed", ACCOUNT.parent)

def by_child():
    done = subprocess.run([sys.executable, "-c", f"open({str(ACCOUNT)!r}).read()"], capture_output=True)
    if done.returncode:
        raise OSError(13, "child could not")

def trace():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(0, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def spare():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")

ACTS = {
    "write outside": lambda: (OUTSIDE / "planted").write_text("x"),
    "overwrite code": lambda: Path(__file__).write_text(Path(__file__).read_text()),
    "read account": lambda: ACCOUNT.read_bytes(),
    "read ca": lambda: (CA / "ca-key.pem").read_bytes(),
    "link account": link,
    "rename account": rename,
    "read by child": by_child,
    "trace": trace,
    "write state": lambda: (STATE / "mine").write_text("x"),
    "temporary file": spare,
    "read elsewhere": lambda: (OUTSIDE / "readable").read_text(),
}

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError
    body = json.dumps({name: tried(act) for name, act in ACTS.items()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
REFUSED = {
    "write outside", "overwrite code", "read account", "read ca", "link account", "rename account", "read by child",
    "trace",
}  # fmt: skip
ALLOWED = {"write state", "temporary file", "read elsewhere"}


def attacked(here: Here, tmp_path: Path, *options: str, **more: str) -> dict[str, Any]:
    outside, state = tmp_path / "outside", here.folder / "state"
    accounts = here.folder / "state-acme" / "accounts"
    for folder in (outside, state, accounts):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (accounts / "a.json").write_text("the account key")
    (outside / "readable").write_text("x")
    places = {"OUTSIDE": outside, "STATE": state, "CA": Path(os.environ["GARRISON_DEVCA_DIR"])}
    code = ATTACKER
    for name, path in places.items():
        code = code.replace(f'Path("{name}")', f"Path({str(path)!r})")
    with workers(here, *options, app=code, **more) as (served, client, _):
        served.wait_for("Serving on")
        status, body = client.get()
        assert status == 200, served.text
        found: dict[str, Any] = json.loads(body)
    return found


needs_landlock = pytest.mark.skipif(
    not landlock.version() or not seccomp.known_machine(), reason="this kernel has no Landlock, or no list for seccomp"
)


@needs_landlock
def test_code_in_a_sandboxed_worker_neither_writes_outside_nor_reads_the_keys(here: Here, tmp_path: Path) -> None:
    control = attacked(here, tmp_path)
    assert {name for name, said in control.items() if said == "done"} >= (REFUSED | ALLOWED) - {"trace"}
    found = attacked(here, tmp_path, "--sandbox")
    assert {name for name, said in found.items() if said == "done"} == ALLOWED, found


@needs_landlock
def test_a_folder_that_the_policy_names_can_be_written(here: Here, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    found = attacked(here, tmp_path, "--sandbox", policy=f'writable = ["{outside}"]\n')
    assert found["write outside"] == "done"
    assert found["overwrite code"] != "done"


@needs_landlock
def test_a_sandboxed_worker_is_marked_as_such_by_the_kernel(here: Here) -> None:
    with workers(here, "--sandbox") as (served, _, _):
        [worker] = children(served.process.pid)
        status = Path(f"/proc/{worker}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
        assert "Seccomp:\t0" in Path(f"/proc/{served.process.pid}/status").read_text()  # control: the supervisor
        served.wait_for("in the sandbox")


def reports(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `act` finds in a process of its own: nobody comes back from becoming somebody else."""
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(says, json.dumps(act()).encode())
        finally:
            os._exit(0)
    os.close(says)
    with os.fdopen(hears, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(said)
    return found


def rights(secret: Path) -> dict[str, Any]:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    try:
        secret.read_bytes()
        reads = True
    except OSError:
        reads = False
    return {
        "ids": (*os.getresuid(), *os.getresgid()), "groups": os.getgroups(), "caps": int(status["CapEff"], 16),
        "reads": reads,
    }  # fmt: skip


@pytest.mark.skipif(not ROOT, reason="only the superuser can become somebody else")
def test_nothing_of_the_superuser_is_left_after_becoming_somebody_else(tmp_path: Path) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "state"
    secret.write_text("x")
    secret.chmod(0o600)
    control = reports(lambda: rights(secret))
    assert control["reads"]
    assert control["caps"] != 0

    def become_nobody() -> dict[str, Any]:
        become("nobody", (folder,))
        return rights(secret)

    nobody = pwd.getpwnam("nobody")
    found = reports(become_nobody)
    assert found["ids"] == [nobody.pw_uid] * 3 + [nobody.pw_gid] * 3
    assert 0 not in found["groups"]
    assert found["caps"] == 0
    assert not found["reads"]
    made = folder.stat()
    assert (made.st_uid, made.st_mode & 0o777) == (nobody.pw_uid, 0o700)


@pytest.mark.skipif(not ROOT, reason="only the superuser can become somebody else")
def test_what_this_user_may_not_even_look_at_is_hidden_well_enough(tmp_path: Path) -> None:
    keys = tmp_path / "closed" / "keys"
    keys.mkdir(parents=True)
    (keys / "key.pem").write_text("")
    assert [one.name for one in _files(keys)] == ["key.pem"]
    tmp_path.joinpath("closed").chmod(0o700)

    def looked() -> dict[str, Any]:
        become("nobody")
        return {"files": [str(one) for one in _files(keys)]}

    assert reports(looked) == {"files": []}


def starts_python() -> dict[str, Any]:
    """Whether nobody may run this Python and read its library."""
    files = (os.path.realpath(sys.executable), os.path.realpath(os.__file__), os.path.realpath(seccomp.__file__))
    become("nobody")
    return {"can": all(os.access(file, os.R_OK) for file in files)}


@pytest.mark.skipif(not ROOT, reason="only the superuser can become somebody else")
def test_served_as_another_user_no_process_is_the_superusers(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {}
    if not reports(starts_python)["can"]:
        if reason := why_not():
            pytest.skip(f"the user nobody can't start this Python; {reason}")
        started = f'{MOUNTS}\nexec {PYTHON} -m garrison "$@"'
        monkeypatch.setattr("tests.cli.serving.GARRISON", ("unshare", "--mount", "sh", "-c", started, "garrison"))
        more = {**places(), **ENVIRONMENT}
    monkeypatch.setattr("tests.serve.workers.conftest.copied", owned)
    with (
        open_folder() as folder,
        workers(Here(folder), "--workers", "2", "--user", "nobody", "--sandbox", **more) as (served, client, _),
    ):
        assert client.get()[0] == 200
        for pid in (served.process.pid, *children(served.process.pid)):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            assert "0" not in next(line for line in lines if line.startswith("Uid:")).split()[1:]
            assert int(next(line for line in lines if line.startswith("CapEff:")).split()[1], 16) == 0
        assert served.stop() == 0


def owned(here: Here) -> str:
    pair = copied(here)
    shutil.chown(pair, "nobody")
    return pair


@pytest.mark.skipif(not ROOT, reason="only the superuser can become somebody else")
def test_becoming_nobody_known_or_the_superuser_is_refused(here: Here) -> None:
    for user in ("no-such-user-here", "root"):
        here.write("crowd.py", "")
        here.write("garrison.toml", 'hosts = ["localhost"]\n')
        ran = here.run("serve", "crowd:app", "--cert", "a", "--key", "b", "--port", "0", "--user", user)
        assert ran.code == 3, ran.err
        assert "root" in ran.said


@pytest.mark.skipif(not ROOT, reason="only the superuser can become somebody else")
def test_a_user_who_can_not_read_this_python_is_refused_before_the_rights_are_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_folder() as folder:
        library = folder / "library.py"
        library.touch(0o644)
        monkeypatch.setattr("garrison.serve.privileges._NEEDED", (str(library),))
        check_reads_python("nobody")  # control
        library.chmod(0o600)
        with pytest.raises(OptionRefusedError, match=f"can't read this Python and its packages: {folder}"):
            check_reads_python("nobody")
    assert os.geteuid() == 0
