"""One root key, a key per purpose; attacks on its tags, each with the control that is accepted."""

from __future__ import annotations

import copy
import pickle
import secrets
import string
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.errors import OperatorError
from garrison.policy import Policy
from garrison.secrets import KeyFileRefused, KeyMissing, KeyReferenceMalformed, Keyring, KeyWeak
from tests.contracts.hands import Hands

OLD, NEW, OTHER = (secrets.token_bytes(32) for _ in range(3))
CLOCK = Hands(1_800_000_000.0).clock
URL_SAFE = frozenset(string.ascii_letters + string.digits + "-_.")


def from_policy(
    tmp_path: Path, key: str = "", environ: dict[str, str] | None = None, *, development: bool = False
) -> Keyring:
    policy = Policy(hosts=("a.example",), key=key, environment="development" if development else "production")
    return Keyring.from_policy(policy, environ or {}, tmp_path / "state", CLOCK)


# What a tag is, and what is not one


@given(st.binary(max_size=300))
def test_control_a_tag_is_url_safe_names_its_version_and_verifies(data: bytes) -> None:
    ring = Keyring([NEW])
    tag = ring.signer("csrf").sign(data)
    assert len(tag) == 48
    assert set(tag) <= URL_SAFE
    assert tag.startswith(ring.versions[0] + ".")
    assert ring.signer("csrf").verify(data, tag)
    assert Keyring([NEW]).signer("csrf").verify(data, tag)


def test_a_tag_is_of_its_data_alone() -> None:
    signer = Keyring([NEW]).signer("csrf")
    assert not signer.verify(b"data!", signer.sign(b"data"))
    assert not signer.verify(b"", signer.sign(b"data"))


def test_a_tag_of_one_purpose_is_none_of_another() -> None:
    ring = Keyring([NEW])
    tag = ring.signer("csrf").sign(b"data")
    assert not ring.signer("session").verify(b"data", tag)
    assert not ring.signer("csrf2").verify(b"data", tag)


def test_a_tag_of_another_root_is_refused_even_under_our_version() -> None:
    ours, theirs = Keyring([NEW]), Keyring([OTHER])
    tag = theirs.signer("csrf").sign(b"data")
    assert not ours.signer("csrf").verify(b"data", tag)
    assert not ours.signer("csrf").verify(b"data", ours.versions[0] + tag[4:])


def test_a_tag_whose_version_is_swapped_within_the_ring_is_refused() -> None:
    ring = Keyring([NEW, OLD])
    tag = ring.signer("csrf").sign(b"data")
    assert not ring.signer("csrf").verify(b"data", ring.versions[1] + tag[4:])


def test_no_part_of_a_tag_will_do() -> None:
    signer = Keyring([NEW]).signer("csrf")
    tag = signer.sign(b"data")
    for end in range(len(tag)):
        assert not signer.verify(b"data", tag[:end])
    for start in range(1, len(tag)):
        assert not signer.verify(b"data", tag[start:])


def test_no_changed_character_will_do_the_last_included() -> None:
    """43 base64 characters hold 258 bits: four texts mean the same 256, and only one may pass."""
    signer = Keyring([NEW]).signer("csrf")
    tag = signer.sign(b"data")
    for place in range(len(tag)):
        for char in sorted(URL_SAFE - {tag[place]}):
            assert not signer.verify(b"data", tag[:place] + char + tag[place + 1 :])


@given(st.text(max_size=80))
def test_no_text_passes_or_raises(text: str) -> None:
    signer = Keyring([NEW]).signer("csrf")
    assert not signer.verify(b"data", text)


@pytest.mark.parametrize("tag", ["", ".", "é" * 48, "\ud800" * 48, "\0" * 48, "A" * 10_000_000, " " * 48])
def test_malformed_tags_are_refused(tag: str) -> None:
    ring = Keyring([NEW])
    assert not ring.signer("csrf").verify(b"data", tag)
    assert not ring.signer("csrf").verify(b"data", (ring.versions[0] + "." + tag)[:48])


# Rotation


def test_after_rotation_the_new_key_signs_and_tags_of_the_old_still_hold() -> None:
    old_tag = Keyring([OLD]).signer("session").sign(b"data")
    both = Keyring([NEW, OLD])
    assert both.signer("session").verify(b"data", old_tag)
    assert both.signer("session").sign(b"data") == Keyring([NEW]).signer("session").sign(b"data")


def test_a_key_that_was_taken_away_is_refused() -> None:
    old_tag = Keyring([OLD]).signer("session").sign(b"data")
    assert not Keyring([NEW]).signer("session").verify(b"data", old_tag)


def test_a_key_given_twice_counts_once_and_none_is_a_mistake() -> None:
    assert Keyring([NEW, OLD, NEW]).versions == Keyring([NEW, OLD]).versions
    with pytest.raises(ValueError, match="needs root keys"):
        Keyring([])


# Derived keys


def test_derived_keys_differ_by_root_purpose_and_length_and_are_no_prefixes() -> None:
    keys = [Keyring([root]).derive(name, size) for root in (NEW, OLD) for name in ("a", "b") for size in (32, 33)]
    assert sorted(map(len, keys)) == [32] * 4 + [33] * 4
    assert len({key[:32] for key in keys}) == len(keys)
    assert Keyring([NEW]).derive("a", 32) == Keyring([NEW, OLD]).derive("a", 32)


