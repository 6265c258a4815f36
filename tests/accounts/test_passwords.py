"""Passwords: argon2id under a cited profile, the same work for everybody, normalised before hashing."""

from __future__ import annotations

import sys

import pytest

from garrison.accounts.passwords import LibraryMissing, Passwords
from garrison.accounts.pool import HashingBusy
from garrison.accounts.profiles import PROFILES, ProfileRefused, UnknownProfile
from garrison.core.errors import DependencyError, OperatorError
from garrison.policy.model import PasswordsSection

pytestmark = pytest.mark.anyio


def cheap(**section: int) -> Passwords:
    return Passwords(PasswordsSection(profile="testing", **section), development=True)


async def test_a_password_verifies_against_its_own_hash_and_no_other() -> None:
    passwords = cheap()
    stored = await passwords.hash("correct horse battery")
    assert stored.startswith("$argon2id$v=19$")
    assert await passwords.verify(stored, "correct horse battery")
    assert not await passwords.verify(stored, "correct horse batterY")
    assert await passwords.hash("correct horse battery") != stored, "salted"


async def test_nobody_has_the_password_of_an_account_that_is_not_there() -> None:
    passwords = cheap()
    for attempt in ("", "\0", "correct horse battery"):
        assert not await passwords.verify(None, attempt)


async def test_the_default_profile_is_rfc_9106s_second_recommendation() -> None:
    """RFC 9106, section 4: t=3 iterations, p=4 lanes, m=2^16 (64 MiB), 128-bit salt, 256-bit tag."""
    stored = await Passwords().hash("correct horse battery")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_accents_typed_in_either_way_are_one_password() -> None:
    """NIST SP 800-63B-4, 3.1.1.2: Normalization Form Canonical Composition before hashing."""
    passwords = cheap()
    stored = await passwords.hash("Caf\u00e9 au lait, s'il vous plai\u0302t")
    assert await passwords.verify(stored, "Cafe\u0301 au lait, s'il vous pla\u00eet")
    assert not await passwords.verify(stored, "Cafe au lait, s'il vous plait")


async def test_the_whole_password_counts() -> None:
    """NIST SP 800-63B-4, 3.1.1.2: verify the entire submitted password (not truncate it)."""
    passwords = cheap()
    stored = await passwords.hash("x" * 199 + "y")
    assert not await passwords.verify(stored, "x" * 199)
    assert not await passwords.verify(stored, "x" * 200)


@pytest.mark.parametrize("impossible", ["x" * 257, "half a pair \ud83d", "\u0958" * 200])
async def test_what_no_rule_lets_pass_is_not_hashed_and_fits_nobody(impossible: str) -> None:
    passwords = cheap()
    with pytest.raises(ValueError, match="PasswordRules"):
        await passwords.hash(impossible)
    assert not await passwords.verify(await passwords.hash("correct horse battery"), impossible)


@pytest.mark.parametrize("foreign", ["", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$broken", "plain text"])
async def test_a_stored_value_of_another_scheme_never_verifies_and_is_outdated(foreign: str) -> None:
    passwords = cheap()
    assert not await passwords.verify(foreign, "plain text")
    assert passwords.is_outdated(foreign)


async def test_a_hash_of_another_profile_still_verifies_and_is_outdated() -> None:
    stored = await cheap().hash("correct horse battery")
    today = Passwords(PasswordsSection(profile="modest"))
    assert await today.verify(stored, "correct horse battery")
    assert today.is_outdated(stored)
    assert not today.is_outdated(await today.hash("correct horse battery"))


@pytest.mark.parametrize("name", ["testing", "testing-2026-11"])
def test_the_testing_profile_is_refused_in_production(name: str) -> None:
    with pytest.raises(ProfileRefused, match="protects nothing"):
        Passwords(PasswordsSection(profile=name))
    Passwords(PasswordsSection(profile=name), development=True)


def test_an_unknown_profile_gets_the_right_name_back() -> None:
    with pytest.raises(UnknownProfile, match="'interactive'"):
        Passwords(PasswordsSection(profile="interactiv"))


def test_every_profile_but_testing_is_at_least_what_owasp_accepts() -> None:
    """OWASP Password Storage Cheat Sheet: 19 MiB with 2 passes, 46 MiB with 1, or better."""
    for profile in PROFILES.values():
        strong = (profile.memory >= 19 * 1024 and profile.passes >= 2) or profile.memory >= 46 * 1024
        assert strong is (profile.name != "testing"), profile
        assert profile.source
        assert profile.pinned in PROFILES


async def test_without_the_library_the_first_hash_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "argon2", None)
    with pytest.raises(LibraryMissing, match="garrison\\[accounts\\]"):
        await cheap().hash("correct horse battery")


async def test_a_full_queue_is_a_dependency_that_is_away_not_a_wrong_password() -> None:
    assert issubclass(HashingBusy, DependencyError)
    assert not issubclass(HashingBusy, OperatorError)
