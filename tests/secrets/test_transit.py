"""Transit with a real OpenBao: keys that never come here encrypt, sign and authenticate; and what an attacker who has
the ciphertexts, or a misspelt name, gets out of it."""

from __future__ import annotations

import base64
import pickle
from itertools import count
from typing import Any

import pytest

from garrison.policy.model import Policy
from garrison.secrets import (
    SecretDenied,
    SecretError,
    Secrets,
    SourceAway,
    TransitBroken,
    TransitKey,
    TransitRefused,
    open_secrets,
)
from garrison.secrets.resolver import Resolver
from garrison.secrets.transit import MAX_BYTES, MOST, all_transit_lines
from tests.cli.conftest import here as here
from tests.cli.running import Here
from tests.support.bao import Bao

CANARY = b"canary-c0ffee41"
RIGHTS = {
    "notes": ["encrypt", "decrypt", "rewrap", "hmac", "verify", "rotate"],
    "tenants": ["encrypt", "decrypt"],
    "audit": ["sign", "verify"],
    "reader": ["decrypt"],
}

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]
_NUMBERS = count()


class Member:
    """An application with a role that the policy it prints is enough for, and the events it has recorded."""

    def __init__(self, bao: Bao, rights: dict[str, list[str]], **more: Any) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        section = {"address": bao.url, "ca": str(bao.ca), "role_id": "env:ROLE", "secret_id": "env:ID", **more}
        self.policy = Policy(vault={**section, "transit": rights})
        self.name = f"transit{next(_NUMBERS)}"
        role, secret = bao.role(self.name, "\n".join(all_transit_lines(self.policy.vault)) or "# nothing")
        self.environ = {"ROLE": role, "ID": secret}
        self.secrets = open_secrets(self.policy, self.environ)
        self.secrets.attach(lambda name, facts=None, /, **details: self.events.append((name, details)))

    def key(self, name: str) -> TransitKey:
        return self.secrets.transit(name)


@pytest.fixture(scope="module")
def engine(bao: Bao) -> Bao:
    root = bao.root
    root.sys.enable_secrets_engine("transit")
    for name, more in (("notes", {}), ("reader", {}), ("tenants", {"derived": True}), ("audit", {"type": "ed25519"})):
        bao.wait(lambda name=name, more=more: root.write_data(f"transit/keys/{name}", data=more))
    return bao


@pytest.fixture(scope="module")
def member(engine: Bao) -> Member:
    return Member(engine, RIGHTS)


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    if "member" in request.fixturenames:
        request.getfixturevalue("member").events.clear()


@pytest.mark.parametrize("data", [b"", b"x", CANARY, "pässwörd 🔑 O'Brien; --".encode(), bytes(range(256)) * 64])
def test_what_is_encrypted_opens_at_its_place_and_looks_like_nothing(member: Member, data: bytes) -> None:
    notes = member.key("notes")
    text = notes.encrypt(data, "note 7")
    assert text.startswith("vault:v")
    assert not data or base64.b64encode(data).decode() not in text
    assert notes.decrypt(text, "note 7") == data
    assert notes.encrypt(data, "note 7") != text


def test_many_are_done_in_one_question_in_their_order(member: Member, engine: Bao) -> None:
    notes = member.key("notes")
    items = [(f"text {number}".encode(), f"note {number}") for number in range(200)]
    texts = notes.encrypt_all(items)
    assert notes.decrypt_all([(text, place) for text, (_, place) in zip(texts, items, strict=True)]) == [
        data for data, _ in items
    ]
    assert (notes.encrypt_all([]), notes.decrypt_all([])) == ([], [])


