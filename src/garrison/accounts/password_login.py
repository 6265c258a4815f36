"""Log in with a password, whole: guard, hash, session, and a hash renewed on the way. Made so that there is one way.

The way is the same for accounts that exist, that don't, and that are disabled: the same counters, one hash, the same
outcome. What an application adds around it should be as even: one database query by login, one page for every failure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..core.errors import DependencyError
from ..core.exchange import Exchange, Principal
from ..core.verdict import Reason, Refuse
from .attempt import Attempt
from .login import LAYER, LoginGuard
from .passwords import LibraryMissing, Passwords
from .pool import HashingBusy

_RETRY_SECONDS: Final = 5
_AWAY: Final = "Logging in does not work at this moment. Try again in a few seconds."
_BUSY: Final = "Many people are logging in at this moment. Try again in a few seconds."


@dataclass(frozen=True, slots=True)
class Stored:
    """What the application keeps of an account.

    principal      who it is
    password_hash  what `Passwords.hash` gave, or None for an account without a password
    active         False for one that may not log in: the same answer as a wrong password
    renew          stores a new hash, when the profile has changed since
    """

    principal: Principal
    password_hash: str | None = field(repr=False)
    active: bool = True
    renew: Callable[[str], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class WrongPassword:
    """Login or password is wrong; which of them, nobody is told. `wait` is seconds until the next attempt passes."""

    wait: float


@dataclass(frozen=True, slots=True)
class SecondFactorOwed:
    """The password is right, and a second factor is on: nobody is logged in until `SecondStep.finish` has its code."""


Outcome: TypeAlias = Principal | WrongPassword | SecondFactorOwed | Refuse
Find: TypeAlias = Callable[[str], Awaitable[Stored | None]]
Step: TypeAlias = Callable[[Exchange, Principal, str], Awaitable[bool]]


async def log_in_with_password(
    guard: LoginGuard,
    passwords: Passwords,
    exchange: Exchange,
    login: str,
    password: str,
    find: Find,
    second_step: Step | None = None,
) -> Outcome:
    """Try `password` for `login`; on success the session has begun, or the second factor is owed.

    find         the account of a login, or None. It gets the login as it was typed
    second_step  `SecondStep.begin`: whether this principal owes a second factor now. None: nobody does

    A store that is away, or a full hashing queue, is a `Refuse` with 503 and counts as no attempt. Raises
    `LibraryMissing`, and what else `find` raises: that counts.
    """
    try:
        attempt = await guard.begin(exchange, login)
        if isinstance(attempt, Refuse):
            return attempt
        async with attempt:
            return await _try(attempt, passwords, login, password, find, second_step)
    except LibraryMissing:
        raise
    except DependencyError as error:
        return _later(error)


def _later(error: DependencyError) -> Refuse:
    """Nothing could be tried: a store is away, or the hashing queue is full."""
    if isinstance(error, HashingBusy):
        return Refuse(Reason.RATE_LIMITED, 503, retry_after=error.retry_after, layer=LAYER, hint=_BUSY)
    return Refuse(Reason.STORE_AWAY, 503, retry_after=_RETRY_SECONDS, layer=LAYER, detail=error.message, hint=_AWAY)


async def _try(
    attempt: Attempt, passwords: Passwords, login: str, password: str, find: Find, second_step: Step | None
) -> Outcome:
    stored = await find(login)
    kept = stored.password_hash if stored is not None and stored.active else None
    if not await passwords.verify(kept, password, favoured=attempt.trusted) or stored is None or kept is None:
        return WrongPassword(await attempt.fail())
    owed = second_step is not None and await second_step(attempt.exchange, stored.principal, login)
    await (attempt.accept() if owed else attempt.succeed(stored.principal))
    if stored.renew is not None and passwords.is_outdated(kept):
        await _renew(passwords, password, stored.renew)
    return SecondFactorOwed() if owed else stored.principal


async def _renew(passwords: Passwords, password: str, renew: Callable[[str], Awaitable[None]]) -> None:
    try:
        await renew(await passwords.hash(password))
    except DependencyError:
        return  # the queue is full: the old hash still verifies, and the next log-in comes
