"""Between the steps of a log-in: known on the server, bound to one browser, for minutes, once."""

from __future__ import annotations

import pytest

from garrison.accounts.second_factor_login import LIFETIME, OwedFactors
from garrison.core.exchange import Principal

from .stand import Stand

pytestmark = pytest.mark.anyio
ANN = Principal("ann", scopes=frozenset({"member"}))


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def owed(stand: Stand) -> OwedFactors:
    return OwedFactors(stand.services)


async def test_who_owes_a_code_is_known_and_not_logged_in(owed: OwedFactors, stand: Stand) -> None:
    first = stand.visit()
    await owed.begin(first, ANN)
    second = await stand.again(first)
    assert second.principal is None
    assert await owed.principal(second) == ANN


async def test_it_is_taken_once(owed: OwedFactors, stand: Stand) -> None:
    first = stand.visit()
    await owed.begin(first, ANN)
    assert await owed.take(await stand.again(first)) == ANN
    assert await owed.take(await stand.again(first)) is None


async def test_it_is_forgotten_after_minutes(owed: OwedFactors, stand: Stand) -> None:
    first = stand.visit()
    await owed.begin(first, ANN)
    stand.now += LIFETIME + 1
    assert await owed.principal(await stand.again(first)) is None


async def test_another_browser_owes_nothing(owed: OwedFactors, stand: Stand) -> None:
    await owed.begin(stand.visit(), ANN)
    assert await owed.principal(stand.visit()) is None
    other = stand.visit()
    stand.sessions.start_presession(other)
    assert await owed.principal(await stand.again(other)) is None


async def test_a_presession_planted_before_the_password_leads_nowhere(owed: OwedFactors, stand: Stand) -> None:
    """Session fixation: the attacker knows the victim's pre-session, the victim types the password."""
    planted = stand.visit()
    stand.sessions.start_presession(planted)
    await owed.begin(await stand.again(planted), ANN)
    assert await owed.principal(await stand.again(planted)) is None


async def test_a_session_can_t_be_had_by_taking_what_was_never_begun(owed: OwedFactors, stand: Stand) -> None:
    assert await owed.take(stand.visit()) is None


async def test_an_application_with_sessions_of_its_own_is_told(owed: OwedFactors, stand: Stand) -> None:
    stand.services.start_presession = None
    with pytest.raises(RuntimeError, match="sessions"):
        await owed.begin(stand.visit(), ANN)
