"""The log-in guard: counters, waits, device cookies, locks; the same for accounts that do not exist."""

from __future__ import annotations

import asyncio

import pytest

from garrison.accounts.attempt import Attempt
from garrison.accounts.login import LoginGuard
from garrison.accounts.pool import HashingBusy
from garrison.core.errors import DependencyError
from garrison.core.exchange import Exchange, Principal
from garrison.core.ports import Quota, Taken
from garrison.core.verdict import Refuse
from garrison.stores.memory import MemoryCounters
from tests.accounts.wiring import KEY, World, cookie_named

pytestmark = pytest.mark.anyio

ANN = Principal("ann-1")
DEVICE = b"__Host-device"


@pytest.fixture
def world() -> World:
    return World()


async def attempt(guard: LoginGuard, exchange: Exchange, login: str = "ann@example.com") -> Attempt:
    found = await guard.begin(exchange, login)
    assert isinstance(found, Attempt), found
    return found


async def fail(guard: LoginGuard, exchange: Exchange, login: str = "ann@example.com") -> Refuse | float:
    found = await guard.begin(exchange, login)
    return found if isinstance(found, Refuse) else await found.fail()


async def log_in(guard: LoginGuard, exchange: Exchange, login: str = "ann@example.com") -> bytes:
    """A complete log-in; the device cookie."""
    await (await attempt(guard, exchange, login)).succeed(ANN)
    return cookie_named(exchange, DEVICE)


async def test_five_failures_are_free_and_the_sixth_waits(world: World) -> None:
    guard = world.guard()
    outcomes = [await fail(guard, world.visit()) for _ in range(6)]
    assert outcomes[:4] == [0.0] * 4
    assert outcomes[4] == pytest.approx(30.0)
    refusal = outcomes[5]
    assert isinstance(refusal, Refuse)
    assert (refusal.status, refusal.retry_after) == (429, 30)
    assert refusal.hint == "Too many failed attempts. Try again in 30 seconds."
    world.hands.now += 30
    assert isinstance(await fail(guard, world.visit()), float)


async def test_fifty_parallel_attempts_get_no_more_than_the_free_ones(world: World) -> None:
    guard = world.guard()
    begun = await asyncio.gather(*(guard.begin(world.visit(), "ann@example.com") for _ in range(50)))
    assert sum(isinstance(one, Attempt) for one in begun) == 5


async def test_fifty_parallel_attempts_from_fifty_addresses_get_no_more_than_the_accounts_free_ones(
    world: World,
) -> None:
    guard = world.guard()
    visits = [world.visit(address=f"198.51.100.{number}") for number in range(50)]
    begun = await asyncio.gather(*(guard.begin(visit, "ann@example.com") for visit in visits))
    assert sum(isinstance(one, Attempt) for one in begun) == 20


async def test_success_gives_the_attempt_back_and_forgets_the_failures_from_here(world: World) -> None:
    guard = world.guard()
    for _ in range(4):
        await fail(guard, world.visit())
    await log_in(guard, world.visit())
    assert [await fail(guard, world.visit()) for _ in range(4)] == [0.0] * 4


async def test_success_leaves_the_failures_of_other_addresses_counted(world: World) -> None:
    """NIST SP 800-63B-4, 3.2.2: disregard previous failed attempts from the same IP address, no others."""
    guard = world.guard()
    for number in range(19):
        await fail(guard, world.visit(address=f"198.51.100.{number}"))
    await log_in(guard, world.visit())
    assert isinstance(await fail(guard, world.visit(address="198.51.100.77")), float)
    assert isinstance(await fail(guard, world.visit(address="198.51.100.78")), Refuse)


async def test_a_hundred_log_ins_from_one_office_lock_nobody_out(world: World) -> None:
    guard = world.guard()
    for number in range(100):
        await log_in(guard, world.visit(), f"person-{number}@example.com")


async def test_an_address_that_fails_at_many_accounts_has_to_wait(world: World) -> None:
    guard = world.guard()
    outcomes = [await fail(guard, world.visit(), f"person-{number}@example.com") for number in range(21)]
    assert [isinstance(one, Refuse) for one in outcomes] == [False] * 20 + [True]
    assert isinstance(await guard.begin(world.visit(address="198.51.100.1"), "person-30@example.com"), Attempt)


async def test_one_slash_48_of_ipv6_cannot_go_on_for_ever_with_new_networks(world: World) -> None:
    guard = world.guard()
    outcomes = [
        await fail(guard, world.visit(address=f"2001:db8:1:{number:x}::1"), f"person-{number}@example.com")
        for number in range(200)
    ]
    assert sum(isinstance(one, float) for one in outcomes) == 160


