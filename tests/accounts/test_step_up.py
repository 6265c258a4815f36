"""Fresh log-ins: how long ago this very session saw its owner."""

from __future__ import annotations

import pytest

from garrison.accounts.step_up import Freshness
from garrison.core.exchange import Principal

from .stand import Stand

pytestmark = pytest.mark.anyio


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def fresh(stand: Stand) -> Freshness:
    return Freshness(stand.services)


async def test_a_session_ages_from_its_log_in(fresh: Freshness, stand: Stand) -> None:
    session = await stand.member()
    stand.now += 100
    assert await fresh.age(session) == 100


async def test_use_does_not_make_it_fresh(fresh: Freshness, stand: Stand) -> None:
    session = await stand.member()
    stand.now += 600
    await stand.sessions.resolve(session.facts, session)
    assert await fresh.age(session) == 600


async def test_a_confirmation_does_and_gives_the_session_a_new_id(fresh: Freshness, stand: Stand) -> None:
    session = await stand.member()
    key = session.session
    stand.now += 600
    assert await fresh.confirm(session)
    assert session.session != key
    after = await stand.again(session)
    stand.now += 5
    assert after.principal == Principal("ann")
    assert await fresh.age(after) == 5


async def test_a_confirmation_is_of_one_session(fresh: Freshness, stand: Stand) -> None:
    """A thief's session gains nothing when the owner logs in again elsewhere."""
    stolen, own = await stand.member(), await stand.member()
    stand.now += 600
    await fresh.confirm(own)
    assert await fresh.age(stolen) == 600


async def test_nobody_and_keys_are_never_fresh(fresh: Freshness, stand: Stand) -> None:
    assert await fresh.age(stand.visit()) is None
    assert not await fresh.confirm(stand.visit())
    machine = stand.visit()
    machine.principal = Principal("ann", kind="api-key")
    assert await fresh.age(machine) is None
    assert not await fresh.confirm(machine)


async def test_a_key_beside_somebody_s_session_does_not_borrow_its_freshness(fresh: Freshness, stand: Stand) -> None:
    session = await stand.member("ann")
    session.principal = Principal("bob", kind="api-key")
    assert await fresh.age(session) is None


async def test_a_session_that_was_ended_is_not_fresh(fresh: Freshness, stand: Stand) -> None:
    session = await stand.member()
    await stand.sessions.revoke_all("ann")
    assert await fresh.age(session) is None
    assert not await fresh.confirm(session)
