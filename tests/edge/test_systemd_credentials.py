"""Credentials that a real systemd hands to the generated unit: read by name and as configuration, by nobody else."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.edge.booting import booted, why_not_here
from tests.edge.test_systemd_run import ASKED, unit
from tests.support.components import need

pytestmark = [pytest.mark.server]

CANARY = "canary-credential-7e51"
FOLDER = "/run/credentials/garrison.service"
APP = """
import json, os
from pathlib import Path

from garrison import config
from garrison.secrets import open_secrets

class Shop(config.Config, env_prefix="SHOP_"):
    token: config.SecretText

def tried(path):
    try:
        return Path(path).read_text()
    except OSError as error:
        return error.strerror

secrets = open_secrets()
found = {
    "named": secrets.get("db.password").reveal(),
    "config": config.load_config(Shop, ()).token.reveal(),
    "file": tried("/etc/garrison/db.password"),
    "environment": str(dict(os.environ)),
    "uid": os.getuid(),
}

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError
    body = json.dumps(found).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
TOML = f"""
hosts = ["shop.example.com"]
proxies = ["unix"]
key = "mounted:{FOLDER}/root-key"
[secrets.named]
"db.password" = "mounted:{FOLDER}/db.password"
"""
ETC = {
    "garrison/environment": "",
    "garrison/db.password": CANARY,
    "garrison/token": f"{CANARY}-token",
    "garrison/root-key": "cT8hX2m_9vRkLw4ZpQy7NbE1sUfD6aGJ0oViC3tKx5M",
}
ANOTHER = "setpriv --reuid=54321 --regid=54321 --clear-groups cat"
LINES = "\n".join(
    [
        *(f"LoadCredential={name}:/etc/garrison/{name}" for name in ("db.password", "token", "root-key")),
        "StandardError=file:/run/app.log",
        f"ExecStartPost=+/bin/sh -c '{ANOTHER} {FOLDER}/db.password >/run/stolen 2>&1; "
        f"{ANOTHER} /etc/garrison/db.password >/run/control 2>&1; "
        "cat /proc/$MAINPID/environ >/run/environ; echo done >/run/tried'",
    ]
)


def test_credentials_reach_the_application_under_its_unit_and_no_other_user(tmp_path: Path) -> None:
    need("systemd-analyze")  # of the same package
    if reason := why_not_here(tmp_path / "trial"):
        pytest.skip(reason)
    text = unit().replace("[Install]", f"{LINES}\n\n[Install]")
    with booted(tmp_path / "unit", text, {"crowd.py": APP, "garrison.toml": TOML}, ETC) as machine:
        path = machine.wait_for("/run/garrison/app.sock")
        found = answer(path, machine.root / "run/app.log")
        machine.wait_for("/run/tried")
        stolen, control, environ = (
            (machine.root / "run" / name).read_text() for name in ("stolen", "control", "environ")
        )
    assert (found["named"], found["config"]) == (CANARY, f"{CANARY}-token")
    assert found["uid"] > 60_000
    assert found["file"] != CANARY  # what the credential was made of is out of the unit's sight
    assert "GARRISON_STATE" in environ
    assert CANARY not in found["environment"] + environ
    assert CANARY not in stolen
    assert control == CANARY  # the same user reads the file that the superuser keeps carelessly


def answer(path: Path, log: Path) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(path))
        connection.sendall(ASKED)
        try:
            said = b"".join(iter(lambda: connection.recv(65_536), b""))
        except ConnectionResetError:
            raise AssertionError(log.read_text()) from None
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), said
    found: dict[str, Any] = json.loads(body)
    return found
