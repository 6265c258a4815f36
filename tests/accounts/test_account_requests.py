"""Sign-up and recovery: the answer says nothing, limits hold, tokens are good once."""

from __future__ import annotations

import asyncio

import pytest

from garrison.accounts.account_requests import AccountRequests, RecoveryTokens
from garrison.core.verdict import Refuse
from garrison.policy.model import LoginSection
from tests.accounts.wiring import World

pytestmark = pytest.mark.anyio


def requests_of(world: World, **section: object) -> AccountRequests:
    chosen = LoginSection.model_validate(section)
    return AccountRequests(world.services, chosen, world.guard(), delay=0.0)


async def nothing() -> None:
    """An account that is not there."""


async def test_the_answer_comes_before_anything_looks_at_the_account() -> None:
    world = World()
    requests = requests_of(world)
    looked: list[str] = []

    async def look() -> None:
        looked.append("ann")

    assert await requests.accept(world.visit(), "ann@example.com", look) is None
    assert looked == []
    await requests.finish()
    assert looked == ["ann"]


async def test_nobodys_mailbox_is_flooded_from_many_addresses() -> None:
    world = World()
    requests = requests_of(world)
    answers = [
        await requests.accept(world.visit(address=f"198.51.100.{number}"), "ann@example.com", nothing)
        for number in range(10)
    ]
    assert [answer is None for answer in answers] == [True] * 3 + [False] * 7
    assert isinstance(answers[-1], Refuse)
    assert answers[-1].status == 429
    await requests.finish()


async def test_one_address_cannot_ask_for_everybody() -> None:
    world = World()
    requests = requests_of(world)
    answers = [await requests.accept(world.visit(), f"person-{n}@example.com", nothing) for n in range(15)]
    assert sum(answer is None for answer in answers) == 10
    await requests.finish()


async def test_the_work_is_bounded() -> None:
    world = World()
    requests = requests_of(world, requests=["100000/minute"])
    hold = asyncio.Event()

    async def slow() -> None:
        await hold.wait()

    answers = [await requests.accept(world.visit(), f"person-{n}@example.com", slow) for n in range(201)]
    refused = answers[-1]
    assert isinstance(refused, Refuse)
    assert refused.status == 503
    assert all(answer is None for answer in answers[:-1])
    hold.set()
    await requests.finish()
    assert await requests.accept(world.visit(), "ann@example.com", nothing) is None
    await requests.finish()


async def test_where_the_next_page_needs_it_the_work_is_done_before_the_answer() -> None:
    world = World()
    requests = requests_of(world)
    done: list[str] = []

    async def write() -> None:
        await asyncio.sleep(0.01)
        done.append("ann")

    assert await requests.accept(world.visit(), "ann@example.com", write, done_first=True) is None
    assert done == ["ann"]


@pytest.mark.parametrize(("work", "least"), [(0.0, 0.25), (0.02, 0.25), (0.26, 0.5)])
async def test_an_answer_after_the_work_leaves_at_a_whole_quarter_of_a_second(work: float, least: float) -> None:
    """OWASP Authentication Cheat Sheet: the time of an answer must not tell a taken address from a new one."""
    world, loop = World(), asyncio.get_running_loop()
    requests = requests_of(world)
    begun = loop.time()
    assert await requests.accept(world.visit(), "ann@example.com", lambda: asyncio.sleep(work), done_first=True) is None
    assert loop.time() - begun >= least - 0.001


async def test_work_before_the_answer_goes_on_when_the_client_leaves() -> None:
    world = World()
    requests = requests_of(world)
    done: list[str] = []
    hold = asyncio.Event()

    async def write() -> None:
        await hold.wait()
        done.append("ann")

    asking = asyncio.create_task(requests.accept(world.visit(), "ann@example.com", write, done_first=True))
    await asyncio.sleep(0)
    asking.cancel()
    hold.set()
    await asyncio.gather(asking, return_exceptions=True)
    await requests.finish()
    assert done == ["ann"]


@pytest.mark.parametrize("done_first", [False, True])
async def test_work_that_fails_is_told_and_changes_no_answer(done_first: bool) -> None:
    world = World()
    requests = requests_of(world)

    async def fail() -> None:
        raise KeyError("ann@example.com")

    assert await requests.accept(world.visit(), "ann@example.com", fail, done_first=done_first) is None
    await requests.finish()
    assert world.events[-1] == ("unhandled_error", {"error": "KeyError", "part": "account request"})


class TestTokens:
    async def test_a_token_is_good_once(self) -> None:
        tokens = RecoveryTokens(World().services, LoginSection())
        token = await tokens.issue("ann-1")
        assert await tokens.holder(token) == "ann-1"
        assert [await tokens.redeem(token) for _ in range(2)] == ["ann-1", None]

    async def test_of_two_who_come_at_once_one_gets_it(self) -> None:
        tokens = RecoveryTokens(World().services, LoginSection())
        token = await tokens.issue("ann-1")
        got = await asyncio.gather(*(tokens.redeem(token) for _ in range(10)))
        assert sorted(got, key=str) == [None] * 9 + ["ann-1"]

    async def test_it_ends_after_a_quarter_of_an_hour(self) -> None:
        world = World()
        tokens = RecoveryTokens(world.services, LoginSection())
        token = await tokens.issue("ann-1")
        world.hands.now += 901
        assert await tokens.redeem(token) is None

    async def test_a_newer_token_ends_the_older_ones_of_the_same_person(self) -> None:
        tokens = RecoveryTokens(World().services, LoginSection())
        first, other, second = await tokens.issue("ann-1"), await tokens.issue("bob-1"), await tokens.issue("ann-1")
        assert [await tokens.redeem(token) for token in (first, other, second)] == [None, "bob-1", "ann-1"]

    @pytest.mark.parametrize("guess", ["", "x", "\ud83d", "x" * 10_000])
    async def test_a_guess_is_nobodys(self, guess: str) -> None:
        assert await RecoveryTokens(World().services, LoginSection()).redeem(guess) is None

    async def test_the_store_never_sees_the_token(self) -> None:
        world = World()
        token = await RecoveryTokens(world.services, LoginSection()).issue("ann-1")
        assert token not in str(vars(world.services.records))
