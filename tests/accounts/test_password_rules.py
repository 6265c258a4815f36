"""What a new password must be: NIST SP 800-63B-4, section 3.1.1.2."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.accounts.breached import BreachFilterUnreadable, build_filter
from garrison.accounts.password_rules import PasswordRules, Rule, common_passwords
from garrison.core.errors import DependencyError
from garrison.policy.model import PasswordsSection

pytestmark = pytest.mark.anyio

RULES = PasswordRules(names=("shop.example.com",))
ANN = ("ann.lee@mail.example", "Ann Lee")
GOOD = (
    "correct horse battery",
    "my shop is a fine place",
    "Öffnungszeiten über Ostern",
    "パスワードは長いほうがよいですよね",
    "😀😃😄😁😆😅😂🤣😊😇🙂🙃😉😌😍",
    "aaaabbbbccccddddeeee",
    "3.14159265358979 is nice",
    "Summer of 1984 was long",
    "   spaces at both ends   ",
)


def rules_broken(password: str, rules: PasswordRules = RULES, *, second_factor: bool = False) -> list[Rule]:
    return [fault.rule for fault in rules.offline(password, context=ANN, second_factor=second_factor)]


@pytest.mark.parametrize("password", GOOD)
def test_long_passwords_of_any_composition_pass(password: str) -> None:
    """Verifiers SHALL NOT impose other composition rules; Unicode and spaces SHOULD be accepted."""
    assert rules_broken(password) == []


def test_fifteen_characters_are_asked_for_and_eight_beside_a_second_factor() -> None:
    """A minimum of 15 characters as the only factor; as part of multi-factor a minimum of eight."""
    assert rules_broken("fourteen chars") == [Rule.TOO_SHORT]
    assert rules_broken("fifteen charact") == []
    assert rules_broken("seven c", second_factor=True) == [Rule.TOO_SHORT]
    assert rules_broken("eight ch", second_factor=True) == []


def test_a_code_point_is_one_character_however_many_bytes_it_has() -> None:
    assert rules_broken("😀" * 5 + "😃😄😁😆" * 2) == [Rule.TOO_SHORT]  # 13 characters, 52 bytes


def test_at_least_sixty_four_characters_are_accepted_and_the_bound_is_told() -> None:
    assert rules_broken("ab cd ef gh ij kl mn op qr st uv wx yz " * 6) == []
    (fault,) = RULES.offline("ab cd ef gh ij kl mn " * 20)
    assert (fault.rule, "256" in fault.message) == (Rule.TOO_LONG, True)
    with pytest.raises(ValueError, match="64"):
        PasswordsSection(max_length=63)


@pytest.mark.parametrize(
    "password",
    ["aaaaaaaaaaaaaaaaaa", "abcabcabcabcabcabc", "0123456789012345678", "zyxwvutsrqponmlk", "qwertyuiopasdfgh",
     "ababababababababab", "98765432109876543"],
)  # fmt: skip
def test_repetitions_and_runs_are_too_simple(password: str) -> None:
    assert Rule.TOO_SIMPLE in rules_broken(password)


@pytest.mark.parametrize(
    "password",
    ["password1234567", "P@ssw0rd!!!!!!!!", "PasswordPassword", "iloveyouiloveyou", "CorrectHorseBatteryStaple",
     "correct horse battery staple", "12345superman12345", "!!!!!!qwerty!!!!!!"],
)  # fmt: skip
def test_common_passwords_are_refused_however_they_are_dressed(password: str) -> None:
    assert Rule.COMMON in rules_broken(password)


@pytest.mark.parametrize(
    "password",
    ["ann.lee@mail.example", "AnnLeeAnnLeeAnnLee", "shopexampleshop1", "annlee-mail-2026!", "Sh0p-Ex@mple-2026",
     "shop.example.com99"],
)  # fmt: skip
def test_names_of_the_person_and_of_the_service_are_no_password(password: str) -> None:
    """The blocklist SHOULD include context-specific words, such as the name of the service, the username."""
    assert Rule.CONTEXT in rules_broken(password)


@pytest.mark.parametrize(
    "password", ["has a \x00 in the middle", "half a pair \ud83d here", "unassigned \u0378 letter"]
)
def test_characters_that_cannot_be_typed_again_are_refused(password: str) -> None:
    assert rules_broken(password) == [Rule.NOT_TEXT]


def test_no_message_repeats_the_password() -> None:
    for password in ("password1234567", "AnnLeeAnnLeeAnnLee", "short", "has a \x00 in the middle"):
        for fault in RULES.offline(password, context=ANN):
            assert password not in fault.message


def test_the_built_in_list_is_without_case_and_of_some_size() -> None:
    listed = common_passwords()
    assert len(listed) > 500
    assert all(word == word.casefold() for word in listed)


async def test_a_password_of_the_filter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("stolen from elsewhere\n")
    build_filter(tmp_path / "list", tmp_path / "filter")
    rules = PasswordRules(PasswordsSection(breached=str(tmp_path / "filter")))
    assert [fault.rule for fault in await rules.faults("stolen from elsewhere")] == [Rule.BREACHED]
    assert await rules.faults("chosen by myself") == ()


def test_a_filter_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(BreachFilterUnreadable):
        PasswordRules(PasswordsSection(breached=str(tmp_path / "none")))


async def test_the_service_is_asked_last_and_its_absence_stops_nobody() -> None:
    asked: list[bytes] = []

    class Service:
        async def knows(self, prepared: bytes) -> bool:
            asked.append(prepared)
            if b"away" in prepared:
                raise DependencyError("away")
            return b"stolen" in prepared

    rules = PasswordRules(service=Service())
    assert [fault.rule for fault in await rules.faults("a stolen passphrase")] == [Rule.BREACHED]
    assert await rules.faults("the service is away") == ()
    assert await rules.faults("short") != ()
    assert asked == [b"a stolen passphrase", b"the service is away"]
