"""The sealed file: what is set is read, by those it is sealed for; every change is whole, counted, and kept."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.secrets import SecretMissing, SecretRefused, open_secrets
from garrison.secrets.age import NotOpened, new_identity, open_sealed, recipients_of, seal
from garrison.secrets.keyring import Keyring
from garrison.secrets.resolver import Resolver
from garrison.secrets.sealed import KEPT
from garrison.secrets.sealed_file import Workshop
from garrison.secrets.sealed_keys import add_identity, make_keys
from tests.support.sealed import Machine, machine

KEY = "x7Kq2vN9wLpR4tYb8cZd3fGh6jMn1sQa5uWe0iOkTyU"


@pytest.fixture
def server(tmp_path: Path) -> Machine:
    return machine(tmp_path)


def test_a_value_is_read_where_it_was_set_and_a_new_one_at_once(server: Machine) -> None:
    server.work.set({"db.password": "O'Brien 🔑"})
    assert server.read("db.password") == "O'Brien 🔑"
    server.work.set({"db.password": "next"})
    assert server.read("db.password") == "next"


def test_names_of_the_policy_resolve_to_the_file_and_follow_it(server: Machine) -> None:
    server.work.set({"db": "old"})
    given = server.policy.given
    policy = Policy(**{**given, "secrets": {**given["secrets"], "named": {"db.dsn": "sealed:db"}}})
    secrets = open_secrets(policy, {})
    server.work.set({"db": "new"})
    assert secrets.refresh() == ["db.dsn"]
    assert secrets.get("db.dsn").reveal() == "new"


def test_the_root_key_may_be_in_the_file(server: Machine, tmp_path: Path) -> None:
    from garrison.core.clock import SYSTEM

    server.work.set({"root": KEY})
    policy = Policy(**{**server.policy.given, "key": "sealed:root"})
    direct = Keyring.from_policy(Policy(key="env:K"), {"K": KEY}, tmp_path, SYSTEM)
    sealed = Keyring.from_policy(policy, {}, tmp_path, SYSTEM)
    assert sealed.derive("x", 32) == direct.derive("x", 32)


def test_earlier_versions_stay_and_are_bounded(server: Machine) -> None:
    for turn in range(1, KEPT + 4):
        server.work.set({"a": f"value {turn}"})
    entry = server.work.read().secrets["a"]
    assert (entry.now.version, len(entry.before)) == (KEPT + 3, KEPT)
    assert server.work.get("a", KEPT + 1) == f"value {KEPT + 1}"
    with pytest.raises(SecretMissing, match="version 1"):
        server.work.get("a", 1)


def test_every_change_raises_the_serial(server: Machine) -> None:
    serials = [server.work.read().serial, server.work.set({"a": "b"}).serial, server.work.remove(["a"]).serial]
    assert serials == [1, 2, 3]
    assert server.work.reseal(lambda before: before).serial == 4


def test_a_second_recipient_opens_everything_history_included_and_one_removed_opens_nothing_new(
    server: Machine,
) -> None:
    identity, recipient = new_identity()
    server.work.set({"a": "first"})
    server.work.set({"a": "second"})
    with pytest.raises(NotOpened):
        open_sealed(server.work.read().secrets["a"].now.sealed, identity)
    entry = server.work.reseal(lambda before: [*before, recipient]).secrets["a"]
    assert [open_sealed(one.sealed, identity) for one in (entry.now, *entry.before)] == ["second", "first"]
    assert server.read("a") == "second"
    gone = server.work.reseal(lambda before: [one for one in before if one != recipient]).secrets["a"]
    with pytest.raises(NotOpened):
        open_sealed(gone.now.sealed, identity)


def test_a_new_identity_stands_before_the_old_one_which_still_opens(server: Machine) -> None:
    server.work.set({"a": "b"})
    new, old = add_identity(server.work.keys)
    assert server.read("a") == "b"
    server.work.reseal(lambda before: [new if one == old else one for one in before])
    assert server.read("a") == "b"
    assert recipients_of(server.work.identity()) == [new, old]


def test_who_can_only_sign_can_set_and_not_read(server: Machine) -> None:
    (server.work.keys / "identity.key").unlink()
    server.work.set({"a": "b"})
    with pytest.raises(SecretMissing, match="--keys"):
        server.work.get("a")


def test_a_second_signer_that_the_policy_pins_changes_the_file_and_one_that_it_does_not_can_not(
    server: Machine, tmp_path: Path
) -> None:
    mine, theirs = server.policy.secrets.signers[0], make_keys(tmp_path / "theirs")
    server.work.set({"a": "first"})
    before = server.work.path.read_bytes()
    for pinned in ((), (mine,)):
        with pytest.raises(SecretRefused, match=r"not signed by|not among"):
            Workshop(server.work.path, tmp_path / "theirs", pinned).set({"a": "stranger"})
    assert server.work.path.read_bytes() == before
    Workshop(server.work.path, tmp_path / "theirs", (mine, theirs)).set({"a": "second"})
    with pytest.raises(SecretRefused, match="not signed by"):  # this server's policy does not pin them yet
        server.read("a")
    pinned = {**server.policy.given["secrets"], "signers": [mine, theirs]}
    policy = Policy(**{**server.policy.given, "secrets": pinned})
    assert Resolver.from_policy(policy, {}).read("sealed:a").reveal() == "second"
    Workshop(server.work.path, server.work.keys, (mine, theirs)).set({"a": "third"})  # and the first goes on
    assert server.read("a") == "third"


def test_an_existing_file_is_never_made_anew(server: Machine) -> None:
    before = server.work.path.read_bytes()
    with pytest.raises(SecretRefused, match="there already"):
        server.work.make()
    assert server.work.path.read_bytes() == before


def test_changes_at_the_same_time_are_all_kept(server: Machine) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda turn: server.work.set({f"n{turn}": "x"}), range(12)))
    assert len(server.work.read().secrets) == 12
    assert server.work.read().serial == 13


@pytest.mark.parametrize("values", [{"a": ""}, {"a": "x\0"}, {"a": "\udcff"}, {"a": "x" * 20_000}])
def test_what_no_source_may_give_is_not_taken(server: Machine, values: dict[str, str]) -> None:
    before = server.work.path.read_bytes()
    with pytest.raises((SecretMissing, SecretRefused)):
        server.work.set(values)
    assert server.work.path.read_bytes() == before


def test_a_recipient_that_is_none_changes_nothing(server: Machine) -> None:
    server.work.set({"a": "b"})
    before = server.work.path.read_bytes()
    with pytest.raises(SecretRefused, match="age recipient"):
        server.work.reseal(lambda old: [*old, "age1nonsense"])
    assert server.work.path.read_bytes() == before


KILLED = """
import os, sys
from pathlib import Path
from garrison.secrets import private_files
from garrison.secrets.sealed_file import Workshop

