"""The contract of a source of secrets (`secrets/source.py`), over every source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from garrison.policy.model import Policy
from garrison.policy.reference import Reference
from garrison.secrets.age import seal
from garrison.secrets.errors import SecretMissing, SecretRefused
from garrison.secrets.resolver import Resolver
from garrison.secrets.sealed import write_sealed
from garrison.secrets.secret import Secret
from garrison.secrets.source import MAX_BYTES, Source
from garrison.secrets.source_env import EnvSource
from garrison.secrets.source_file import FileSource
from garrison.secrets.source_keyring import KeyringSource
from garrison.secrets.source_mounted import MountedSource
from garrison.secrets.vault import read_line
from tests.support.aws import KEYS, Amazon
from tests.support.bao import MOUNT, Bao
from tests.support.keyring_session import session
from tests.support.sealed import machine

CANARY = "canary-5f1c0e7b"


@dataclass(frozen=True)
class Hand:
    """A source, a reference into it, and the hands that an operator has on what stands there."""

    source: Source
    reference: Reference
    put: Callable[[str], None]
    remove: Callable[[], None]

    def read(self) -> Secret[str]:
        return self.source.read(self.reference)


def env_hand(folder: Path) -> Iterator[Hand]:
    environ: dict[str, str] = {}

    def remove() -> None:
        environ.pop("SECRET", None)

    yield Hand(EnvSource(environ), Reference("env", "SECRET"), lambda text: environ.update(SECRET=text), remove)


def file_hand(folder: Path) -> Iterator[Hand]:
    path = folder / "secret"

    def put(text: str) -> None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(0o600)

    yield Hand(FileSource(), Reference("file", str(path)), put, path.unlink)


def mounted_hand(folder: Path) -> Iterator[Hand]:
    path = folder / "secret"

    def put(text: str) -> None:
        path.unlink(missing_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(0o400)

    yield Hand(MountedSource(), Reference("mounted", str(path)), put, path.unlink)


def sealed_hand(folder: Path) -> Iterator[Hand]:
    made = machine(folder)

    def put(text: str) -> None:
        old = made.work.read()
        sealed = seal(text.encode("utf-8", "surrogateescape"), old.recipients)
        new = old.with_value("secret", sealed, "2026-11-28T12:00:00+00:00")
        made.work.path.write_bytes(write_sealed(new, made.work.signing()))

    source = made.resolver().source("sealed")

    def remove() -> None:
        made.work.remove(["secret"])

    yield Hand(source, Reference("sealed", "secret"), put, remove)


def keyring_hand(folder: Path) -> Iterator[Hand]:
    with session(folder) as keyring:

        def put(text: str) -> None:
            text.encode()  # what is no UTF-8 can't be sent to the service
            keyring.set_password("shop", "secret", text)

        def remove() -> None:
            keyring.delete_password("shop", "secret")

        yield Hand(KeyringSource(), Reference("keyring", "shop/secret"), put, remove)


def vault_hand(bao: Bao) -> Iterator[Hand]:
    role, secret = bao.role("contract", read_line(MOUNT, "contract"))
    section = {"address": bao.url, "ca": str(bao.ca), "role_id": "env:ROLE", "secret_id": "env:ID"}
    resolver = Resolver.from_policy(Policy(vault=section), {"ROLE": role, "ID": secret})
    kv = bao.root.secrets.kv.v2

    def remove() -> None:
        kv.delete_metadata_and_all_versions("contract", mount_point=MOUNT)

    def put(text: str) -> None:
        text.encode()  # what JSON can't carry never gets there
        bao.put("contract", value=text)

    remove()
    yield Hand(resolver.source("vault"), Reference("vault", f"//{MOUNT}/contract#value"), put, remove)
    resolver.close()


def secrets_manager_hand(aws: Amazon) -> Iterator[Hand]:
    resolver = Resolver.from_policy(Policy(aws=aws.section()), KEYS)
    client = aws.client("secretsmanager")

    def remove() -> None:
        with suppress(client.exceptions.ResourceNotFoundException):
            client.delete_secret(SecretId="contract", ForceDeleteWithoutRecovery=True)

    def put(text: str) -> None:
        text.encode()  # what JSON can't carry never gets there
        aws.put("contract", json.dumps({"value": text}))

    remove()
    yield Hand(resolver.source("aws-sm"), Reference("aws-sm", "//contract#value"), put, remove)


def parameter_store_hand(aws: Amazon) -> Iterator[Hand]:
    resolver = Resolver.from_policy(Policy(aws=aws.section()), KEYS)
    client = aws.client("ssm")

    def remove() -> None:
        with suppress(client.exceptions.ParameterNotFound):
            client.delete_parameter(Name="/contract")

    def put(text: str) -> None:
        text.encode()
        if text:
            aws.put_parameter("/contract", text)
        else:
            remove()  # AWS takes no empty one

    remove()
    yield Hand(resolver.source("aws-ssm"), Reference("aws-ssm", "///contract"), put, remove)


@pytest.fixture(
    params=[
        env_hand,
        file_hand,
        mounted_hand,
        keyring_hand,
        sealed_hand,
        pytest.param(vault_hand, marks=pytest.mark.xdist_group("bao")),
        pytest.param(secrets_manager_hand, marks=pytest.mark.xdist_group("aws")),
        pytest.param(parameter_store_hand, marks=pytest.mark.xdist_group("aws")),
    ],
    ids=["env", "file", "mounted", "keyring", "sealed", "vault", "aws-sm", "aws-ssm"],
)
def hand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hand]:
    servers = {vault_hand: "bao", secrets_manager_hand: "aws", parameter_store_hand: "aws"}
    server = servers.get(request.param)
    yield from request.param(request.getfixturevalue(server) if server else tmp_path)


@pytest.mark.parametrize("value", ["x", "O'Brien; -- #\"", "pässwörd 🔑", "two\nlines", " spaces ", "=" * MAX_BYTES])
def test_what_was_put_is_read(hand: Hand, value: str) -> None:
    hand.put(value)
    assert hand.read().reveal() == value


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_line_end_is_not_part_of_the_secret(hand: Hand, end: str) -> None:
    hand.put(f"value{end}")
    assert hand.read().reveal() == "value"
    hand.put(f"value{end}{end}")
    assert hand.read().reveal() == f"value{end}"


def test_a_new_value_is_seen_at_the_next_reading(hand: Hand) -> None:
    hand.put("first")
    assert hand.read().reveal() == "first"
    hand.put("second")
    assert hand.read().reveal() == "second"


def test_what_is_not_there_is_missing_with_its_place_and_a_remedy(hand: Hand) -> None:
    with pytest.raises(SecretMissing) as never:
        hand.read()
    hand.put("value")
    hand.read()
    hand.remove()
    with pytest.raises(SecretMissing) as gone:
        hand.read()
    for caught in (never, gone):
        assert hand.reference.name.partition("#")[0] in caught.value.place
        assert caught.value.remedy


@pytest.mark.parametrize("value", ["", "\n"])
def test_an_empty_secret_is_missing(hand: Hand, value: str) -> None:
    hand.put(value)
    with pytest.raises(SecretMissing):
        hand.read()


@pytest.mark.parametrize("value", [f"{CANARY}\udcff", CANARY + "x" * MAX_BYTES, f"{CANARY}\0"])
def test_what_can_be_no_secret_is_refused_and_shown_nowhere(hand: Hand, value: str) -> None:
    with suppress(UnicodeEncodeError):
        hand.put(value)
    with pytest.raises((SecretRefused, SecretMissing)) as caught:
        hand.read()
    error: BaseException | None = caught.value
    while error is not None:
        assert CANARY not in f"{error}{error!r}{vars(error)}"
        error = error.__cause__


def test_it_can_be_read_by_many_threads_at_once(hand: Hand) -> None:
    hand.put("value")
    with ThreadPoolExecutor(8) as pool:
        values = {secret.reveal() for secret in pool.map(lambda _: hand.read(), range(64))}
    assert values == {"value"}
