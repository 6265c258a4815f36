"""Sessions: opaque, server-side, signed; new at log-in, gone at log-out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from garrison.accounts.sessions import Sessions
from garrison.core.clock import Clock
from garrison.core.errors import DependencyError
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.core.ports import Detail, Services
from garrison.policy.model import SessionSection
from garrison.secrets.keyring import Keyring
from garrison.stores.records import MemoryRecords
from garrison.stores.sqlite import SqliteRecords
from tests.accounts.wiring import World, cookie_named
from tests.contracts.hands import Hands
from tests.support.facts import make_facts

pytestmark = pytest.mark.anyio

ALICE = Principal("alice", scopes=frozenset({"notes:write"}))
SECTION = SessionSection()
NAME = b"__Host-session"
OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32
DESK = b"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
PHONE = b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36"


class Time:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    @property
    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, wall=lambda: self.now)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def services(time: Time, events: list[str]) -> Services:
    def emit(name: str, facts: Facts | None = None, /, **details: Detail) -> None:
        events.append(str(name))

    return Services(
        clock=time.clock,
        emit=emit,
        records=MemoryRecords(time.clock, max_records=1000),
        signer=Keyring([b"k" * 31 + b"1"]).signer,
    )


@pytest.fixture
def sessions(services: Services) -> Sessions:
    return Sessions(services, SECTION)


def with_cookies(*lines: bytes) -> Facts:
    """The next request of a browser that kept the cookies of `lines`."""
    pairs = b"; ".join(line.split(b";")[0] for line in lines)
    return make_facts(headers=[(b"cookie", pairs)] if pairs else [])


def visit(facts: Facts, services: Services) -> Exchange:
    return Exchange(facts, services)


async def logged_in(sessions: Sessions, services: Services) -> bytes:
    exchange = visit(make_facts(), services)
    await sessions.log_in(exchange, ALICE)
    assert exchange.cookies is not None
    return exchange.cookies[-1]


async def who(sessions: Sessions, services: Services, facts: Facts) -> Principal | None:
    return await sessions.resolve(facts, visit(facts, services))


async def test_a_session_is_found_again_by_its_cookie(sessions: Sessions, services: Services) -> None:
    cookie = await logged_in(sessions, services)
    assert await who(sessions, services, with_cookies(cookie)) == ALICE


async def test_who_is_known_is_told_at_once_as_long_as_nothing_has_changed(
    sessions: Sessions, services: Services
) -> None:
    cookie = await logged_in(sessions, services)

    line = (b"cookie", cookie.split(b";")[0])

    def tell(agent: bytes = b"one", *beside: tuple[bytes, bytes]) -> Any:
        facts = make_facts(headers=[*beside, line, (b"user-agent", agent)])
        return sessions.tell(facts, visit(facts, services))

    assert await tell() == ALICE
    assert tell() == ALICE
    assert tell(b"one", line) is None  # a line that is known, but not alone: two session cookies are none
    assert await tell(b"another") == ALICE  # the record is read, and the change told
    assert services.records is not None
    (record,) = await services.records.find("session", "principal", "alice")
    await services.records.delete("session", record.id)
    assert await tell(b"another") is None  # an ended session is remembered by nobody


async def test_the_cookie_is_host_bound_secure_and_out_of_reach_of_scripts(
    sessions: Sessions, services: Services
) -> None:
    cookie = await logged_in(sessions, services)
    assert cookie.startswith(b"__Host-session=")
    for attribute in (b"; Secure", b"; HttpOnly", b"; SameSite=Lax", b"; Path=/"):
        assert attribute in cookie
    assert b"Domain" not in cookie


async def test_the_store_never_sees_what_is_in_the_cookie(sessions: Sessions, services: Services) -> None:
    cookie = await logged_in(sessions, services)
    identifier = cookie.split(b"=")[1].split(b".")[1].decode()
    assert services.records is not None
    (record,) = await services.records.find("session", "principal", "alice")
    assert identifier not in record.id
    assert identifier not in str(record.data)


async def test_log_in_makes_a_new_id_whatever_the_request_brought(sessions: Sessions, services: Services) -> None:
    """Session fixation: the attacker knows the id the victim logs in with."""
    known = await logged_in(sessions, services)
    exchange = visit(with_cookies(known), services)
    await sessions.log_in(exchange, Principal("victim"))
    assert exchange.cookies is not None
    assert exchange.cookies[-1] != known
    assert await who(sessions, services, with_cookies(known)) is None, "the id known before must not live on"


async def test_an_id_that_we_did_not_sign_is_nobody(sessions: Sessions, services: Services) -> None:
    forged = b"__Host-session=s.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.00.AAAA"
    assert sessions.session_id(with_cookies(forged)) is None
    assert await who(sessions, services, with_cookies(forged)) is None


async def test_a_presession_cannot_be_presented_as_a_session(sessions: Sessions, services: Services) -> None:
    exchange = visit(make_facts(), services)
    sessions.start_presession(exchange)
    assert exchange.cookies is not None
    line = exchange.cookies[-1]
    assert sessions.session_id(with_cookies(line)) == exchange.session, "control: as a pre-session it holds"
    promoted = line.replace(b"=p.", b"=s.", 1)
    assert sessions.session_id(with_cookies(promoted)) is None


async def test_two_session_cookies_are_none(sessions: Sessions, services: Services) -> None:
    """Cookie tossing: a sibling site adds a second cookie of the name."""
    mine, tossed = await logged_in(sessions, services), await logged_in(sessions, services)
    assert sessions.session_id(with_cookies(tossed, mine)) is None
    assert sessions.session_id(with_cookies(mine)) is not None


async def test_replay_after_log_out_is_nobody(sessions: Sessions, services: Services) -> None:
    cookie = await logged_in(sessions, services)
    exchange = visit(with_cookies(cookie), services)
    await sessions.log_out(exchange)
    assert exchange.cookies is not None
    assert b"Max-Age=0" in exchange.cookies[-1]
    assert exchange.login == "out"
    assert await who(sessions, services, with_cookies(cookie)) is None


async def test_a_pre_session_is_no_session_whoever_asks(sessions: Sessions, services: Services) -> None:
    """Anybody gets one with a form: it must not make a stranger somebody, when room is short (`layers/load`)."""
    form = visit(make_facts(), services)
    sessions.start_presession(form)
    assert form.cookies is not None
    before = with_cookies(form.cookies[-1])
    assert sessions.session_id(before) is not None
    assert not sessions.has_session(before)
    assert sessions.has_session(with_cookies(await logged_in(sessions, services)))
    assert not sessions.has_session(make_facts())


async def test_an_idle_session_ends(sessions: Sessions, services: Services, time: Time) -> None:
    cookie = await logged_in(sessions, services)
    time.now += SECTION.idle + 1
    assert await who(sessions, services, with_cookies(cookie)) is None


async def test_use_keeps_a_session_alive_but_not_beyond_its_absolute_life(
    sessions: Sessions, services: Services, time: Time
) -> None:
    cookie = await logged_in(sessions, services)
    begun = time.now
    while time.now - begun < SECTION.absolute - SECTION.idle:
        time.now += SECTION.idle - 1
        assert await who(sessions, services, with_cookies(cookie)) == ALICE
    time.now = begun + SECTION.absolute + 1
    assert await who(sessions, services, with_cookies(cookie)) is None


@pytest.mark.parametrize("idle", [5, 60, 90, 1800])
async def test_use_keeps_a_session_alive_however_short_it_may_be_idle(idle: float) -> None:
    world = World()
    sessions = world.sessions(idle=idle)
    visit = world.visit()
    await visit.log_in(ALICE)
    cookie = cookie_named(visit, NAME)
    for _ in range(20):
        world.hands.now += idle * 0.9
        for _ in range(2):
            assert await who_is(sessions, world, cookie) == ALICE
            world.hands.now += idle * 0.01
    world.hands.now += idle + 0.1
    assert await who_is(sessions, world, cookie) is None, "control"


async def test_an_active_session_costs_a_write_a_minute_not_one_per_request(
    sessions: Sessions, services: Services, time: Time
) -> None:
    cookie = await logged_in(sessions, services)
    assert services.records is not None
    for _ in range(10):
        time.now += 1
        await who(sessions, services, with_cookies(cookie))
    (record,) = await services.records.find("session", "principal", "alice")
    assert record.version == 1
    time.now += 60
    await who(sessions, services, with_cookies(cookie))
    (record,) = await services.records.find("session", "principal", "alice")
    assert record.version == 2


async def test_when_the_store_is_away_the_principal_is_unknown_not_anonymous(services: Services, time: Time) -> None:
    class Away(MemoryRecords):
        async def get(self, kind: str, id: str) -> None:
            raise DependencyError("away")

    services.records = Away(time.clock, max_records=1000)
    sessions = Sessions(services, SECTION)
    cookie = await logged_in(sessions, services)
    with pytest.raises(DependencyError):
        await who(sessions, services, with_cookies(cookie))


async def test_broken_cookies_raise_nothing(sessions: Sessions, services: Services) -> None:
    for value in (b"", b"s", b"s.", b"s..", b"s.\xff.\xff", b"s." + b"a" * 5000 + b".x", b"=;;=", b"\x00"):
        assert sessions.session_id(with_cookies(b"__Host-session=" + value)) is None


async def test_beginning_and_end_of_a_session_are_events(
    sessions: Sessions, services: Services, events: list[str]
) -> None:
    cookie = await logged_in(sessions, services)
    await sessions.log_out(visit(with_cookies(cookie), services))
    assert events == ["session_created", "session_ended"]


class TestRenewal:
    """OWASP ASVS 5.0, 7.2.4: a new id at authentication and at every change of privilege."""

    async def test_a_renewed_session_has_a_new_id_and_the_old_one_is_nobody(self) -> None:
        world = World()
        sessions = world.sessions()
        first = world.visit()
        await first.log_in(ALICE)
        before = cookie_named(first, NAME)
        exchange = world.visit(before)
        await sessions.resolve(exchange.facts, exchange)
        assert await exchange.renew_session()
        after = cookie_named(exchange, NAME)
        assert await who_is(sessions, world, before) is None
        assert await who_is(sessions, world, after) == ALICE
        assert exchange.login == "in", "the CSRF layer writes a token for the new id"
        assert world.names.count("session_rotated") == 1

    async def test_new_rights_come_with_it(self) -> None:
        world = World()
        sessions = world.sessions()
        exchange = world.visit()
        await exchange.log_in(ALICE)
        admin = Principal("alice", scopes=frozenset({"notes:write", "admin"}))
        assert await exchange.renew_session(admin)
        assert exchange.principal == admin
        assert await who_is(sessions, world, cookie_named(exchange, NAME)) == admin

    async def test_it_does_not_prolong_the_absolute_lifetime(self) -> None:
        world = World()
        sessions = world.sessions(idle="12 hours", absolute="12 hours")
        exchange = world.visit()
        await exchange.log_in(ALICE)
        world.hands.now += 11 * 3600
        assert await exchange.renew_session()
        assert await who_is(sessions, world, cookie_named(exchange, NAME)) == ALICE
        world.hands.now += 3601
        assert await who_is(sessions, world, cookie_named(exchange, NAME)) is None

    async def test_where_there_is_no_session_there_is_nothing_to_renew(self) -> None:
        world = World()
        world.sessions()
        assert not await world.visit().renew_session()
        exchange = world.visit()
        await exchange.log_in(ALICE)
        gone = world.visit(cookie_named(exchange, NAME))
        await exchange.log_out()
        assert not await gone.renew_session()
        assert gone.cookies is None

    async def test_a_session_that_is_revoked_at_the_same_moment_stays_revoked(self) -> None:
        world = World()
        sessions = world.sessions()
        exchange = world.visit()
        await exchange.log_in(ALICE)
        records = world.services.records
        assert records is not None
        put = records.put

        async def put_and_revoke(*args: Any, **options: Any) -> Any:
            done = await put(*args, **options)
            assert await records.delete("session", str(exchange.session))
            return done

        records.put = put_and_revoke  # type: ignore[method-assign]
        assert not await exchange.renew_session()
        assert await sessions.list("alice") == []


class TestManySessions:
    async def test_a_user_sees_and_ends_single_sessions(self) -> None:
        world = World()
        sessions = world.sessions()
        desk, phone = world.visit(agent=DESK), world.visit(agent=PHONE, address="198.51.100.7")
        await desk.log_in(ALICE)
        world.hands.now += 5
        await phone.log_in(ALICE)
        await world.visit().log_in(Principal("bob"))
        listed = await sessions.list("alice", desk)
        assert [(one.agent, one.network, one.is_current) for one in listed] == [
            ("Firefox on Linux", "203.0.113.0/24", True), ("Chrome on Android", "198.51.100.0/24", False),
        ]  # fmt: skip
        assert await sessions.revoke("alice", listed[1].handle)
        assert not await sessions.revoke("alice", listed[1].handle), "it is gone"
        assert await who_is(sessions, world, cookie_named(phone, NAME)) is None
        assert await who_is(sessions, world, cookie_named(desk, NAME)) == ALICE

    async def test_a_handle_names_a_session_to_its_owner_alone(self) -> None:
        world = World()
        sessions = world.sessions()
        exchange = world.visit()
        await exchange.log_in(ALICE)
        (listed,) = await sessions.list("alice")
        assert not await sessions.revoke("bob", listed.handle)
        assert listed.handle not in str(exchange.session)
        assert str(exchange.session) not in str(listed)

    async def test_sign_out_everywhere_keeps_the_session_that_asks(self) -> None:
        world = World()
        sessions = world.sessions(most=0)
        visits = [world.visit() for _ in range(250)]
        for visit in visits:
            await visit.log_in(ALICE)
        assert await sessions.revoke_all("alice", keep=visits[7]) == 249
        assert [one.is_current for one in await sessions.list("alice", visits[7])] == [True]
        assert await sessions.revoke_all("alice") == 1
        assert await sessions.list("alice") == []

    async def test_of_too_many_sessions_the_one_unused_for_longest_ends(self) -> None:
        world = World()
        sessions = world.sessions(most=3)
        cookies = []
        for _ in range(3):
            visit = world.visit()
            await visit.log_in(ALICE)
            cookies.append(cookie_named(visit, NAME))
            world.hands.now += 100
        assert await who_is(sessions, world, cookies[0]) == ALICE  # used again: the second is the idlest now
        last = world.visit()
        await last.log_in(ALICE)
        alive = [await who_is(sessions, world, cookie) is not None for cookie in (*cookies, cookie_named(last, NAME))]
        assert alive == [True, False, True, True]
        assert [d["cause"] for n, d in world.events if n == "session_expired"] == ["limit"]

    async def test_sessions_that_are_over_are_not_listed(self) -> None:
        world = World()
        sessions = world.sessions()
        await world.visit().log_in(ALICE)
        world.hands.now += SECTION.idle + 1
        assert await sessions.list("alice") == []


class TestChangesOfPlace:
    async def test_another_browser_is_told_once_and_logs_nobody_out(self) -> None:
        world = World()
        sessions = world.sessions()
        exchange = world.visit(agent=DESK)
        await exchange.log_in(ALICE)
        cookie = cookie_named(exchange, NAME)
        for _ in range(5):
            thief = world.visit(cookie, agent=PHONE, address="198.51.100.7")
            assert await sessions.resolve(thief.facts, thief) == ALICE
            owner = world.visit(cookie, agent=DESK)
            assert await sessions.resolve(owner.facts, owner) == ALICE
        (told,) = [details for name, details in world.events if name == "session_changed"]
        assert (told["changed"], told["began_with"], told["now_with"], told["severity"]) == (
            "browser", "Firefox on Linux", "Chrome on Android", "warning",
        )  # fmt: skip

    async def test_another_network_alone_is_told_more_quietly(self) -> None:
        world = World()
        sessions = world.sessions()
        exchange = world.visit(agent=DESK)
        await exchange.log_in(ALICE)
        moved = world.visit(cookie_named(exchange, NAME), agent=DESK, address="198.51.100.7")
        assert await sessions.resolve(moved.facts, moved) == ALICE
        (told,) = [details for name, details in world.events if name == "session_changed"]
        assert (told["changed"], told["severity"]) == ("network", "notice")

    async def test_the_same_place_is_no_event(self) -> None:
        world = World()
        sessions = world.sessions()
        exchange = world.visit(agent=DESK)
        await exchange.log_in(ALICE)
        again = world.visit(cookie_named(exchange, NAME), agent=DESK, address="203.0.113.77")
        await sessions.resolve(again.facts, again)
        assert "session_changed" not in world.names


async def test_the_use_of_a_session_that_is_over_is_told_once() -> None:
    world = World()
    sessions = world.sessions()
    exchange = world.visit()
    await exchange.log_in(ALICE)
    cookie = cookie_named(exchange, NAME)
    world.hands.now += SECTION.idle + 1
    for _ in range(5):
        assert await who_is(sessions, world, cookie) is None
    assert world.names == ["session_created", "session_expired", "session_use_after_expire"]


async def test_rotating_the_signing_key_logs_nobody_out_until_the_old_key_is_taken_away() -> None:
    world = World(keys=(OLD_KEY,))
    world.sessions()
    exchange = world.visit()
    await exchange.log_in(ALICE)
    cookie = cookie_named(exchange, NAME)
    rotated = World(world.services.records, keys=(NEW_KEY, OLD_KEY))
    sessions = rotated.sessions()
    assert await who_is(sessions, rotated, cookie) == ALICE
    renewed = rotated.visit(cookie)
    assert await renewed.renew_session()
    done = World(world.services.records, keys=(NEW_KEY,))
    sessions = done.sessions()
    assert await who_is(sessions, done, cookie) is None
    assert await who_is(sessions, done, cookie_named(renewed, NAME)) == ALICE


async def test_sessions_survive_a_restart_on_the_embedded_store(tmp_path: Path) -> None:
    hands = Hands(1_800_000_000.0)
    records = SqliteRecords(tmp_path / "records.db", hands.clock, max_records=1000)
    world = World(records)
    world.sessions()
    exchange = world.visit()
    await exchange.log_in(ALICE)
    await records.close()
    again = SqliteRecords(tmp_path / "records.db", hands.clock, max_records=1000)
    restarted = World(again)
    sessions = restarted.sessions()
    assert await who_is(sessions, restarted, cookie_named(exchange, NAME)) == ALICE
    (listed,) = await sessions.list("alice")
    assert await sessions.revoke("alice", listed.handle)
    assert await who_is(sessions, restarted, cookie_named(exchange, NAME)) is None
    await again.close()


async def who_is(sessions: Sessions, world: World, cookie: bytes) -> Principal | None:
    exchange = world.visit(cookie)
    return await sessions.resolve(exchange.facts, exchange)
