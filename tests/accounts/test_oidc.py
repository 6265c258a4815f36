"""Logging in with an identity provider: there and back over real HTTP, and every way back that must lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from garrison.accounts.bearer_http import Fetch, NotHttps
from garrison.accounts.oidc import KIND, LIFETIME, Identity, OidcLogin, OidcRefused
from garrison.accounts.oidc import Provider as Agreed
from garrison.core.errors import DependencyError, OperatorError
from garrison.core.exchange import Exchange
from garrison.secrets import Secret

from .provider import CLIENT, CLIENT_SECRET, Provider, new_key, provider_served
from .stand import NOW, Stand

pytestmark = [pytest.mark.anyio, pytest.mark.server]
BACK = "https://notes.example/back"


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    with provider_served(NOW) as provider:
        yield provider


@pytest.fixture
def provider(served: Provider) -> Provider:
    served.keys, served.now, served.away, served.raw = [new_key("k1")], NOW, False, None
    served.document, served.id_claims = {}, {}
    return served


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def oidc(provider: Provider) -> OidcLogin:
    agreed = Agreed(provider.issuer, CLIENT, Secret(CLIENT_SECRET))
    return OidcLogin(agreed, Fetch(allow_insecure_http=True))


async def there(oidc: OidcLogin, stand: Stand, then: str = "/") -> tuple[Exchange, dict[str, str]]:
    """The browser after it was sent away, and the query it comes back with."""
    away = stand.visit()
    address = await oidc.begin(away, BACK, then)
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(address)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    assert back._replace(query="").geturl() == BACK
    return await stand.again(away), dict(parse_qsl(back.query))


async def refused(oidc: OidcLogin, exchange: Exchange, query: dict[str, str]) -> str:
    with pytest.raises(OidcRefused) as error:
        await oidc.finish(exchange, query)
    return error.value.why


async def test_who_logged_in_there_is_known_here(oidc: OidcLogin, provider: Provider, stand: Stand) -> None:
    provider.id_claims = {"email": "ann@example.com", "email_verified": True}
    back, query = await there(oidc, stand, "/notes/7?edit=1")
    who = await oidc.finish(back, query)
    assert (who.issuer, who.subject, who.then) == (provider.issuer, "ann", "/notes/7?edit=1")
    assert who.claims["email"] == "ann@example.com"
    assert "ann@example.com" not in repr(who)


async def test_the_request_asks_for_a_code_with_pkce_and_a_nonce(oidc: OidcLogin, stand: Stand) -> None:
    """RFC 9700, section 2.1.1."""
    one, two = [parse_qs(urlsplit(await oidc.begin(stand.visit(), BACK)).query) for _ in range(2)]
    assert one["response_type"] == ["code"]
    assert one["code_challenge_method"] == ["S256"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name][0]) == 43
        assert one[name] != two[name]


async def test_an_authorization_address_that_has_a_query_keeps_it(
    oidc: OidcLogin, provider: Provider, stand: Stand
) -> None:
    provider.document = {"authorization_endpoint": f"{provider.issuer}/authorize?tenant=7"}
    query = parse_qs(urlsplit(await oidc.begin(stand.visit(), BACK)).query)
    assert query["tenant"] == ["7"]
    assert query["client_id"] == [CLIENT]


async def test_a_state_is_good_once(oidc: OidcLogin, stand: Stand) -> None:
    back, query = await there(oidc, stand)
    await oidc.finish(back, query)
    assert "state" in await refused(oidc, back, query)


async def test_a_state_is_good_for_minutes(oidc: OidcLogin, stand: Stand) -> None:
    back, query = await there(oidc, stand)
    stand.now += LIFETIME + 1
    assert "state" in await refused(oidc, back, query)


async def test_the_store_holds_neither_the_state_nor_the_verifier(oidc: OidcLogin, stand: Stand) -> None:
    _, query = await there(oidc, stand)
    assert query["state"] not in str(await stand.records.find(KIND, "redirect", BACK))
    (record,) = await stand.records.find(KIND, "redirect", BACK)
    assert record.id != query["state"]


@pytest.mark.parametrize("state", ["", "x", "é", "a" * 5000])
async def test_a_state_we_did_not_make_leads_nowhere(oidc: OidcLogin, stand: Stand, state: str) -> None:
    back, query = await there(oidc, stand)
    assert "state" in await refused(oidc, back, {**query, "state": state})


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"error": "access_denied"}, "access_denied"),
        ({"error": "<script>"}, "says no"),
        ({"iss": "https://evil.test"}, "another issuer"),
        ({"iss": None}, "does not say"),
        ({"code": ""}, "no code"),
        ({"code": "c" * 5000}, "no code"),
        ({"code": "guessed"}, "gave no ID token"),
    ],
)
async def test_an_answer_that_is_not_right_leads_nowhere(
    oidc: OidcLogin, stand: Stand, changes: dict[str, str | None], word: str
) -> None:
    back, query = await there(oidc, stand)
    changed = {name: value for name, value in {**query, **changes}.items() if value is not None}
    assert word in await refused(oidc, back, changed)
    assert stand.told("credential_refused")


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"nonce": "of another log-in"}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"aud": "another-client"}, "aud"),
        ({"aud": [CLIENT, "another-client"]}, "azp"),
        ({"azp": "another-client"}, "azp"),
        ({"iss": "https://evil.test"}, "iss"),
        ({"exp": int(NOW) - 60}, "expired"),
        ({"iat": int(NOW) + 60}, "future"),
    ],
)
async def test_an_id_token_that_is_not_right_leads_nowhere(
    oidc: OidcLogin, provider: Provider, stand: Stand, claims: dict[str, Any], word: str
) -> None:
    provider.id_claims = claims
    assert word in await refused(oidc, *await there(oidc, stand))


async def test_several_audiences_are_fine_when_we_are_the_authorized_party(
    oidc: OidcLogin, provider: Provider, stand: Stand
) -> None:
    provider.id_claims = {"aud": [CLIENT, "another-client"], "azp": CLIENT}
    assert isinstance(await oidc.finish(*await there(oidc, stand)), Identity)


@pytest.mark.parametrize("then", ["https://evil.test/", "//evil.test", "/\\evil.test", "evil", "", "/a\nb", "/\t/evil"])
async def test_afterwards_nobody_is_sent_to_another_site(oidc: OidcLogin, stand: Stand, then: str) -> None:
    who = await oidc.finish(*await there(oidc, stand, then))
    assert who.then == "/"


async def test_who_is_logged_in_keeps_the_session_while_away(oidc: OidcLogin, stand: Stand) -> None:
    """Linking a second way to log in to an account."""
    member = await stand.member("ann")
    await oidc.begin(member, BACK)
    assert member.cookies is None


async def test_a_provider_that_is_away_is_no_refusal(oidc: OidcLogin, provider: Provider, stand: Stand) -> None:
    provider.away = True
    with pytest.raises(DependencyError):
        await oidc.begin(stand.visit(), BACK)


def test_unsafe_agreements_stop_the_start() -> None:
    with pytest.raises(NotHttps):
        OidcLogin(Agreed("http://id.example", CLIENT))
    for algorithm in ("none", "HS256"):
        with pytest.raises(OperatorError):
            OidcLogin(Agreed("https://id.example", CLIENT, algorithms=(algorithm,)))
