"""No secret in any output: canaries are planted wherever a secret can be kept, and what is written is searched.

What is searched: answers, headers, logs, tracebacks, events in a file and in the store, the audit log and all else in
the state folder, metrics, OpenAPI, and what the commands print. Each canary is searched for as it is, and in base64,
hexadecimal, URL and JSON escapes. Lets pass: another encoding, and an application that writes `reveal()` itself.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import os
import traceback
import zipfile
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.testclient import TestClient
from typer.testing import CliRunner

from garrison import harden
from garrison.cli.main import app as cli
from garrison.policy.model import Policy
from garrison.secrets import SecretDenied, Secrets, open_secrets
from tests.support import canaries
from tests.support.sealed import machine

KEY = "q3Wv8LzT1xRkC6pYb0nMd5hJs9gUa2eFi7oQK4yBvXE"
CANARIES = {
    "the root key": KEY,
    "a variable": "canary-var-Zk41x&o'=",
    "a file": 'canary-file-Pq82/+y"',
    "the sealed file": "canary-sealed-Hd63~ä",
}


def leaked(written: bytes) -> list[str]:
    return canaries.leaked(written, CANARIES)


@pytest.mark.parametrize("where", CANARIES)
def test_control_a_canary_is_found_however_it_is_spelt(where: str) -> None:
    canary = CANARIES[where]
    for text in (
        canary.encode(),
        canary.encode().hex().encode(),
        json.dumps({"a": canary}).encode(),
        base64.b64encode(b"xy" + canary.encode() + b"zzz"),
        base64.urlsafe_b64encode(b"user:" + canary.encode() + b"@host"),
        escape(canary).encode(),
    ):
        assert leaked(b"before " + text + b" after") == [where]


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Policy, dict[str, str]]:
    made = machine(tmp_path)
    made.work.set({"sealed": CANARIES["the sealed file"]})
    file = tmp_path / "secret"
    file.touch(0o600)
    file.write_text(CANARIES["a file"])
    policy = Policy(
        **{**made.policy.given, "secrets": {
            **made.policy.given["secrets"], "refresh": 0.05,
            "named": {"var": "env:CANARY", "file": f"file:{file}", "sealed": "sealed:sealed"},
            "needs": {"mailer": ["file"]},
        }},
        preset="testing", environment="development", hosts=["testserver"], key="env:CANARY_KEY",
        events={"output": str(tmp_path / "events.jsonl"), "store": True}, audit={"enabled": True},
    )  # fmt: skip
    return policy, {"CANARY": CANARIES["a variable"], "CANARY_KEY": KEY}


class Order(BaseModel):
    amount: int


def application(secrets: Secrets, wrong: bool) -> FastAPI:
    app = FastAPI()
    log = logging.getLogger("shop")

    @app.get("/ok")
    def ok() -> dict[str, str]:
        log.info("used %r", secrets.get("var"))
        if wrong:
            log.info("used %s", secrets.get("var").reveal())
        return {"secrets": repr(secrets)}

    @app.get("/fails")
    def fails() -> None:
        raise ConnectionError("no connection with", *(secrets.get(name) for name in ("var", "file", "sealed")))

    @app.get("/reaches")
    def reaches() -> None:
        secrets.view("mailer").get("sealed")

    @app.post("/orders")
    def orders(order: Order) -> Order:
        return order

    return app


def crash_report(secrets: Secrets) -> str:
    """A traceback with the values of local names, as crash reporters send it."""
    sealed = secrets.get("sealed")
    view = secrets.view("mailer")
    try:
        view.get(repr(sealed))
    except SecretDenied as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    raise AssertionError


def everything_of_a_run(planted: tuple[Policy, dict[str, str]], folder: Path, *, wrong: bool = False) -> bytes:
    """What an application that meets errors, attacks and a rotation writes anywhere."""
    policy, environ = planted
    stream, shown = io.StringIO(), list[object]()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    os.environ.update(environ)
    try:
        with contextlib.redirect_stderr(stream), contextlib.redirect_stdout(stream):
            secrets = open_secrets(policy)
            app = harden(application(secrets, wrong), policy, secrets=secrets)
            with TestClient(app, base_url="https://testserver", raise_server_exceptions=False) as client:
                for path in ("/ok", "/fails", "/reaches", "/openapi.json", "/nothing", "/.garrison/metrics"):
                    answer = client.get(path, headers={"accept": "application/json"})
                    shown += [answer.status_code, answer.headers, answer.text]
                shown.append(client.post("/orders", json={"amount": "x"}).text)
                shown.append(app.services.metrics())
                (folder / "secret").write_text(CANARIES["a file"] + " ")
                secrets.refresh()
                (folder / "secret").chmod(0o644)
                secrets.refresh()
            shown += [repr(policy), policy, secrets, vars(secrets)]
            shown.append(crash_report(secrets))
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        for name in environ:
            del os.environ[name]
    shown += evidence(folder, environ)
    files = [path for path in (folder / "state").rglob("*") if path.is_file()]
    written = [path.read_bytes() for path in (*files, folder / "events.jsonl")]
    assert len(written) > 3
    assert b"secret_denied" in b"".join(written)
    return b"".join(written) + stream.getvalue().encode() + b"".join(f"{one!s}\n{one!r}\n".encode() for one in shown)


def evidence(folder: Path, environ: dict[str, str]) -> list[object]:
    """What an incident of that run is made of: what is printed of it, and a bundle, unpacked."""
    (folder / "garrison.toml").write_text(
        f'hosts = ["x.example"]\nstate = "{folder / "state"}"\nkey = "env:CANARY_KEY"\nenvironment = "development"\n'
    )
    environ = {**environ, "GARRISON_POLICY": str(folder / "garrison.toml")}
    bundle = str(folder / "evidence.zip")
    said = run(environ, "incident", "open", "Leak", "--where", "name=*", "--since", "1h", "-f", "json")
    what = str(json.loads(said)["id"])
    for words in (("incident", "show", what), ("events", "query", "name=*"), ("audit", "verify")):
        said += run(environ, *words)
    said += run(environ, "incident", "export", what, "-o", bundle)
    with zipfile.ZipFile(bundle) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    assert b"secret_denied" in files["timeline.jsonl"]
    return [said, *files.items()]


def run(environ: dict[str, str], *words: str) -> str:
    result = CliRunner().invoke(cli, words, env=environ)
    assert result.exit_code == 0, result.output
    return result.stdout + result.stderr if words[1] != "open" else result.stdout


def test_a_whole_run_with_errors_and_a_rotation_writes_no_secret(
    planted: tuple[Policy, dict[str, str]], tmp_path: Path
) -> None:
    assert leaked(everything_of_a_run(planted, tmp_path)) == []


def test_control_one_careless_line_of_the_application_is_found(
    planted: tuple[Policy, dict[str, str]], tmp_path: Path
) -> None:
    assert leaked(everything_of_a_run(planted, tmp_path, wrong=True)) == ["a variable"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"secrets": {"named": {"var": "env:CANARY", "gone": "env:NOT_SET"}}}, "SecretsUnresolved"),
        ({"key": "env:CANARY"}, "KeyWeak"),
        ({"store": "env:CANARY"}, "StoreMalformed"),
        ({"events": {"exports": [{"to": "env:CANARY"}]}}, "BadLink"),
        ({"alerts": {"receivers": [{"to": "env:CANARY"}]}, "detection": {"enabled": True}}, "BadLink"),
        ({"hosts": ["*"], "environment": "production", "preset": "browser"}, "PolicyUnsafe"),
    ],
)
def test_a_start_that_is_refused_shows_no_variable_in_a_crash_report(
    planted: tuple[Policy, dict[str, str]], monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], said: str
) -> None:
    policy, environ = planted
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    refused = Policy(**{**policy.given, **changed})
    report = canaries.crash_report(__file__, lambda: harden(FastAPI(), refused))
    assert f"{said}:" in report
    assert "environ = Environment(" in report
    assert leaked(report.encode()) == []
    plain = canaries.crash_report(__file__, lambda: Template("$missing").substitute(os.environ))  # control
    assert "a variable" in leaked(plain.encode())


COMMANDS = (
    *(("check", "--format", one) for one in ("text", "json", "sarif", "html", "junit", "markdown")),
    ("explain",), ("explain", "--format", "json"), ("secrets", "who"), ("secrets", "doctor"), ("secrets", "list"),
    ("secrets", "policy"), ("report",), ("events", "list"),
)  # fmt: skip


@pytest.mark.parametrize("broken", [False, True], ids=["whole", "broken"])
def test_no_command_prints_a_secret_it_was_not_asked_for(
    planted: tuple[Policy, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    policy, environ = planted
    given: dict[str, Any] = dict(policy.given["secrets"])
    lines = [
        'hosts = ["shop.example.com"]', f'state = "{tmp_path / "state"}"', 'key = "env:CANARY_KEY"',
        'store = "redis://user:env:CANARY@127.0.0.1:1/0"', "[secrets]", f'file = "{given["file"]}"',
        f'identity = "{given["identity"]}"', f"signers = {json.dumps(given['signers'])}", "[secrets.named]",
        *(f'{name} = "{reference}"' for name, reference in given["named"].items()),
    ]  # fmt: skip
    if broken:  # secrets in the place of references, and a file that is open to all
        lines += [f"wrong = {json.dumps(CANARIES['a variable'])}", f"other = {json.dumps(CANARIES['the sealed file'])}"]
        (tmp_path / "secret").chmod(0o644)
    (tmp_path / "garrison.toml").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    printed = ""
    for command in COMMANDS:
        result = CliRunner().invoke(cli, command, env={**environ, "HOME": str(tmp_path)})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        printed += result.stdout + result.stderr
    assert leaked(printed.encode()) == []
    assert "secrets" in printed