class TestAttacks:
    """Each with its control."""

    def test_a_ciphertext_moved_to_another_place_does_not_open_and_is_an_event(self, member: Member) -> None:
        notes = member.key("notes")
        text = notes.encrypt(CANARY, "account of mallory")
        with pytest.raises(TransitBroken):
            notes.decrypt(text, "account of alice")
        assert member.events == [("crypt_decrypt_fail", {"key": "transit.notes", "values": 1})]
        without = notes.encrypt(CANARY)
        assert notes.decrypt(without) == CANARY, "control: without a place it opens wherever it is put"

    def test_of_many_each_that_was_changed_is_named_and_none_is_given(self, member: Member) -> None:
        notes = member.key("notes")
        good = [notes.encrypt(CANARY, "p") for _ in range(4)]
        head, version, body = good[1].split(":")
        raw = bytearray(base64.b64decode(body))
        raw[-1] ^= 1
        bad = [good[0], f"{head}:{version}:{base64.b64encode(raw).decode()}", good[2], "vault:v99:AAAA"]
        with pytest.raises(TransitBroken) as caught:
            notes.decrypt_all([(text, "p") for text in bad])
        assert caught.value.at == (1, 3)
        assert CANARY.decode() not in f"{caught.value}{vars(caught.value)}"
        assert notes.decrypt_all([(text, "p") for text in good]) == [CANARY] * 4, "control"

    @pytest.mark.parametrize(
        "text", ["", "junk", "vault:v1:", "vault:v0:AAAA", "vault:v1:AAAA", "vault:v1:ä", "vault:v1:AA AA", "\udcff",
                 "VAULT:v1:AAAA", "vault:v1:AAAA\n", "vault:v-1:AAAA", "sys/raw"]
    )  # fmt: skip
    def test_what_a_client_makes_up_is_broken_and_never_another_error(self, member: Member, text: str) -> None:
        with pytest.raises(TransitBroken):
            member.key("notes").decrypt(text, "p")
        assert member.key("audit").verify(CANARY, text) is False
        assert member.key("notes").verify_hmac(CANARY, text) is False

    def test_one_tenants_text_does_not_open_in_the_context_of_another(self, member: Member) -> None:
        tenants = member.key("tenants")
        text = tenants.encrypt(CANARY, "row 1", context="alice")
        with pytest.raises(TransitBroken):
            tenants.decrypt(text, "row 1", context="mallory")
        assert tenants.decrypt(text, "row 1", context="alice") == CANARY, "control"
        with pytest.raises(TransitRefused, match="needs a context"):
            tenants.encrypt(CANARY)

    def test_a_context_that_would_do_nothing_is_refused(self, member: Member, engine: Bao) -> None:
        with pytest.raises(TransitRefused, match="does nothing"):
            member.key("notes").encrypt(CANARY, context="alice")
        plain = {"plaintext": base64.b64encode(CANARY).decode(), "context": base64.b64encode(b"alice").decode()}
        text = engine.root.write_data("transit/encrypt/notes", data=plain)["data"]["ciphertext"]
        found = engine.root.write_data("transit/decrypt/notes", data={"ciphertext": text})["data"]["plaintext"]
        assert base64.b64decode(found) == CANARY, "control: the engine takes the context, and opens without it"

    def test_a_misspelt_name_makes_no_key(self, engine: Bao) -> None:
        member = Member(engine, {"ntoes": ["encrypt"]})
        with pytest.raises(TransitRefused, match="there is none"):
            member.key("ntoes")
        assert engine.root.read("transit/keys/ntoes") is None
        engine.root.write_data("transit/encrypt/ntoes", data={"plaintext": ""})
        assert engine.root.read("transit/keys/ntoes"), "control: with the right to create, the engine makes it"
        engine.root.write_data("transit/keys/ntoes/config", data={"deletion_allowed": True})
        engine.root.delete("transit/keys/ntoes")

    def test_what_the_policy_does_not_allow_is_denied_here_and_by_the_server_too(
        self, member: Member, engine: Bao
    ) -> None:
        reader = member.key("reader")
        with pytest.raises(SecretDenied):
            reader.encrypt(CANARY)
        assert member.events == [("secret_denied", {"component": "transit.reader", "name": "encrypt"})]
        wider = Policy(vault={**member.policy.vault.model_dump(), "transit": {"reader": ["encrypt", "decrypt"]}})
        broken_in = Secrets(wider.secrets, Resolver.from_policy(wider, member.environ)).transit("reader")
        with pytest.raises(TransitRefused, match="permission is denied") as caught:
            broken_in.encrypt(CANARY)
        line = 'path "transit/encrypt/reader" { capabilities = ["update"] }'
        assert line in caught.value.remedy
        engine.root.sys.create_or_update_policy(member.name, "\n".join(all_transit_lines(wider.vault)))
        try:
            assert broken_in.encrypt(CANARY), "control: the line is what was missing"
        finally:
            engine.root.sys.create_or_update_policy(member.name, "\n".join(all_transit_lines(member.policy.vault)))

    def test_a_log_in_that_may_use_a_key_can_not_take_it_away(self, member: Member, engine: Bao) -> None:
        assert member.secrets.resolver.vault is not None
        client = member.secrets.resolver.vault.client()
        for path in ("transit/export/encryption-key/notes", "transit/backup/notes"):
            with pytest.raises(Exception, match="permission denied"):
                client.read(path)
        engine.root.write_data("transit/keys/open", data={"exportable": True})
        assert engine.root.read("transit/export/encryption-key/open")["data"]["keys"], "control"

    def test_a_version_that_was_retired_opens_no_more(self, member: Member, engine: Bao) -> None:
        notes = member.key("notes")
        old = notes.encrypt(CANARY, "p")
        notes.rotate()
        assert notes.decrypt(old, "p") == CANARY, "control"
        new = notes.rewrap(old, "p")
        engine.root.write_data("transit/keys/notes/config", data={"min_decryption_version": notes.facts.latest})
        try:
            with pytest.raises(TransitBroken):
                notes.decrypt(old, "p")
            assert notes.decrypt(new, "p") == CANARY
        finally:
            engine.root.write_data("transit/keys/notes/config", data={"min_decryption_version": 1})