real = os.fsync
def dies(descriptor): os._exit(9)
os.fsync = dies
Workshop(Path(sys.argv[1]), Path(sys.argv[2])).set({"a": "half"})
"""


def test_a_writer_killed_in_the_middle_leaves_the_old_file_whole(server: Machine) -> None:
    server.work.set({"a": "whole"})
    before = server.work.path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(server.work.path), str(server.work.keys)], timeout=60, check=False
    )
    assert done.returncode == 9
    assert server.work.path.read_bytes() == before
    assert server.work.set({"a": "next"}).secrets["a"].now.version == 2


def test_a_full_disk_leaves_the_old_file_whole(server: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = server.work.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="No space left"):
        server.work.set({"a": "b"})
    monkeypatch.undo()
    assert server.work.path.read_bytes() == before
    assert not list(server.work.path.parent.glob(".half-written-*"))


@pytest.mark.parametrize("missing", ["file", "identity", "signers"])
def test_a_policy_names_file_identity_and_signers_or_none_of_them(missing: str) -> None:
    from garrison.policy.load import load

    whole: dict[str, Any] = {"file": "s", "identity": "env:ID", "signers": ["A" * 43 + "="]}
    Policy(secrets=whole)
    text = {key: value for key, value in whole.items() if key != missing}
    with pytest.raises(PolicyInvalid, match="go together"):
        load(None, {f"GARRISON_SECRETS__{k.upper()}": v if isinstance(v, str) else v[0] for k, v in text.items()})


def test_what_age_seals_here_is_what_its_format_says() -> None:
    import base64

    identity, recipient = new_identity()
    sealed = seal(b"x", [recipient])
    assert base64.b64decode(sealed).startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert identity.startswith("AGE-SECRET-KEY-1")
