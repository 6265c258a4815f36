"""Attacks on a sealed file. Each file opens, with the tool that only decrypts: that is the control."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from garrison.secrets import SecretMissing, SecretRefused
from garrison.secrets.age import open_sealed, recipients_of, seal
from garrison.secrets.sealed import write_sealed
from garrison.secrets.sealed_file import Workshop
from tests.support.sealed import Machine, machine

CANARY = "canary-41b7d0e2"


@pytest.fixture
def server(tmp_path: Path) -> Machine:
    """A machine that has seen `db.password` in its second version, `CANARY`."""
    made = machine(tmp_path)
    made.work.set({"db.password": "leaked and replaced", "mail.password": "another"})
    made.work.set({"db.password": CANARY})
    assert made.read("db.password") == CANARY
    return made


def only_decrypted(server: Machine, name: str) -> str:
    """What a tool gives that opens without asking who wrote the file."""
    entry = json.loads(server.work.path.read_bytes())["secrets"][name]
    return open_sealed(entry["now"]["sealed"], server.work.identity())


def change(server: Machine, how: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads(server.work.path.read_bytes())
    how(raw)
    server.work.path.write_text(json.dumps(raw))


def test_a_forged_value_is_refused_though_it_opens(server: Machine) -> None:
    """FACTS of age: anyone who knows the public recipients can encrypt to them."""
    forged = seal(b"forged", json.loads(server.work.path.read_bytes())["recipients"])
    change(server, lambda raw: raw["secrets"]["db.password"]["now"].update(sealed=forged))
    assert only_decrypted(server, "db.password") == "forged"
    with pytest.raises(SecretRefused, match="not signed"):
        server.read("db.password")


def test_a_value_moved_to_another_name_is_refused_though_it_opens(server: Machine) -> None:
    def swap(raw: dict[str, Any]) -> None:
        raw["secrets"]["db.password"] = raw["secrets"]["mail.password"]

    change(server, swap)
    assert only_decrypted(server, "db.password") == "another"
    with pytest.raises(SecretRefused, match="not signed"):
        server.read("db.password")


def test_a_file_signed_by_somebody_else_is_refused_though_it_opens(server: Machine, tmp_path: Path) -> None:
    other = machine(tmp_path / "other")
    recipients = recipients_of(server.work.identity())
    other.work.reseal(lambda before: [*before, *recipients])
    other.work.set({"db.password": "theirs"})
    server.work.path.write_bytes(other.work.path.read_bytes())
    assert only_decrypted(server, "db.password") == "theirs"
    with pytest.raises(SecretRefused, match="not signed"):
        server.read("db.password")


def test_a_file_that_is_rolled_back_is_refused_though_it_is_signed(server: Machine) -> None:
    new = server.work.path.read_bytes()
    server.work.set({"db.password": "the newest"})
    assert server.read("db.password") == "the newest"
    server.work.path.write_bytes(new)
    assert server.work.get("db.password") == CANARY
    with pytest.raises(SecretRefused, match="rolled back"):
        server.read("db.password")
    with pytest.raises(SecretRefused, match="rolled back"):
        server.restarted().read("db.password")
    assert server.forgetful().read("db.password") == CANARY  # the control: a machine that has seen nothing


def test_two_files_of_one_serial_are_not_both_taken(server: Machine) -> None:
    before = server.work.path.read_bytes()
    server.work.set({"db.password": "one"})
    assert server.read("db.password") == "one"
    server.work.path.write_bytes(before)
    server.work.set({"db.password": "two"})
    with pytest.raises(SecretRefused, match="another serial"):
        server.read("db.password")


def test_another_file_of_the_same_signer_is_refused(server: Machine) -> None:
    server.work.path.rename(server.work.path.with_name("moved"))
    server.work.make()
    server.work.set({"db.password": "of the test system"})
    for _ in range(5):
        server.work.set({"x": "y"})
    assert only_decrypted(server, "db.password") == "of the test system"
    with pytest.raises(SecretRefused, match="another file"):
        server.read("db.password")


def test_a_memory_that_was_damaged_does_not_open_the_door_to_a_roll_back(server: Machine) -> None:
    (server.state / "sealed" / "sealed.json").write_text("{")
    with pytest.raises(SecretRefused, match="damaged"):
        server.restarted().read("db.password")


def test_a_memory_that_can_not_be_written_stops_the_start(server: Machine) -> None:
    elsewhere = server.state.with_name("plain-file")
    elsewhere.touch()
    with pytest.raises(SecretRefused, match="remembered"):
        server.with_state(elsewhere / "state").read("db.password")


@pytest.mark.parametrize("cut", [0, 1, 10, 200, -2])
def test_a_file_cut_short_is_refused(server: Machine, cut: int) -> None:
    server.work.path.write_bytes(server.work.path.read_bytes()[:cut])
    with pytest.raises(SecretRefused, match="damaged"):
        server.read("db.password")


@pytest.mark.parametrize("content", [b"[]", b"null", b'{"signature": 1}', b"[" * 100_000, b"\xff", b"x" * 9_000_000])
def test_what_is_no_sealed_file_is_refused(server: Machine, content: bytes) -> None:
    server.work.path.write_bytes(content)
    with pytest.raises(SecretRefused):
        server.read("db.password")


def test_a_name_that_stands_twice_is_refused(server: Machine) -> None:
    text = server.work.path.read_text()
    server.work.path.write_text(text.replace('"serial"', '"serial": 9,\n "serial"'))
    with pytest.raises(SecretRefused, match="damaged"):
        server.read("db.password")


def test_a_secret_in_clear_in_the_file_is_not_repeated(server: Machine) -> None:
    change(server, lambda raw: raw["secrets"].update({"db.password": CANARY}))
    with pytest.raises(SecretRefused) as caught:
        server.read("db.password")
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["../db.password", "/etc/passwd", "a/b", "..", "", "db.password\n", "DB"])
def test_a_name_that_climbs_is_no_reference(server: Machine, name: str) -> None:
    with pytest.raises(ValueError, match="sealed:"):
        server.resolver().read(f"sealed:{name}")


def test_an_identity_that_others_can_read_is_refused(server: Machine) -> None:
    (server.work.keys / "identity.key").chmod(0o644)
    with pytest.raises(SecretRefused, match="open to other users"):
        server.read("db.password")


def test_a_signing_key_that_others_can_read_signs_nothing(server: Machine) -> None:
    (server.work.keys / "signing.key").chmod(0o644)
    with pytest.raises(SecretRefused, match="open to other users"):
        server.work.set({"db.password": "x"})


def test_a_link_is_never_written_through(server: Machine) -> None:
    link = server.work.path.with_name("link")
    link.symlink_to(server.work.path)
    with pytest.raises(SecretRefused, match="symbolic link"):
        Workshop(link, server.work.keys).set({"x": "y"})


def test_somebody_who_is_no_recipient_learns_nothing(server: Machine, tmp_path: Path) -> None:
    stranger = machine(tmp_path / "stranger").work.identity()
    sealed = server.work.read().secrets["db.password"].now.sealed
    with pytest.raises(ValueError, match="identity"):
        open_sealed(sealed, stranger)
    assert CANARY.encode() not in base64.b64decode(sealed)
    assert CANARY not in server.work.path.read_text()


def test_control_the_same_file_written_again_by_its_signer_is_read(server: Machine) -> None:
    sealed = server.work.read()
    server.work.path.write_bytes(write_sealed(sealed, server.work.signing()))
    assert server.read("db.password") == CANARY


def test_a_name_that_is_not_in_the_file_is_missing(server: Machine) -> None:
    with pytest.raises(SecretMissing, match=r"garrison secrets set no\.such"):
        server.read("no.such")