async def test_an_address_cannot_clear_its_count_by_logging_in_to_an_account_of_its_own(world: World) -> None:
    guard = world.guard()
    for number in range(19):
        await fail(guard, world.visit(), f"person-{number}@example.com")
    for _ in range(5):
        await log_in(guard, world.visit(), "mallory@example.com")
    assert isinstance(await fail(guard, world.visit(), "person-50@example.com"), float)
    assert isinstance(await fail(guard, world.visit(), "person-51@example.com"), Refuse)


async def test_after_a_hundred_failures_an_account_takes_no_new_devices_until_it_is_recovered(world: World) -> None:
    """NIST SP 800-63B-4, 3.2.2: no more than 100 consecutive failed attempts on a single account."""
    guard = world.guard()
    failures = 0
    for number in range(2000):
        outcome = await fail(guard, world.visit(address=f"10.{number >> 8}.{number & 255}.1"))
        failures += isinstance(outcome, float)
        world.hands.now += 3601
        if isinstance(outcome, Refuse):
            break
    assert failures == 100
    world.hands.now += 30 * 86400
    refusal = await guard.begin(world.visit(), "ann@example.com")
    assert isinstance(refusal, Refuse)
    assert "Recover" in refusal.hint
    assert world.names.count("authn_login_lock") == 1
    await guard.password_changed(world.visit(), "ann@example.com", ANN, recovered=True)
    assert isinstance(await guard.begin(world.visit(), "ann@example.com"), Attempt)


async def test_a_lock_survives_counters_that_were_lost(world: World) -> None:
    guard = world.guard(failures=10, free=10, account_free=10)
    for _ in range(10):
        await fail(guard, world.visit())
    world.services.counters = MemoryCounters(world.hands.clock, max_keys=1000)
    again = world.guard(failures=10, free=10, account_free=10)
    assert isinstance(await again.begin(world.visit(), "ann@example.com"), Refuse)


async def test_a_second_factor_opens_a_locked_account_for_who_has_it(world: World) -> None:
    guard = world.guard(failures=10, free=10, account_free=10)
    for _ in range(10):
        await fail(guard, world.visit())
    world.hands.now += 3600
    found = await guard.begin(world.visit(), "ann@example.com", vouched=True)
    assert isinstance(found, Attempt)
    await found.fail()
    assert isinstance(await guard.begin(world.visit(), "ann@example.com"), Refuse), "a failure opens nothing"
    world.hands.now += 3600
    found = await guard.begin(world.visit(), "ann@example.com", vouched=True)
    assert isinstance(found, Attempt)
    await found.succeed(ANN)
    assert isinstance(await guard.begin(world.visit(), "ann@example.com"), Attempt)


async def test_the_owners_device_gets_in_while_others_attack(world: World) -> None:
    guard = world.guard()
    device = await log_in(guard, world.visit())
    for number in range(60):
        await fail(guard, world.visit(address=f"198.51.100.{number}"))
    for _ in range(10):
        await fail(guard, world.visit())  # a guesser behind the owner's own address
    assert isinstance(await guard.begin(world.visit(), "ann@example.com"), Refuse), "control: without the cookie"
    found = await attempt(guard, world.visit(device))
    assert found.trusted
    await found.succeed(ANN)


async def test_a_device_cookie_is_good_for_its_own_account_alone(world: World) -> None:
    guard = world.guard()
    device = await log_in(guard, world.visit())
    assert (await attempt(guard, world.visit(device), " ANN@Example.com ")).trusted
    assert not (await attempt(guard, world.visit(device), "bob@example.com")).trusted


async def test_a_device_is_distrusted_after_ten_failures_and_has_waits_of_its_own(world: World) -> None:
    guard = world.guard()
    device = await log_in(guard, world.visit())
    failures = 0
    for _ in range(10_000):
        found = await guard.begin(world.visit(device), "ann@example.com")
        if isinstance(found, Refuse):
            assert failures >= 5
            world.hands.now += found.retry_after or 0
            continue
        if not found.trusted:
            await found.release()
            break
        await found.fail()
        failures += 1
    assert failures == 10
    world.hands.now += 7 * 86400
    assert not (await attempt(guard, world.visit(device))).trusted, "revoked for good"


async def test_fifty_parallel_attempts_with_a_stolen_device_cookie_get_no_more_than_the_free_ones(
    world: World,
) -> None:
    guard = world.guard()
    device = await log_in(guard, world.visit())
    begun = await asyncio.gather(*(guard.begin(world.visit(device), "ann@example.com") for _ in range(50)))
    assert sum(isinstance(one, Attempt) for one in begun) == 5


