"""Checkpoints of the audit log signed with a key that is not on the machine: who takes the machine over, and with it
the root key, can sign no other history."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from garrison import harden
from garrison.core.clock import SYSTEM
from garrison.core.errors import GarrisonError
from garrison.events.audit.build import PURPOSE, signers
from garrison.events.audit.log import AuditLog, origin_of
from garrison.events.audit.note import BadSignature, Checkpoint, RemoteSigner, VerifierKey
from garrison.events.audit.verify import Kind
from garrison.policy.model import Policy
from garrison.recording import audit_signer
from garrison.secrets import Keyring, TransitRefused
from garrison.secrets.resolver import Resolver
from garrison.secrets.transit import Ed25519, all_transit_lines
from tests.cli.conftest import here as here
from tests.cli.running import Here
from tests.events.audit.making import Hand, checkpoints, filled, found, new_log, some_events, verified
from tests.secrets.test_vault import log_ins
from tests.support.bao import Bao

MOUNT = "signing"

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]


class Member:
    """An application whose checkpoints are signed by the key `audit`."""

    def __init__(self, bao: Bao, key: str = "audit", rights: tuple[str, ...] = ("sign",)) -> None:
        self.section = {
            "address": bao.url, "ca": str(bao.ca), "role_id": "env:ROLE", "secret_id": "env:ID", "timeout": 2,
            "transit_mount": MOUNT, "transit": {key: list(rights)},
        }  # fmt: skip
        self.policy = Policy(vault=self.section, audit={"transit": key})
        role, secret = bao.role(f"signing-{key}", "\n".join(all_transit_lines(self.policy.vault)))
        self.environ = {"ROLE": role, "ID": secret}

    def signer(self) -> Ed25519:
        signer = audit_signer(self.policy, Resolver.from_policy(self.policy, self.environ), lambda *_, **__: None)
        assert signer is not None
        return signer


@pytest.fixture(scope="module")
def engine(bao: Bao) -> Bao:
    bao.root.sys.enable_secrets_engine("transit", path=MOUNT)
    for name, kind in (("audit", "ed25519"), ("turning", "ed25519"), ("live", "ed25519"), ("curve", "ecdsa-p256")):
        bao.wait(lambda name=name, kind=kind: bao.root.write_data(f"{MOUNT}/keys/{name}", data={"type": kind}))
    return bao


def publics(signer: Ed25519) -> list[VerifierKey]:
    return [VerifierKey("garrison/web1", public) for public in signer.publics()]


def test_a_log_signed_elsewhere_verifies_with_the_public_keys_alone(engine: Bao, tmp_path: Path) -> None:
    signer = Member(engine).signer()
    filled(tmp_path / "audit", signer=RemoteSigner(signer.ask))
    assert found(verified(tmp_path / "audit", keys=publics(signer), known=checkpoints(tmp_path / "audit"))) == set()


def test_who_has_the_machine_and_its_root_key_signs_no_other_history(engine: Bao, tmp_path: Path) -> None:
    """The attack: another log in the place of the real one, signed with all that the machine holds."""
    root = secrets.token_urlsafe(32)
    keyring = Keyring.from_policy(Policy(key="env:KEY"), {"KEY": root}, tmp_path, SYSTEM)
    (stolen,) = signers(keyring.derive_all(PURPOSE, 32), "web1")
    forged = tmp_path / "forged"
    filled(forged, count=100, signer=stolen)
    signer = Member(engine).signer()
    assert Kind.KEY in {kind for kind, _ in found(verified(forged, keys=publics(signer)))}
    assert found(verified(forged, keys=[stolen.public])) == set(), "control: with the root key's it is whole"


def test_after_a_rotation_of_the_key_old_and_new_checkpoints_verify(engine: Bao, tmp_path: Path) -> None:
    signer = Member(engine, "turning").signer()
    remote = RemoteSigner(signer.ask)
    log = new_log(tmp_path / "audit", signer=remote)
    log.write(some_events(3))
    log.checkpoint()
    engine.root.write_data(f"{MOUNT}/keys/turning/rotate", data={})
    log.write(some_events(3, first=3))
    log.close()
    keys = publics(signer)
    used = {note.signed_by(keys) for note in checkpoints(tmp_path / "audit")}
    assert len(used) == 2
    assert None not in used
    assert found(verified(tmp_path / "audit", keys=keys)) == set()


def test_while_the_server_is_away_entries_are_written_and_the_next_checkpoint_covers_them(
    engine: Bao, tmp_path: Path
) -> None:
    signer = Member(engine).signer()
    hand = Hand()
    log = new_log(tmp_path / "audit", hand, signer=RemoteSigner(signer.ask))
    log.write(some_events(3))
    log.checkpoint()
    engine.kill()
    try:
        for first in range(3, 133, 65):  # over the end of a file as well
            hand.now += 60
            log.write(some_events(65, first=first))
        assert not log.failing
        with pytest.raises(GarrisonError):
            log.checkpoint()
    finally:
        engine.start()
        engine.unseal()
    assert log.checkpoint()
    log.close()
    notes = checkpoints(tmp_path / "audit")
    assert notes[-1].size == 134
    assert found(verified(tmp_path / "audit", keys=publics(signer), known=notes)) == set()


@pytest.mark.parametrize(
    "ask",
    [
        lambda signer, data: (signer.ask(data)[0], signer.ask(b"something else")[1]),
        lambda signer, data: (b"\0" * 32, signer.ask(data)[1]),
        lambda signer, data: (signer.ask(data)[0], b""),
        lambda signer, data: (b"", b""),
    ],
)
def test_a_signature_that_does_not_verify_is_no_checkpoint(
    engine: Bao, tmp_path: Path, ask: Callable[[Ed25519, bytes], tuple[bytes, bytes]]
) -> None:
    signer = Member(engine).signer()
    log: AuditLog = new_log(tmp_path / "audit", signer=RemoteSigner(lambda data: ask(signer, data)))
    log.write(some_events(3))
    with pytest.raises(BadSignature):
        log.checkpoint()
    assert checkpoints(tmp_path / "audit") == []


def test_a_key_of_another_kind_or_without_the_right_stops_the_start(engine: Bao) -> None:
    with pytest.raises(TransitRefused, match="kind ecdsa-p256"):
        Member(engine, "curve").signer()
    with pytest.raises(GarrisonError, match="does not allow to sign"):
        Member(engine, rights=("verify",)).signer()


def test_an_application_is_signed_for_and_the_commands_verify_it_without_the_root_key(
    here: Here, engine: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})

    async def live() -> None:
        said = asyncio.Queue[dict[str, Any]]()
        heard = asyncio.Queue[dict[str, Any]]()
        running = asyncio.create_task(hardened({"type": "lifespan"}, said.get, heard.put))
        for kind in ("startup", "shutdown"):
            await said.put({"type": f"lifespan.{kind}"})
            assert (await heard.get())["type"] == f"lifespan.{kind}.complete"
        await running

    member = Member(engine, "live")
    environ = {**member.environ, "GARRISON_KEY": secrets.token_urlsafe(32)}
    text = "\n".join(f"{name} = {json.dumps(value)}" for name, value in member.section.items() if name != "transit")
    here.write(
        "garrison.toml",
        f'hosts = ["a.example"]\n[audit]\ntransit = "live"\n[vault]\n{text}\n[vault.transit]\nlive = ["sign"]\n',
    )
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    before = log_ins(engine)
    hardened = harden(app)
    asyncio.run(live())
    assert log_ins(engine) == before, "no log-in is left behind"
    printed = here.run("audit", "key", **environ).out.split()
    assert printed == [str(VerifierKey(origin_of(socket.gethostname()), one)) for one in member.signer().publics()]
    assert here.run("audit", "verify", **environ).code == 0
    other = {**environ, "GARRISON_KEY": secrets.token_urlsafe(32)}
    assert here.run("audit", "verify", **other).code == 0, "the root key has nothing to do with it"
    note = Checkpoint.parse(here.run("audit", "checkpoint", **other).out)
    assert note.signed_by([VerifierKey.parse(printed[0])])
    assert here.run("audit", "verify", **environ, GARRISON_AUDIT__TRANSIT="").code == 1, "control: it is another key's"
