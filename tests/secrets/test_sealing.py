"""Sealed values: readable with the keyring, in their own place, and nowhere else."""

from __future__ import annotations

import copy
import pickle
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.secrets import Keyring, SealBroken, Sealer

OLD, NEW, OTHER = (secrets.token_bytes(32) for _ in range(3))


def sealer(*roots: bytes, purpose: str = "second-factor") -> Sealer:
    return Keyring(list(roots)).sealer(purpose)


@given(st.binary(max_size=300), st.text(max_size=40))
def test_control_what_was_sealed_opens_in_its_place(data: bytes, place: str) -> None:
    sealed = sealer(NEW).seal(data, place)
    assert sealed.isascii()
    assert sealer(NEW).open(sealed, place) == data


def test_a_sealed_value_does_not_show_what_it_holds_nor_that_two_are_equal() -> None:
    one, two = (sealer(NEW).seal(b"JBSWY3DPEHPK3PXP", "ann") for _ in range(2))
    assert one != two
    assert "JBSWY3DPEHPK3PXP" not in one


def test_moved_to_another_account_it_does_not_open() -> None:
    """An attacker who can write to the store gives the victim the attacker's own second factor."""
    sealed = sealer(NEW).seal(b"secret", "attacker")
    with pytest.raises(SealBroken):
        sealer(NEW).open(sealed, "victim")


def test_a_value_of_one_purpose_is_none_of_another() -> None:
    sealed = sealer(NEW).seal(b"secret", "ann")
    with pytest.raises(SealBroken):
        sealer(NEW, purpose="oidc").open(sealed, "ann")


def test_another_root_does_not_open_it_even_under_our_version() -> None:
    sealed = sealer(OTHER).seal(b"secret", "ann")
    ours = Keyring([NEW]).versions[0]
    for text in (sealed, ours + sealed[4:]):
        with pytest.raises(SealBroken):
            sealer(NEW).open(text, "ann")


@pytest.mark.parametrize("text", ["", ".", "abcd", "abcd.", "abcd.!!!", "{v}.", "{v}.AAAA", "{v}.é", "{v}." + "A" * 64])
def test_what_was_never_sealed_is_broken_and_raises_nothing_else(text: str) -> None:
    with pytest.raises(SealBroken):
        sealer(NEW).open(text.replace("{v}", Keyring([NEW]).versions[0]), "ann")


def test_every_changed_character_breaks_the_seal() -> None:
    sealed = sealer(NEW).seal(b"secret", "ann")
    for place in range(5, len(sealed) - 1):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(SealBroken):
            sealer(NEW).open(changed, "ann")


def test_after_a_rotation_old_values_open_and_are_known_as_old() -> None:
    sealed = sealer(OLD).seal(b"secret", "ann")
    rotated = sealer(NEW, OLD)
    assert rotated.open(sealed, "ann") == b"secret"
    assert rotated.is_old(sealed)
    assert not rotated.is_old(rotated.seal(b"secret", "ann"))


def test_a_sealer_shows_pickles_and_copies_no_key() -> None:
    ours = sealer(NEW)
    assert repr(ours) == f"Sealer(version={Keyring([NEW]).versions[0]!r})"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(ours)