@pytest.mark.parametrize("change", ["tag", "id", "issued", "empty", "long", "twice", "bytes"])
async def test_a_device_cookie_that_we_did_not_issue_is_nothing(world: World, change: str) -> None:
    guard = world.guard()
    device = await log_in(guard, world.visit())
    name, _, rest = device.partition(b"=")
    identifier, issued, tag = rest.split(b";")[0].split(b".", 2)
    changed = {
        "tag": [b".".join((identifier, issued, tag[:-1] + (b"A" if tag[-1:] != b"A" else b"B")))],
        "id": [b".".join((identifier[::-1], issued, tag))],
        "issued": [b".".join((identifier, b"%d" % (int(issued) + 1), tag))],
        "empty": [b""], "long": [b"a" * 5000], "bytes": [b"\xff.\xff.\xff"],
        "twice": [b".".join((identifier, issued, tag))] * 2,
    }[change]  # fmt: skip
    found = await attempt(guard, world.visit(*(name + b"=" + value for value in changed)))
    assert not found.trusted


async def test_the_device_cookie_is_host_bound_and_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    device = await log_in(world.guard(), world.visit())
    for attribute in (b"; Secure", b"; HttpOnly", b"; SameSite=Strict", b"; Path=/", b"; Max-Age="):
        assert attribute in device
    assert b"ann" not in device
    assert b"Domain" not in device


async def test_device_cookies_outlive_a_rotation_of_keys_and_end_with_their_time(world: World) -> None:
    device = await log_in(world.guard(), world.visit())
    rotated = World(world.services.records, keys=(b"n" * 32, KEY))
    guard = rotated.guard()
    assert (await attempt(guard, rotated.visit(device))).trusted
    rotated.hands.now += 181 * 86400
    assert not (await attempt(guard, rotated.visit(device))).trusted


async def test_a_new_password_makes_other_devices_and_sessions_worthless(world: World) -> None:
    guard = world.guard()
    thief = await log_in(guard, world.visit())
    world.hands.now += 60
    owner = world.visit()
    await (await attempt(guard, owner)).succeed(ANN)
    await guard.password_changed(owner, "ann@example.com", ANN)
    assert not (await attempt(guard, world.visit(thief))).trusted
    assert (await attempt(guard, world.visit(cookie_named(owner, DEVICE)))).trusted
    assert len(await world.services.records.find("session", "principal", ANN.id)) == 1  # type: ignore[union-attr]
    assert world.names.count("authn_password_change") == 1
    assert "session_rotated" in world.names


async def test_accounts_that_do_not_exist_are_refused_with_the_same_words_at_the_same_time(world: World) -> None:
    """The guard is never told whether there is an account; this is what that looks like from outside."""
    guard = world.guard()
    known = [await fail(guard, world.visit(address="198.51.100.1"), "ann@example.com") for _ in range(7)]
    unknown = [await fail(guard, world.visit(address="198.51.100.2"), "nobody@example.com") for _ in range(7)]
    assert known == unknown


@pytest.mark.parametrize("spelling", ["ANN@EXAMPLE.COM", "  ann@example.com\t", "ａｎｎ@example.com"])
async def test_other_spellings_of_a_login_share_its_count(world: World, spelling: str) -> None:
    guard = world.guard()
    for _ in range(5):
        await fail(guard, world.visit())
    assert isinstance(await guard.begin(world.visit(), spelling), Refuse)


@pytest.mark.parametrize("strange", ["", "\0", "\ud83d", "x" * 100_000, "a|b", "ann@example.com\u200b"])
async def test_any_text_can_be_tried_as_a_login(world: World, strange: str) -> None:
    guard = world.guard()
    assert await fail(guard, world.visit(), strange) == 0.0
    assert isinstance(await guard.begin(world.visit(), "ann@example.com"), Attempt)


async def test_neither_store_nor_events_hold_the_login(world: World) -> None:
    guard = world.guard(failures=10, free=10, account_free=10)
    for _ in range(11):
        await fail(guard, world.visit(), "ann@example.com")
    await log_in(guard, world.visit(), "bob@example.com")
    kept = str(vars(world.services.records)) + str(world.services.counters._shards) + str(world.events)  # type: ignore[union-attr]
    assert "@example.com" not in kept
    assert "ann-1" in kept, "control: what is kept can be seen this way"


async def test_spraying_makes_untrusted_devices_wait_after_one_attempt_and_trusted_ones_not(world: World) -> None:
    guard = world.guard(spray="30/minute")
    device = await log_in(guard, world.visit())
    assert [await fail(guard, world.visit(), "carl@example.com") for _ in range(2)] == [0.0, 0.0], "control: before"
    for number in range(40):
        await fail(guard, world.visit(address=f"198.51.{number}.1"), f"person-{number}@example.com")
    assert isinstance(await fail(guard, world.visit(), "dora@example.com"), float)
    assert isinstance(await fail(guard, world.visit(), "dora@example.com"), Refuse)
    for _ in range(3):
        assert isinstance(await fail(guard, world.visit(device)), float)
    assert next(d for n, d in world.events if n == "authn_login_fail_max")["scope"] == "everywhere"


