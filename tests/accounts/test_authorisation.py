"""Who may: 401 for who is not known, 403 for who is known and may not, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from garrison.accounts.authorisation import (
    AUTHENTICATED,
    LOGGED_IN,
    MARK,
    PUBLIC,
    Access,
    allowed,
    enforces,
    fresh,
    judge,
    scoped,
)
from garrison.accounts.authorisation_principals import Bad, principals
from garrison.core.exchange import Exchange, Principal
from garrison.core.verdict import Reason, Refuse

from .stand import Stand

pytestmark = pytest.mark.anyio
KEY = Principal("ann", "api-key", frozenset({"notes:read"}))


@pytest.fixture
def stand() -> Stand:
    return Stand()


def asking(stand: Stand, principal: Principal | None = None) -> Exchange:
    exchange = stand.visit()
    exchange.principal = principal
    return exchange


async def status(access: Access, exchange: Exchange) -> int:
    """0 for who may."""
    refusal = await judge(access, exchange)
    return refusal.status if refusal else 0


@pytest.mark.parametrize(
    ("access", "anonymous", "person", "key"),
    [
        (PUBLIC, 0, 0, 0),
        (AUTHENTICATED, 401, 0, 0),
        (LOGGED_IN, 401, 0, 403),
        (scoped("notes:read"), 401, 403, 0),
        (scoped("notes:read", "notes:write"), 401, 403, 403),
        (allowed(lambda who, _: who.id == "ann"), 401, 0, 0),
        (allowed(lambda who, _: False), 401, 403, 403),
    ],
)
async def test_who_may(stand: Stand, access: Access, anonymous: int, person: int, key: int) -> None:
    found = [await status(access, asking(stand, who)) for who in (None, Principal("ann"), KEY)]
    assert found == [anonymous, person, key]


async def test_a_check_may_wait(stand: Stand) -> None:
    async def later(who: Principal, exchange: Exchange) -> bool:
        return who.id == "ann"

    assert await status(allowed(later), asking(stand, Principal("ann"))) == 0
    assert await status(allowed(later), asking(stand, Principal("eve"))) == 403


@pytest.mark.parametrize("answer", [None, 1, "yes", [7]])
async def test_a_check_that_does_not_say_true_says_no(stand: Stand, answer: object) -> None:
    """A forgotten `return`, or a value that is merely not empty."""
    check = cast(Callable[[Principal, Exchange], bool], lambda who, exchange: answer)
    assert await status(allowed(check), asking(stand, KEY)) == 403


async def test_a_check_that_raises_lets_nobody_in(stand: Stand) -> None:
    def broken(who: Principal, exchange: Exchange) -> bool:
        raise LookupError("no such row")

    with pytest.raises(LookupError):
        await judge(allowed(broken), asking(stand, KEY))


async def refusal_of(access: Access, exchange: Exchange) -> Refuse:
    refusal = await judge(access, exchange)
    assert refusal is not None
    return refusal


async def test_a_401_says_what_would_be_taken(stand: Stand) -> None:
    """RFC 9110, section 15.5.2."""
    assert (await refusal_of(AUTHENTICATED, asking(stand))).headers == ((b"www-authenticate", b"Session"),)

    class Tokens:
        def claims(self, token: str) -> bool:
            return True

        async def verify(self, token: str, exchange: Exchange) -> Principal | Bad:
            return Bad("all of them")

    stand.services.principal = principals(stand.sessions.resolve, Tokens())
    assert (await refusal_of(AUTHENTICATED, asking(stand))).headers == ((b"www-authenticate", b"Bearer"),)


async def test_a_token_without_the_scope_is_told_which(stand: Stand) -> None:
    """RFC 6750, section 3.1."""
    refusal = await refusal_of(scoped("notes:write"), asking(stand, KEY))
    assert refusal.reason is Reason.NOT_ALLOWED
    assert refusal.headers == ((b"www-authenticate", b'Bearer error="insufficient_scope", scope="notes:write"'),)
    assert (await refusal_of(scoped("notes:write"), asking(stand, Principal("ann")))).headers == ()


async def test_a_fresh_log_in_is_asked_for_again(stand: Stand) -> None:
    """RFC 9470, section 3."""
    session, access = await stand.member(), fresh(300)
    assert await status(access, session) == 0
    stand.now += 301
    refusal = await refusal_of(access, session)
    assert (refusal.status, refusal.reason) == (401, Reason.LOGIN_NOT_FRESH)
    assert b'error="insufficient_user_authentication", max_age="300"' in refusal.headers[0][1]
    assert await status(access, asking(stand, KEY)) == 403
    assert await status(access, asking(stand)) == 401


@pytest.mark.parametrize("scopes", [(), ("",), ("two words",), ("a", "b ")])
def test_scopes_are_words(scopes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="words"):
        scoped(*scopes)


def test_never_is_not_fresh() -> None:
    with pytest.raises(ValueError, match="fresher"):
        fresh(0)


def test_a_dependency_of_ones_own_can_be_vouched_for() -> None:
    async def current_user() -> None:
        """Enforces it."""

    marked: Callable[[], Awaitable[None]] = enforces(LOGGED_IN)(current_user)
    assert marked is current_user
    assert getattr(marked, MARK) is LOGGED_IN
