"""Logging in to the notes with an identity provider: whose account it is, and the attacks on the way there and back.

Each attack has its control: against a log-in with the same provider that believes what comes back, it succeeds.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from examples.notes import Settings, hardened
from examples.notes.app import create_app, default_policy
from examples.notes.routes import openid
from garrison import harden
from garrison.accounts.oidc import Identity
from garrison.core.exchange import Exchange
from garrison.testing import FrozenClock
from tests.accounts.provider import CLIENT, CLIENT_SECRET, Provider, new_key, provider_served

from .site import Person, Site, running
from .test_second_factor import turned_on

pytestmark = [pytest.mark.anyio, pytest.mark.server]
BACK = "https://localhost/log-in/back"
ANN, BOB = ({"email": f"{name}@corp.example", "email_verified": True, "name": name.title()} for name in ("ann", "bob"))


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    with provider_served(time.time()) as provider:
        yield provider


@pytest.fixture
def provider(served: Provider) -> Provider:
    served.keys, served.now, served.away, served.user, served.id_claims = (
        [new_key("k1")],
        time.time(),
        False,
        "ann",
        ANN,
    )
    return served


@pytest.fixture
def frozen(provider: Provider) -> FrozenClock:
    clock = FrozenClock()
    provider.now = clock.now
    return clock


@pytest.fixture
async def site(settings: Settings, provider: Provider, environ: None, frozen: FrozenClock) -> AsyncIterator[Site]:
    agreed = {"oidc_issuer": provider.issuer, "oidc_client": CLIENT, "oidc_secret": CLIENT_SECRET, "oidc_back": BACK}
    settings = Settings.model_validate({**settings.model_dump(), **agreed, "allow_insecure_oidc_http": True})
    app = harden(create_app(settings), default_policy(settings), clock=frozen.clock)
    async with running(app):
        yield Site(app, settings)


async def sent_back(person: Person) -> str:
    """Where the provider sends this browser once its user has logged in there."""
    away = await person.get("/log-in/elsewhere")
    assert away.status_code == 303, away.text
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(away.headers["location"])
    assert answer.status_code == 302, answer.text
    address = urlsplit(answer.headers["location"])
    return f"{address.path}?{address.query}"


async def who(person: Person) -> str:
    """The address of who is logged in; empty for nobody."""
    answer = await person.get("/export", headers={"Accept": "application/json"})
    return str(answer.json()["account"]["email"]) if answer.status_code == 200 else ""


async def test_who_logs_in_there_has_an_account_here_and_the_same_one_next_time(site: Site, provider: Provider) -> None:
    async with site.visitor() as person:
        assert "Log in with your organisation" in (await person.get("/log-in")).text
        answer = await person.get(await sent_back(person))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert await who(person) == "ann@corp.example"
        await person.write("Mine")
    provider.id_claims = {"email": "ann.lee@corp.example", "email_verified": True}  # the address changes, not who it is
    async with site.visitor() as person:
        await person.get(await sent_back(person))
        assert await who(person) == "ann@corp.example"
        assert "Mine" in (await person.get("/")).text


@pytest.mark.parametrize("claims", [{}, {"email": "x@corp.example"}, {**ANN, "email_verified": "true"}])
async def test_an_address_that_nobody_verified_makes_no_account(
    site: Site, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.id_claims, provider.user = claims, "new"
    async with site.visitor() as person:
        answer = await person.get(await sent_back(person))
        assert answer.headers["location"] == "/log-in?elsewhere"
        assert await who(person) == ""


async def test_an_address_that_is_taken_leads_into_nobodys_account_but_its_owner_can_join_both(
    site: Site, provider: Provider
) -> None:
    async with site.member("ann@corp.example") as owner:
        async with site.visitor() as somebody:
            answer = await somebody.get(await sent_back(somebody))
            assert answer.headers["location"] == "/log-in?elsewhere"
            assert await who(somebody) == ""
        await owner.get(await sent_back(owner))
        assert await who(owner) == "ann@corp.example"
    async with site.visitor() as person:
        await person.get(await sent_back(person))
        assert await who(person) == "ann@corp.example"


async def test_the_second_factor_of_an_account_is_asked_for_on_this_way_too(site: Site, frozen: FrozenClock) -> None:
    async with site.visitor() as person:
        await person.get(await sent_back(person))
        await person.get("/account/second-factor")
        await turned_on(person, frozen)
    async with site.visitor() as person:
        answer = await person.get(await sent_back(person))
        assert answer.headers["location"] == "/log-in/code"
        assert await who(person) == ""


async def test_without_a_provider_there_is_no_such_page(settings: Settings, environ: None) -> None:
    app = hardened(settings)
    async with running(app), Site(app, settings).visitor() as person:
        assert "organisation" not in (await person.get("/log-in")).text
        for path in ("/log-in/elsewhere", "/log-in/back?code=x&state=y"):
            assert (await person.get(path)).status_code == 404


async def test_a_provider_that_is_away_is_told_and_breaks_nothing(site: Site, provider: Provider) -> None:
    provider.away = True
    async with site.visitor() as person:
        assert (await person.get("/log-in/elsewhere")).status_code == 503


class Believing:
    """The control: a log-in as it is often written. One state for all, and the token read without looking at it."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def begin(self, exchange: Exchange, redirect_uri: str, then: str = "/") -> str:
        asked = {
            "client_id": CLIENT, "response_type": "code", "code_challenge_method": "S256", "scope": "openid email",
            "redirect_uri": redirect_uri, "state": "s", "nonce": "n",
            "code_challenge": "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
        }  # fmt: skip
        return f"{self.provider.issuer}/authorize?{urlencode(asked)}"

    async def finish(self, exchange: Exchange, query: Mapping[str, str]) -> Identity:
        form = {"code": query["code"], "redirect_uri": BACK, "code_verifier": "test", "client_id": CLIENT}
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{self.provider.issuer}/token", data=form, auth=(CLIENT, CLIENT_SECRET))
        body = answer.json()["id_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        return Identity(self.provider.issuer, claims["sub"], claims)


@pytest.fixture(params=["garrison", "control"])
def believed(request: pytest.FixtureRequest, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the attacks are to succeed, since the site believes what comes back."""
    if request.param == "garrison":
        return False
    monkeypatch.setattr(openid, "_provider", lambda own: Believing(provider))
    return True


async def test_nobody_is_logged_in_to_an_attackers_account(site: Site, provider: Provider, believed: bool) -> None:
    """Log-in CSRF: the victim's browser is made to open the way back that the attacker got."""
    provider.user, provider.id_claims = "bob", BOB
    async with site.visitor() as attacker, site.visitor() as victim:
        planted = await sent_back(attacker)
        await victim.get(planted, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
        assert (await who(victim) == "bob@corp.example") is believed


async def test_a_stolen_code_is_worth_nothing_in_another_browser(
    site: Site, provider: Provider, believed: bool
) -> None:
    """Code injection: the attacker's own state with the code that the victim's browser was sent back with."""
    async with site.visitor() as victim, site.visitor() as attacker:
        stolen = dict(pair.split("=") for pair in (await sent_back(victim)).partition("?")[2].split("&"))
        provider.user, provider.id_claims = "bob", BOB
        own = dict(pair.split("=") for pair in (await sent_back(attacker)).partition("?")[2].split("&"))
        provider.id_claims = ANN  # what the provider says of the code's owner
        query = "&".join(f"{name}={value}" for name, value in {**own, "code": stolen["code"]}.items())
        await attacker.get(f"/log-in/back?{query}")
        assert (await who(attacker) == "ann@corp.example") is believed


@pytest.mark.parametrize(
    "forged",
    [
        {"aud": "another-client"},
        {"iss": "https://evil.example"},
        {"exp": 1_000_000_000},
        {"nonce": "of another log-in"},
        {"azp": "another-client", "aud": [CLIENT, "another-client"]},
        {"iat": 4_000_000_000},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_a_token_that_was_made_for_something_else_is_not_believed(
    site: Site, provider: Provider, believed: bool, forged: dict[str, Any]
) -> None:
    provider.id_claims = {**ANN, **forged}
    async with site.visitor() as attacker:
        await attacker.get(await sent_back(attacker))
        assert (await who(attacker) == "ann@corp.example") is believed


async def test_a_token_that_somebody_else_signed_is_not_believed(
    site: Site, provider: Provider, believed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign, foreign = provider.sign, new_key("k1")
    monkeypatch.setattr(provider, "sign", lambda claims, **header: sign(claims, foreign, **header))
    async with site.visitor() as attacker:
        await attacker.get(await sent_back(attacker))
        assert (await who(attacker) == "ann@corp.example") is believed
