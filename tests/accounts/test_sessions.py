"""Sessions: opaque, server-side, signed; new at log-in, gone at log-out."""

from __future__ import annotations

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
from tests.support.facts import make_facts

pytestmark = pytest.mark.anyio

ALICE = Principal("alice", scopes=frozenset({"notes:write"}))
SECTION = SessionSection()


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