class TestHowAttemptsEnd:
    async def test_left_without_a_word_it_has_failed(self, world: World) -> None:
        guard = world.guard()
        for _ in range(5):
            async with await attempt(guard, world.visit()):
                pass
        assert isinstance(await guard.begin(world.visit(), "ann@example.com"), Refuse)
        assert world.names.count("authn_login_fail") == 5

    async def test_when_nothing_could_be_tried_nothing_is_counted(self, world: World) -> None:
        guard = world.guard()
        for _ in range(20):
            with pytest.raises(HashingBusy):
                async with await attempt(guard, world.visit()):
                    raise HashingBusy(1)
        assert "authn_login_fail" not in world.names

    async def test_an_error_of_the_application_is_no_free_attempt(self, world: World) -> None:
        guard = world.guard()
        for _ in range(5):
            with pytest.raises(KeyError):
                async with await attempt(guard, world.visit()):
                    raise KeyError
        assert isinstance(await guard.begin(world.visit(), "ann@example.com"), Refuse)

    async def test_a_client_that_leaves_during_the_hash_gets_no_free_attempt(self, world: World) -> None:
        guard = world.guard()

        async def slow() -> None:
            async with await attempt(guard, world.visit()):
                await asyncio.sleep(60)

        for _ in range(5):
            task = asyncio.create_task(slow())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        assert isinstance(await guard.begin(world.visit(), "ann@example.com"), Refuse)

    async def test_a_right_password_before_the_second_factor_costs_nothing_and_clears_nothing(
        self, world: World
    ) -> None:
        guard = world.guard()
        for _ in range(3):
            await fail(guard, world.visit())
        for _ in range(10):
            await (await attempt(guard, world.visit())).accept()
        assert await fail(guard, world.visit()) == 0.0
        assert await fail(guard, world.visit()) == pytest.approx(30.0)

    async def test_a_session_that_could_not_begin_is_no_log_in(self, world: World) -> None:
        guard = world.guard()
        found = await attempt(guard, world.visit())

        async def away(exchange: Exchange, principal: Principal) -> None:
            raise DependencyError("away")

        world.services.sessions.log_in = away  # type: ignore[union-attr,method-assign]
        with pytest.raises(DependencyError):
            async with found:
                await found.succeed(ANN)
        assert found.is_settled
        assert "authn_login_success" not in world.names


async def test_events_tell_success_failure_and_success_after_failure(world: World) -> None:
    guard = world.guard()
    await log_in(guard, world.visit())
    await fail(guard, world.visit())
    await log_in(guard, world.visit())
    told = [name for name in world.names if name.startswith("authn")]
    assert told == ["authn_login_success", "authn_login_fail", "authn_login_successafterfail"]
    accounts = {details.get("account") for name, details in world.events if name.startswith("authn")}
    assert len(accounts) == 1, "one short name for one account"


class Away:
    """A shared store that comes and goes."""

    local = False

    def __init__(self, inner: MemoryCounters) -> None:
        self.inner = inner
        self.is_away = False

    async def take(self, charges: list[tuple[Quota, str]], cost: int = 1) -> list[Taken]:
        if self.is_away:
            raise DependencyError("away")
        return list(self.inner.take(charges, cost))

    async def give_back(self, charges: list[tuple[Quota, str]], cost: int = 1) -> None:
        if self.is_away:
            raise DependencyError("away")
        self.inner.give_back(charges, cost)

    async def forget(self, quota: Quota, key: str) -> None:
        self.inner.forget(quota, key)


async def test_without_the_shared_store_local_and_stricter_counters_hold(world: World) -> None:
    assert isinstance(world.services.counters, MemoryCounters)
    store = Away(world.services.counters)
    world.services.counters = store  # type: ignore[assignment]
    guard = world.guard()
    assert isinstance(await fail(guard, world.visit()), float)
    store.is_away = True
    outcomes = [await fail(guard, world.visit(), "carl@example.com") for _ in range(5)]
    assert [isinstance(one, float) for one in outcomes] == [True, False, False, False, False]
    await log_in(guard, world.visit(), "dora@example.com")
    assert world.names.count("service_degraded") == 1
    store.is_away = False
    assert isinstance(await fail(guard, world.visit(), "carl@example.com"), float)
    assert world.names.count("service_recovered") == 1