@pytest.mark.parametrize("purpose", ["", "A", "a b", "a\0b", "é", "/a", "a" * 65])
def test_a_purpose_has_a_plain_name(purpose: str) -> None:
    with pytest.raises(ValueError, match="purpose"):
        Keyring([NEW]).signer(purpose)
    with pytest.raises(ValueError, match="purpose"):
        Keyring([NEW]).derive(purpose, 32)


def test_versions_tell_keys_apart_and_are_no_part_of_them() -> None:
    versions = [Keyring([secrets.token_bytes(32)]).versions[0] for _ in range(50)]
    assert len(set(versions)) == 50
    assert {len(version) for version in versions} == {4}
    ring = Keyring([NEW])
    assert ring.versions[0].encode() not in (ring.derive("version", 32), NEW)


def test_neither_keyring_nor_signer_shows_pickles_or_copies_a_key() -> None:
    ring = Keyring([NEW, OLD])
    for holder in (ring, ring.signer("csrf")):
        shown = f"{holder!r} {holder} {[holder]}"
        for root in (NEW, OLD):
            assert root.hex() not in shown
            assert repr(root) not in shown
        for leak in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="holds"):
                leak(holder)


# Where the root comes from


def test_the_key_comes_from_the_environment_by_its_usual_name_or_by_reference(tmp_path: Path) -> None:
    key = secrets.token_urlsafe(32)
    usual = from_policy(tmp_path, environ={"GARRISON_KEY": key})
    named = from_policy(tmp_path, "env:APP_KEY", {"APP_KEY": key, "GARRISON_KEY": secrets.token_urlsafe(32)})
    assert usual.versions == named.versions
    assert usual.loaded == 1_800_000_000.0


def test_the_key_comes_from_a_private_file_by_reference(tmp_path: Path) -> None:
    path, key = tmp_path / "key", secrets.token_urlsafe(32)
    path.write_text(key + "\n")
    path.chmod(0o600)
    assert from_policy(tmp_path, f"file:{path}").versions == from_policy(tmp_path, "env:K", {"K": key}).versions
    path.chmod(0o644)
    with pytest.raises(KeyFileRefused):
        from_policy(tmp_path, f"file:{path}")


@pytest.mark.parametrize("separator", [" ", ",", "\n", ", ", "\n\n", " ,\t"])
def test_several_keys_make_a_rotation(tmp_path: Path, separator: str) -> None:
    new, old = secrets.token_urlsafe(32), secrets.token_hex(32)
    ring = from_policy(tmp_path, environ={"GARRISON_KEY": f"{new}{separator}{old}{separator}"})
    tag = from_policy(tmp_path, environ={"GARRISON_KEY": old}).signer("session").sign(b"data")
    assert ring.signer("session").verify(b"data", tag)
    assert ring.versions[0] == from_policy(tmp_path, environ={"GARRISON_KEY": new}).versions[0]


def test_in_development_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = from_policy(tmp_path, development=True)
    assert (tmp_path / "state" / "root.key").stat().st_mode & 0o777 == 0o600
    assert from_policy(tmp_path, development=True).versions == first.versions


@pytest.mark.parametrize("environ", [{}, {"GARRISON_KEY": ""}, {"GARRISON_KEY": " ,\n"}])
def test_in_production_a_missing_key_stops_the_start_and_none_is_made_or_borrowed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    from_policy(tmp_path, development=True)
    with pytest.raises(KeyMissing) as caught:
        from_policy(tmp_path, environ=environ)
    assert isinstance(caught.value, OperatorError)
    assert "garrison secrets key" in caught.value.remedy
    assert "token_urlsafe(32)" in caught.value.remedy


@pytest.mark.parametrize("development", [True, False])
def test_a_reference_that_leads_nowhere_stops_the_start_and_nothing_takes_its_place(
    tmp_path: Path, development: bool
) -> None:
    good = {"GARRISON_KEY": secrets.token_urlsafe(32)}
    for key in ("env:NOT_SET", f"file:{tmp_path}/none"):
        with pytest.raises(KeyMissing):
            from_policy(tmp_path, key, good, development=development)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("key", ["env:", "env:A B", "file:relative", "file:", "vault:x", "hunter2-hunter2", "ENV:X"])
def test_what_is_no_reference_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    with pytest.raises(KeyReferenceMalformed) as caught:
        from_policy(tmp_path, key)
    assert key not in str(caught.value).replace("env:NAME", "").replace("file:/absolute/path", "")


@pytest.mark.parametrize("development", [True, False])
@pytest.mark.parametrize("position", [1, 2])
def test_a_weak_key_stops_the_start_and_is_shown_nowhere(tmp_path: Path, position: int, development: bool) -> None:
    weak = "hunter2-hunter2-hunter2"
    keys = [weak, secrets.token_urlsafe(32)]
    with pytest.raises(KeyWeak) as caught:
        from_policy(
            tmp_path, environ={"GARRISON_KEY": " ".join(keys[:: 1 if position == 1 else -1])}, development=development
        )
    assert caught.value.position == position
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown
    assert keys[1] not in shown
    assert "garrison secrets key" in shown
