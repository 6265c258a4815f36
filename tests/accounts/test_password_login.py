"""The whole log-in with a password: one way for everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from garrison.accounts.login import LoginGuard
from garrison.accounts.password_login import Stored, WrongPassword, log_in_with_password
from garrison.accounts.passwords import Passwords
from garrison.accounts.pool import HashingBusy
from garrison.core.errors import DependencyError
from garrison.core.exchange import Principal
from garrison.core.verdict import Refuse
from garrison.policy.model import PasswordsSection
from tests.accounts.wiring import World, cookie_named

pytestmark = pytest.mark.anyio

ANN = Principal("ann-1")
RIGHT, WRONG = "correct horse battery", "incorrect horse"


class Users:
    """The application's table."""

    def __init__(self, password_hash: str) -> None:
        self.rows = {"ann@example.com": Stored(ANN, password_hash, renew=self.renew)}
        self.renewed: list[str] = []

    async def find(self, login: str) -> Stored | None:
        if login == "broken":
            raise KeyError(login)
        return self.rows.get(login.lower())

    async def renew(self, password_hash: str) -> None:
        self.renewed.append(password_hash)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(PasswordsSection(profile="testing"), development=True)
    yield made
    made.close()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def guard(world: World) -> LoginGuard:
    return world.guard()


@pytest.fixture
async def users(passwords: Passwords) -> Users:
    return Users(await passwords.hash(RIGHT))


async def test_the_right_password_begins_a_session_and_trusts_the_device(
    world: World, guard: LoginGuard, passwords: Passwords, users: Users
) -> None:
    exchange = world.visit()
    assert await log_in_with_password(guard, passwords, exchange, "ann@example.com", RIGHT, users.find) == ANN
    assert exchange.principal == ANN
    assert cookie_named(exchange, b"__Host-session")
    assert cookie_named(exchange, b"__Host-device")
    assert users.renewed == []


async def test_every_failure_is_the_same_outcome(
    world: World, guard: LoginGuard, passwords: Passwords, users: Users
) -> None:
    users.rows["off@example.com"] = Stored(Principal("off"), await passwords.hash(RIGHT), active=False)
    users.rows["key@example.com"] = Stored(Principal("key"), None)
    tries = [
        ("ann@example.com", WRONG),
        ("nobody@example.com", WRONG),
        ("off@example.com", RIGHT),
        ("key@example.com", RIGHT),
    ]
    for login, password in tries:
        exchange = world.visit()
        outcome = await log_in_with_password(guard, passwords, exchange, login, password, users.find)
        assert outcome == WrongPassword(0.0), login
        assert exchange.cookies is None
        assert exchange.principal is None
    assert world.names.count("authn_login_fail") == 4


async def test_after_the_free_attempts_no_password_is_even_looked_at(
    world: World, guard: LoginGuard, passwords: Passwords, users: Users
) -> None:
    for _ in range(5):
        await log_in_with_password(guard, passwords, world.visit(), "ann@example.com", WRONG, users.find)
    outcome = await log_in_with_password(guard, passwords, world.visit(), "ann@example.com", RIGHT, users.find)
    assert isinstance(outcome, Refuse)
    assert outcome.retry_after == 30


async def test_a_hash_of_another_profile_is_renewed_at_log_in_and_only_then(world: World, guard: LoginGuard) -> None:
    old = Passwords(PasswordsSection(profile="testing"), development=True)
    today = Passwords(PasswordsSection(profile="modest"))
    users = Users(await old.hash(RIGHT))
    await log_in_with_password(guard, today, world.visit(), "ann@example.com", WRONG, users.find)
    assert users.renewed == []
    assert await log_in_with_password(guard, today, world.visit(), "ann@example.com", RIGHT, users.find) == ANN
    (renewed,) = users.renewed
    assert not today.is_outdated(renewed)
    assert await today.verify(renewed, RIGHT)


async def test_a_full_queue_is_503_and_no_failure(
    world: World, guard: LoginGuard, passwords: Passwords, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*args: object, **options: object) -> bool:
        raise HashingBusy(7)

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "verify", busy)
        for _ in range(20):
            outcome = await log_in_with_password(guard, passwords, world.visit(), "ann@example.com", RIGHT, users.find)
            assert isinstance(outcome, Refuse)
            assert (outcome.status, outcome.retry_after) == (503, 7)
    assert await log_in_with_password(guard, passwords, world.visit(), "ann@example.com", RIGHT, users.find) == ANN


async def test_what_the_application_raises_is_raised_and_counted(
    world: World, guard: LoginGuard, passwords: Passwords, users: Users
) -> None:
    for _ in range(5):
        with pytest.raises(KeyError):
            await log_in_with_password(guard, passwords, world.visit(), "broken", RIGHT, users.find)
    outcome = await log_in_with_password(guard, passwords, world.visit(), "broken", RIGHT, users.find)
    assert isinstance(outcome, Refuse)


async def test_a_hash_that_cannot_be_renewed_now_stops_no_log_in(world: World, guard: LoginGuard) -> None:
    old = Passwords(PasswordsSection(profile="testing"), development=True)
    today = Passwords(PasswordsSection(profile="modest"))
    users = Users(await old.hash(RIGHT))

    async def away(password_hash: str) -> None:
        raise DependencyError("away")

    users.rows["ann@example.com"] = Stored(ANN, users.rows["ann@example.com"].password_hash, renew=away)
    assert await log_in_with_password(guard, today, world.visit(), "ann@example.com", RIGHT, users.find) == ANN


async def test_a_store_that_is_away_is_503_and_no_failure(
    world: World, guard: LoginGuard, passwords: Passwords, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: object, **options: object) -> None:
        raise DependencyError("away")

    for place in ("get", "put"):  # the account's state, then the new session
        with monkeypatch.context() as patch:
            patch.setattr(world.services.records, place, away)
            for _ in range(10):
                visit = world.visit()
                outcome = await log_in_with_password(guard, passwords, visit, "ann@example.com", RIGHT, users.find)
                assert isinstance(outcome, Refuse)
                assert (outcome.status, outcome.reason, visit.principal) == (503, "store-away", None)
    assert await log_in_with_password(guard, passwords, world.visit(), "ann@example.com", RIGHT, users.find) == ANN


def test_a_stored_account_does_not_show_its_hash() -> None:
    assert "$argon2id" not in repr(Stored(ANN, "$argon2id$v=19$…"))
