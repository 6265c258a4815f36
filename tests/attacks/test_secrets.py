"""Attacks on secrets and on the files they are kept in. Each succeeds when it stands before the plain way instead."""

from __future__ import annotations

import logging
import os
import traceback
from pathlib import Path

import pytest

from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.secrets import SecretRefused, SecretsUnresolved, open_secrets
from tests.asgi.driving import Message, Receive, Send, drive, hardened, http_scope

CANARY = "canary-0d9b6c21"


def read(path: Path) -> str:
    policy = Policy(secrets={"named": {"it": f"file:{path}"}})
    try:
        return open_secrets(policy, {}).get("it").reveal()
    except SecretsUnresolved as error:
        (cause,) = error.failures.values()
        assert isinstance(cause, SecretRefused)
        raise cause from None


def planted(path: Path, mode: int = 0o600) -> Path:
    path.write_text(CANARY)
    path.chmod(mode)
    return path


def test_control_a_private_file_in_a_private_folder_is_read(tmp_path: Path) -> None:
    assert read(planted(tmp_path / "secret")) == CANARY


def test_a_link_to_somebody_elses_file_is_refused_that_the_plain_way_follows(tmp_path: Path) -> None:
    link = tmp_path / "secret"
    link.symlink_to(planted(tmp_path / "elsewhere"))
    assert link.read_text() == CANARY
    with pytest.raises(SecretRefused, match="symbolic link"):
        read(link)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_file_that_others_can_reach_is_refused_that_the_plain_way_reads(tmp_path: Path, mode: int) -> None:
    path = planted(tmp_path / "secret", mode)
    assert path.read_text() == CANARY
    with pytest.raises(SecretRefused, match="open to other users"):
        read(path)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_folder_that_others_can_write_is_refused_wherever_it_stands_on_the_way(tmp_path: Path, mode: int) -> None:
    loose = tmp_path / "loose"
    (loose / "own").mkdir(parents=True)
    path = planted(loose / "own" / "secret")
    assert read(path) == CANARY
    loose.chmod(mode)
    assert path.read_text() == CANARY
    with pytest.raises(SecretRefused, match="other users may write its folder"):
        read(path)


def test_a_folder_reached_by_a_link_is_judged_where_it_is(tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    planted(loose / "secret")
    (tmp_path / "link").symlink_to(loose)
    assert read(tmp_path / "link" / "secret") == CANARY
    loose.chmod(0o777)
    with pytest.raises(SecretRefused, match="other users may write its folder"):
        read(tmp_path / "link" / "secret")


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a folder away")
def test_a_folder_of_another_user_is_refused_even_where_it_looks_private(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(0o700)
    path = planted(folder / "secret")
    assert read(path) == CANARY
    os.chown(folder, 65534, 65534)
    with pytest.raises(SecretRefused, match="belongs to another user"):
        read(path)


@pytest.mark.parametrize("climb", ["../elsewhere", "./../elsewhere", "deeper/../../elsewhere"])
def test_a_reference_that_climbs_out_of_its_folder_is_refused_that_the_plain_way_follows(
    tmp_path: Path, climb: str
) -> None:
    """CWE-22: a reference that is put together from a tenant's name. The control reads the same path."""
    (tmp_path / "tenants" / "deeper").mkdir(parents=True)
    planted(tmp_path / "elsewhere")
    path = f"{tmp_path}/tenants/{climb}"
    assert Path(path).read_text() == CANARY
    with pytest.raises(PolicyInvalid, match=r"absolute path without"):
        open_secrets(Policy(secrets={"named": {"it": f"file:{path}"}}), {})


def connect(password: object) -> None:
    raise ConnectionError("could not connect with", password)


@pytest.mark.anyio
@pytest.mark.parametrize("wrapped", [True, False], ids=["a Secret", "control: a str"])
async def test_a_secret_in_an_exception_reaches_neither_client_nor_log(
    wrapped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """OWASP ASVS 5.0, 16.5.1: no sensitive data in error messages. The control is a plain string."""
    secret = open_secrets(Policy(secrets={"named": {"db": "env:DB"}}), {"DB": CANARY}).get("db")
    value: object = secret if wrapped else secret.reveal()
    seen: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        try:
            connect(value)
        except ConnectionError as error:
            logging.getLogger("shop").exception("failed with %r", value)
            seen.append("".join(traceback.format_exception(error)))
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": repr(error).encode()})

    off = {"mode": "off", "allow_insecure_off": "the application's own answer is looked at"}
    onion = hardened(app, errors=off)
    driven = await drive(onion, http_scope(headers=[(b"host", b"testserver")]))
    assert driven.status == 500
    shown = driven.body.decode() + caplog.text + "".join(seen)
    assert (CANARY in shown) is not wrapped
