"""The unit, run by systemd: what an attacker's code in the application can do there, and without the unit's sandbox."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from garrison.edge.site import site_of
from garrison.edge.systemd import render
from garrison.policy import Policy
from tests.edge.booting import booted, why_not_here
from tests.support.components import need

pytestmark = [pytest.mark.server]

ATTACKER = """
import ctypes, json, os, socket, subprocess, sys, tempfile
from pathlib import Path

def tried(act):
    try:
        act()
    except OSError as error:
        return error.strerror or "refused"
    return "done"

def by_child():
    done = subprocess.run(["/bin/cat", "/etc/letsencrypt/account.json"], capture_output=True)
    if done.returncode:
        raise OSError(13, "the child could not")

def call(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def temporary():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")

def raw_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()

ACTS = {
    "write outside": lambda: Path("/srv/planted").write_text("x"),
    "overwrite code": lambda: Path(__file__).write_text(Path(__file__).read_text()),
    "write a unit": lambda: Path("/etc/systemd/system/mine.service").write_text("x"),
    "read the account key": lambda: Path("/etc/letsencrypt/account.json").read_bytes(),
    "read the ca key": lambda: Path("/etc/ssl/private/ca-key.pem").read_bytes(),
    "read the root key": lambda: Path("/etc/garrison/environment").read_bytes(),
    "read by child": by_child,
    "look at process 1": lambda: Path("/proc/1/cmdline").read_bytes(),
    "a raw socket": raw_socket,
    "a namespace": lambda: call(272, 0x00020000),  # unshare, CLONE_NEWNS
    "write state": lambda: Path(os.environ["STATE_DIRECTORY"], "mine").write_text("x"),
    "temporary file": temporary,
    "read elsewhere": lambda: Path("/etc/hostname").read_text(),
}

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError
    found = {name: tried(act) for name, act in ACTS.items()}
    found |= {"uid": os.getuid(), "status": Path("/proc/self/status").read_text()}
    body = json.dumps(found).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
REFUSED = {
    "write outside", "overwrite code", "write a unit", "read the account key", "read the ca key", "read the root key",
    "read by child", "look at process 1", "a raw socket", "a namespace",
}  # fmt: skip
ALLOWED = {"write state", "temporary file", "read elsewhere"}
ASKED = (
    b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
    b"Connection: close\r\n\r\n"
)  # as a proxy in front asks
TOML = 'hosts = ["shop.example.com"]\nproxies = ["unix"]\n'
ETC = {
    "garrison/environment": "GARRISON_KEY=cm9vdC1rZXktb2YtdGhpcy10ZXN0LW9ubHktMDEyMzQ1\n",
    "letsencrypt/account.json": "the account key",
    "ssl/private/ca-key.pem": "the key of an authority",
    "hostname": "tests",
}
"""Readable by everybody: what keeps the application from them is the unit alone."""


def unit() -> str:
    policy = Policy(hosts=("shop.example.com",), proxies=("unix",), edge={"upstream": "unix:/run/garrison/app.sock"})
    return render(site_of(policy), "crowd:app", "/srv/app", 30.0)


def bare(text: str) -> str:
    """`text` without its sandbox, for the superuser: what stays is how the service is started."""
    service, _, rest = text.partition("# No way to more rights")
    kept = [line for line in service.splitlines() if not line.startswith("DynamicUser")]
    return "\n".join([*kept, "User=root", rest[rest.index("[Install]") :]])


def attacked(folder: Path, text: str) -> dict[str, Any]:
    with booted(folder, text, {"crowd.py": ATTACKER, "garrison.toml": TOML}, ETC) as machine:
        path = machine.wait_for("/run/garrison/app.sock")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(path))
            connection.sendall(ASKED)
            said = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), said
    found: dict[str, Any] = json.loads(body)
    return found


def test_code_in_a_worker_under_the_unit_neither_writes_outside_nor_reads_the_keys(tmp_path: Path) -> None:
    need("systemd-analyze")  # of the same package
    if reason := why_not_here(tmp_path / "trial"):
        pytest.skip(reason)
    control = attacked(tmp_path / "bare", bare(unit()))
    assert {name for name, said in control.items() if said == "done"} == REFUSED | ALLOWED, control
    assert control["uid"] == 0
    found = attacked(tmp_path / "unit", unit())
    assert {name for name, said in found.items() if said == "done"} == ALLOWED, found
    assert found["uid"] > 60_000
    assert "CapEff:\t0000000000000000" in found["status"]
    assert "NoNewPrivs:\t1" in found["status"]
    assert "Seccomp:\t2" in found["status"]
