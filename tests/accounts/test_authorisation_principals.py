"""One credential per request: the right one resolves, a wrong one is refused, two are refused."""

from __future__ import annotations

import pytest

from garrison.accounts.api_keys import ApiKeys
from garrison.accounts.authorisation_principals import Bad, Principals, principals
from garrison.core.errors import OperatorError
from garrison.core.exchange import Exchange, Principal
from garrison.core.verdict import Reason
from garrison.policy.model import ApiKeysSection

from .stand import Stand

pytestmark = pytest.mark.anyio


class Tokens:
    """A kind of token that knows one."""

    def claims(self, token: str) -> bool:
        return token.startswith("test.")

    async def verify(self, token: str, exchange: Exchange) -> Principal | Bad:
        return Principal("machine", "bearer") if token == "test.good" else Bad("not good")


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def who(stand: Stand) -> Principals:
    return principals(stand.sessions.resolve, ApiKeys(stand.services, ApiKeysSection()), Tokens())


async def asked(who: Principals, stand: Stand, *headers: tuple[bytes, bytes]) -> tuple[Principal | None, Reason | None]:
    exchange = stand.visit(*headers)
    found = await who(exchange.facts, exchange)
    return found, exchange.refusal.reason if exchange.refusal else None


def bearer(token: str | bytes) -> tuple[bytes, bytes]:
    return (b"authorization", b"Bearer " + (token if isinstance(token, bytes) else token.encode()))


async def session_cookie(stand: Stand) -> tuple[bytes, bytes]:
    exchange = stand.visit()
    await exchange.log_in(Principal("ann"))
    assert exchange.cookies is not None
    return (b"cookie", exchange.cookies[-1].split(b";")[0])


async def test_each_kind_resolves_alone(who: Principals, stand: Stand) -> None:
    key = await ApiKeys(stand.services, ApiKeysSection()).create(stand.visit(), "ann", "CI")
    assert await asked(who, stand, bearer("test.good")) == (Principal("machine", "bearer"), None)
    assert await asked(who, stand, bearer(key.text)) == (Principal("ann", "api-key", credential=key.info.id), None)
    assert await asked(who, stand, await session_cookie(stand)) == (Principal("ann"), None)
    assert await asked(who, stand) == (None, None)


async def test_the_scheme_s_case_does_not_matter(who: Principals, stand: Stand) -> None:
    assert (await asked(who, stand, (b"authorization", b"bEaReR  test.good ")))[0] == Principal("machine", "bearer")


async def test_a_session_and_a_token_are_one_too_many(who: Principals, stand: Stand) -> None:
    both = (await session_cookie(stand), bearer("test.good"))
    assert await asked(who, stand, *both) == (None, Reason.CREDENTIAL_AMBIGUOUS)


async def test_two_tokens_are_one_too_many(who: Principals, stand: Stand) -> None:
    assert await asked(who, stand, bearer("test.good"), bearer("test.good")) == (None, Reason.CREDENTIAL_AMBIGUOUS)
    mixed = (bearer("test.good"), (b"authorization", b"Basic YTpi"))
    assert await asked(who, stand, *mixed) == (None, Reason.CREDENTIAL_AMBIGUOUS)


async def test_a_session_that_is_over_does_not_disturb_a_token(who: Principals, stand: Stand) -> None:
    cookie = await session_cookie(stand)
    await stand.sessions.revoke_all("ann")
    assert await asked(who, stand, cookie, bearer("test.good")) == (Principal("machine", "bearer"), None)


@pytest.mark.parametrize(
    "token", ["test.bad", "unknown", "", " ", "garrison_x", "é".encode(), b"a" * 20_000, b"\xff", "test.good x"]
)
async def test_a_wrong_token_is_refused_and_never_anonymous(who: Principals, stand: Stand, token: str | bytes) -> None:
    assert await asked(who, stand, bearer(token)) == (None, Reason.CREDENTIAL_INVALID)


async def test_the_refusal_tells_the_standard_error_and_not_the_reason(who: Principals, stand: Stand) -> None:
    """RFC 6750, section 3.1."""
    exchange = stand.visit(bearer("test.bad"))
    await who(exchange.facts, exchange)
    assert exchange.refusal is not None
    assert exchange.refusal.status == 401
    assert exchange.refusal.headers == ((b"www-authenticate", b'Bearer error="invalid_token"'),)
    assert exchange.refusal.detail == "not good"
    assert "not good" not in exchange.refusal.hint


async def test_other_schemes_are_the_application_s_own(who: Principals, stand: Stand) -> None:
    assert await asked(who, stand, (b"authorization", b"Basic YTpi")) == (None, None)
    assert (await asked(who, stand, await session_cookie(stand), (b"authorization", b"Basic YTpi")))[1] is None


async def test_without_a_kind_of_token_headers_are_the_application_s_own(stand: Stand) -> None:
    assert await asked(principals(stand.sessions.resolve), stand, bearer("whatever")) == (None, None)


async def test_a_token_that_two_kinds_claim_is_refused(stand: Stand) -> None:
    assert await asked(principals(Tokens(), Tokens()), stand, bearer("test.good")) == (None, Reason.CREDENTIAL_INVALID)


def test_nothing_and_the_same_twice_can_t_be_composed(stand: Stand) -> None:
    for sources in ((), (stand.services.principal, stand.services.principal)):
        with pytest.raises(OperatorError):
            principals(*sources)