def test_after_a_rotation_what_is_old_is_told_and_wrapped_anew_with_and_without_a_place(member: Member) -> None:
    notes = member.key("notes")
    placed, bare = notes.encrypt(CANARY, "p"), notes.encrypt(CANARY)
    assert not notes.is_old(placed)
    before = notes.facts.latest
    assert notes.rotate() == before + 1
    assert notes.is_old(placed)
    for text, place in ((placed, "p"), (bare, "")):
        new = notes.rewrap(text, place)
        assert new.startswith(f"vault:v{before + 1}:")
        assert not notes.is_old(new)
        assert notes.decrypt(new, place) == CANARY
    with pytest.raises(TransitBroken):
        notes.rewrap("vault:v1:AAAA")


def test_signatures_and_codes_hold_for_what_was_signed_and_nothing_else(member: Member) -> None:
    audit, notes = member.key("audit"), member.key("notes")
    signature, code = audit.sign(CANARY), notes.hmac(CANARY)
    assert audit.verify(CANARY, signature)
    assert not audit.verify(CANARY + b".", signature)
    assert notes.verify_hmac(CANARY, code)
    assert not notes.verify_hmac(CANARY + b".", code)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(audit.facts.public[1]))
    public.verify(base64.b64decode(signature.split(":")[2]), CANARY)  # anybody can, with the public key alone


def test_a_key_of_the_wrong_kind_or_without_rights_or_server_is_refused_when_it_is_opened(engine: Bao) -> None:
    with pytest.raises(TransitRefused, match="can't sign"):
        Member(engine, {"notes": ["sign"]}).key("notes")
    with pytest.raises(Exception, match="allows nothing"):
        Member(engine, {}).key("notes")
    with pytest.raises(TransitRefused, match="no server"):
        open_secrets(Policy(), {}).transit("notes")
    with pytest.raises(TransitRefused, match="none at elsewhere"):
        Member(engine, {"notes": ["encrypt"]}, transit_mount="elsewhere").key("notes")


def test_a_log_in_that_fails_is_told_as_such_and_not_as_a_key(engine: Bao) -> None:
    member = Member(engine, {"notes": ["encrypt"]})
    for change, why in (({"ID": "wrong"}, "log-in by AppRole"), ({"ROLE": ""}, "ROLE")):
        with pytest.raises(SecretError, match=why):
            open_secrets(member.policy, {**member.environ, **change}).transit("notes")


def test_too_much_at_once_is_refused_before_it_is_sent(member: Member) -> None:
    notes = member.key("notes")
    with pytest.raises(ValueError, match="at most"):
        notes.encrypt(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="at most"):
        notes.encrypt_all([(b"", "")] * (MOST + 1))
    most = b"x" * MAX_BYTES
    assert notes.decrypt(notes.encrypt(most)) == most


def test_it_is_never_pickled_and_shows_no_log_in(member: Member) -> None:
    notes = member.key("notes")
    with pytest.raises(TypeError):
        pickle.dumps(notes)
    assert repr(notes) == "TransitKey('notes', decrypt, encrypt, hmac, rewrap, rotate, verify)"


def test_a_server_that_is_away_is_told_and_its_return_needs_nothing(engine: Bao) -> None:
    member = Member(engine, {"notes": ["encrypt", "decrypt"]}, timeout=2)
    notes = member.key("notes")
    text = notes.encrypt(CANARY, "p")
    engine.kill()
    try:
        with pytest.raises(SourceAway):
            notes.decrypt(text, "p")
        assert member.events == []  # nobody has tampered with anything
    finally:
        engine.start()
        engine.unseal()
    assert notes.decrypt(text, "p") == CANARY


class TestCommands:
    def write(self, here: Here, engine: Bao, rights: str) -> None:
        here.write(
            "garrison.toml",
            f"""
            hosts = ["shop.example.com"]
            [vault]
            address = "{engine.url}"
            ca = "{engine.ca}"
            role_id = "env:ROLE"
            secret_id = "env:ID"
            [vault.transit]
            {rights}
            """,
        )

    def test_the_policy_it_writes_is_enough_and_doctor_says_what_is_missing(self, here: Here, engine: Bao) -> None:
        self.write(here, engine, 'notes = ["encrypt", "decrypt"]\naudit = ["sign"]')
        role, secret = engine.role("written", here.run("secrets", "policy").out)
        environ = {"ROLE": role, "ID": secret}
        ran = here.run("secrets", "doctor", "--format", "json", **environ)
        assert (ran.code, [step["ok"] for step in ran.json]) == (0, [True] * 4)
        self.write(here, engine, 'notes = ["encrypt", "decrypt", "rewrap"]\naudit = ["sign"]\nnone = ["hmac"]')
        ran = here.run("secrets", "doctor", "--format", "json", **environ)
        assert ran.code == 1
        assert 'path "transit/rewrap/notes" { capabilities = ["update"] }' in ran.json[2]["remedy"]

    def test_who_lists_the_keys_and_what_may_be_done_with_them(self, here: Here, engine: Bao) -> None:
        self.write(here, engine, 'notes = ["encrypt"]')
        (row,) = (one for one in here.run("secrets", "who", "--format", "json").json if "notes" in one["secret"])
        assert row["reference"] == "transit:transit/notes, for encrypt"
