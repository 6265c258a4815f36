"""Bearer tokens of a real issuer on loopback: what is accepted, and how its keys are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from joserfc.jwk import RSAKey

from garrison import harden
from garrison.accounts.authorisation_principals import Bad
from garrison.accounts.bearer import Bearer
from garrison.accounts.bearer_http import Fetch
from garrison.accounts.bearer_keys import FRESH, LAST_GOOD, PAUSE, read_keys
from garrison.accounts.bearer_token import issuer_named_in
from garrison.asgi.onion import Onion
from garrison.core.clock import Clock
from garrison.core.errors import DependencyError, OperatorError
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.fastapi import CurrentPrincipal
from garrison.policy.model import BearerSection
from garrison.testing import testing_policy
from garrison.wire import CredentialsUnasked

from .provider import AUDIENCE, Provider, new_key, provider_served
from .stand import NOW, Stand

pytestmark = [pytest.mark.anyio, pytest.mark.server]
SERVICE = Principal("service-7", "bearer", frozenset({"notes:read", "notes:write"}))


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    with provider_served(NOW) as provider:
        yield provider


@pytest.fixture
def issuer(served: Provider) -> Provider:
    """The one provider, as if new."""
    served.keys, served.now, served.away, served.raw, served.document = [new_key("k1")], NOW, False, None, {}
    served.asked.clear()
    return served


@pytest.fixture
def stand() -> Stand:
    return Stand()


def bearer_of(issuer: Provider, stand: Stand, **changes: Any) -> Bearer:
    section = BearerSection(issuer=issuer.issuer, audience=AUDIENCE, **changes)
    return Bearer(stand.services, section, Fetch(allow_insecure_http=True))


async def why(bearer: Bearer, stand: Stand, token: str) -> str:
    """Why `token` is refused; empty when it is good."""
    assert bearer.claims(token)
    found = await bearer.verify(token, stand.visit())
    return found.why if isinstance(found, Bad) else ""


class TestTokens:
    async def test_a_good_token_is_its_subject_with_its_scopes(self, issuer: Provider, stand: Stand) -> None:
        found = await bearer_of(issuer, stand).verify(issuer.access_token(), stand.visit())
        assert found == SERVICE

    async def test_scopes_may_come_as_a_list(self, issuer: Provider, stand: Stand) -> None:
        token = issuer.access_token(scope=None, scp=["notes:read", 7])
        found = await bearer_of(issuer, stand).verify(token, stand.visit())
        assert isinstance(found, Principal)
        assert found.scopes == {"notes:read"}

    @pytest.mark.parametrize(
        ("claims", "word"),
        [
            ({"iss": "https://evil.test"}, "iss"),
            ({"iss": None}, "iss"),
            ({"aud": "another-api"}, "aud"),
            ({"aud": ["a", "b"]}, "aud"),
            ({"aud": None}, "aud"),
            ({"sub": None}, "sub"),
            ({"sub": ""}, "sub"),
            ({"sub": 7}, "sub"),
            ({"exp": None}, "exp"),
            ({"exp": int(NOW) - 31}, "expired"),
            ({"exp": "tomorrow"}, "exp"),
            ({"exp": True}, "exp"),
            ({"exp": float("nan")}, "exp"),
            ({"iat": None}, "iat"),
            ({"iat": int(NOW) + 31}, "future"),
            ({"nbf": int(NOW) + 31}, "not yet"),
            ({"exp": int(NOW) + 86401}, "long"),
        ],
    )
    async def test_a_claim_that_is_not_right_is_refused(
        self, issuer: Provider, stand: Stand, claims: dict[str, Any], word: str
    ) -> None:
        assert word in await why(bearer_of(issuer, stand), stand, issuer.access_token(**claims))

    @pytest.mark.parametrize(
        "claims",
        [{"exp": int(NOW) - 29}, {"iat": int(NOW) + 29}, {"nbf": int(NOW) + 29}, {"aud": ["other", AUDIENCE]}],
    )
    async def test_clocks_may_differ_and_a_token_may_be_for_several(
        self, issuer: Provider, stand: Stand, claims: dict[str, Any]
    ) -> None:
        assert await why(bearer_of(issuer, stand), stand, issuer.access_token(**claims)) == ""

    async def test_types_are_those_of_the_policy(self, issuer: Provider, stand: Stand) -> None:
        strict, old = bearer_of(issuer, stand), bearer_of(issuer, stand, types=("at+jwt", "JWT"))
        assert "type" in await why(strict, stand, issuer.access_token(headers={"typ": "JWT"}))
        assert await why(old, stand, issuer.access_token(headers={"typ": "JWT"})) == ""
        assert await why(strict, stand, issuer.access_token(headers={"typ": "application/AT+JWT"})) == ""

    async def test_rsa_tokens_are_read_too(self, issuer: Provider, stand: Stand) -> None:
        key = RSAKey.generate_key(2048, {"kid": "rsa"})
        issuer.keys.append(key)
        assert await why(bearer_of(issuer, stand), stand, issuer.access_token(key)) == ""
        assert "algorithm" in await why(
            bearer_of(issuer, stand, algorithms=("ES256",)), stand, issuer.access_token(key)
        )

    async def test_a_token_without_key_id_is_read_with_the_only_key_that_fits(
        self, issuer: Provider, stand: Stand
    ) -> None:
        nameless = issuer.access_token(headers={"kid": None})
        issuer.keys.append(RSAKey.generate_key(2048, {"kid": "of another family"}))
        assert await why(bearer_of(issuer, stand), stand, nameless) == ""
        issuer.keys.append(new_key("k2"))
        assert "key" in await why(bearer_of(issuer, stand), stand, nameless)


class TestKeys:
    async def test_keys_are_fetched_once_and_kept(self, issuer: Provider, stand: Stand) -> None:
        bearer = bearer_of(issuer, stand)
        for _ in range(20):
            assert await why(bearer, stand, issuer.access_token()) == ""
        assert issuer.asked == {"/.well-known/openid-configuration": 1, "/jwks": 1}
        stand.now += FRESH + 1
        issuer.now = stand.now
        assert await why(bearer, stand, issuer.access_token()) == ""
        assert issuer.asked["/jwks"] == 2

    async def test_many_at_once_fetch_once(self, issuer: Provider, stand: Stand) -> None:
        bearer, token = bearer_of(issuer, stand), issuer.access_token()
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(why, bearer, stand, token)
        assert issuer.asked["/jwks"] == 1

    async def test_a_rotated_key_is_found_when_a_token_names_it(self, issuer: Provider, stand: Stand) -> None:
        bearer = bearer_of(issuer, stand)
        assert await why(bearer, stand, issuer.access_token()) == ""
        old, new = issuer.keys[0], new_key("k2")
        issuer.keys = [new, old]
        stand.now += PAUSE
        assert await why(bearer, stand, issuer.access_token(new)) == ""
        assert await why(bearer, stand, issuer.access_token(old)) == ""
        assert issuer.asked["/jwks"] == 2

    async def test_a_withdrawn_key_is_worth_nothing_once_the_set_is_fetched_again(
        self, issuer: Provider, stand: Stand
    ) -> None:
        bearer, old = bearer_of(issuer, stand), issuer.keys[0]
        assert await why(bearer, stand, issuer.access_token(old)) == ""
        issuer.keys = [new_key("k2")]
        stand.now += FRESH + 1
        issuer.now = stand.now
        assert "key" in await why(bearer, stand, issuer.access_token(old))

    async def test_while_the_issuer_is_away_the_last_good_keys_hold_for_a_day(
        self, issuer: Provider, stand: Stand
    ) -> None:
        bearer = bearer_of(issuer, stand)
        assert await why(bearer, stand, issuer.access_token()) == ""
        issuer.away = True
        stand.now = issuer.now = NOW + LAST_GOOD - 1
        assert await why(bearer, stand, issuer.access_token()) == ""
        assert [one["service"] for one in stand.told("service_degraded")] == ["issuer keys"]
        stand.now = issuer.now = NOW + LAST_GOOD + 1
        with pytest.raises(DependencyError):
            await bearer.verify(issuer.access_token(), stand.visit())
        issuer.away = False
        stand.now = issuer.now = stand.now + PAUSE
        assert await why(bearer, stand, issuer.access_token()) == ""
        assert stand.told("service_recovered")

    async def test_an_issuer_that_never_answered_is_asked_twice_a_minute_and_lets_nobody_in(
        self, issuer: Provider, stand: Stand
    ) -> None:
        issuer.away = True
        bearer = bearer_of(issuer, stand)
        for _ in range(10):
            with pytest.raises(DependencyError):
                await bearer.verify(issuer.access_token(), stand.visit())
        assert issuer.asked.total() == 1

    @pytest.mark.parametrize(
        "raw", [b"", b"no json", b"[]", b'{"keys": 7}', b'{"keys": []}', b"[" * 100_000, b" " * 300_000, b'{"a": NaN}']
    )
    async def test_an_answer_that_is_no_set_of_keys_is_a_failure_and_no_crash(
        self, issuer: Provider, stand: Stand, raw: bytes
    ) -> None:
        issuer.raw = raw
        bearer = bearer_of(issuer, stand, jwks=f"{issuer.issuer}/jwks")
        with pytest.raises(DependencyError):
            await bearer.verify(issuer.access_token(), stand.visit())

    def test_keys_that_must_not_verify_are_left_out(self) -> None:
        good = new_key("good").as_dict(private=False)
        weak = RSAKey.generate_key(2048, {"kid": "weak"}).as_dict(private=False)
        weak["n"] = weak["n"][:100]
        bad: list[object] = [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
            {**new_key("enc").as_dict(private=False), "use": "enc"},
            {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "broken"},
            {"kty": "PQC", "kid": "unknown"},
            {"kty": 7, "kid": "odd"},
            {"kty": ["EC"], "kid": "odder"},
            "no key at all",
            weak,
        ]
        assert [key.kid for key in read_keys({"keys": [*bad, good]})] == ["good"]
        for alone in bad:
            with pytest.raises(DependencyError):
                read_keys({"keys": [alone]})

    async def test_a_discovery_document_of_another_issuer_is_refused(self, issuer: Provider, stand: Stand) -> None:
        issuer.document = {"issuer": "https://evil.test"}
        with pytest.raises(DependencyError):
            await bearer_of(issuer, stand).verify(issuer.access_token(), stand.visit())

    async def test_an_address_without_tls_in_the_document_is_not_asked(self, issuer: Provider, stand: Stand) -> None:
        fetch = Fetch(allow_insecure_http=True)
        with pytest.raises(OperatorError):
            Fetch().require(issuer.issuer, "issuer")
        assert fetch.require(issuer.issuer, "issuer")
        issuer.document = {"jwks_uri": "file:///etc/passwd"}
        with pytest.raises(DependencyError):
            await bearer_of(issuer, stand).verify(issuer.access_token(), stand.visit())


@pytest.mark.parametrize(
    "url",
    ["http://issuer.example", "https://", "https://user:pw@issuer.example", "https://issuer.example/#x", "issuer"],
)
def test_an_issuer_without_tls_stops_the_start(url: str, stand: Stand) -> None:
    with pytest.raises(OperatorError):
        Bearer(stand.services, BearerSection(issuer=url, audience="a"))


def test_an_issuer_without_audience_stops_the_start(stand: Stand) -> None:
    with pytest.raises(OperatorError, match="audience"):
        Bearer(stand.services, BearerSection(issuer="https://issuer.example"))


class TestSeveralIssuers:
    def app(self, issuer: Provider, kind: str = "partner") -> Onion:
        """One that takes tokens of an issuer in its policy, and of a second one, which is really asked."""
        api = FastAPI()

        @api.get("/me")
        async def me(who: CurrentPrincipal) -> list[str]:
            return [who.kind, who.id]

        section = BearerSection(issuer=issuer.issuer, audience=AUDIENCE)
        return harden(
            api,
            testing_policy(bearer={"issuer": "https://id.example.com", "audience": AUDIENCE}),
            credentials=[lambda services: Bearer(services, section, Fetch(allow_insecure_http=True), kind=kind)],
            clock=Clock(monotonic=lambda: NOW, wall=lambda: NOW),
        )

    async def test_each_token_is_judged_by_the_issuer_it_names(self, issuer: Provider) -> None:
        async with AsyncClient(transport=ASGITransport(self.app(issuer)), base_url="https://testserver") as client:

            async def ask(token: str) -> Response:
                return await client.get("/me", headers={"Authorization": f"Bearer {token}"})

            good = issuer.access_token()
            answer = await ask(good)
            assert (answer.status_code, answer.json()) == (200, ["partner", "service-7"])
            issuer.keys = [new_key("k1")]
            assert (await ask(issuer.access_token())).status_code == 401, "it names the issuer, and has another key"
            for wrong in (issuer.access_token(iss="https://who.example"), "e30.e30.e30", f"{good}x"):
                assert (await ask(wrong)).status_code == 401

    def test_kinds_of_token_that_nobody_would_ask_stop_the_start(self, issuer: Provider) -> None:
        async def mine(facts: Facts, exchange: Exchange) -> Principal | None:
            return None

        with pytest.raises(CredentialsUnasked):
            harden(
                FastAPI(), testing_policy(), principal=mine, credentials=[lambda services: bearer_of(issuer, Stand())]
            )


@pytest.mark.parametrize("token", ["", "a.b", "..", "a.!!!.c", "a.W10.c", "a." + "W" * 9000 + ".c", "a.IltbWyI.c"])
def test_a_token_that_names_no_issuer_names_none(token: str) -> None:
    assert issuer_named_in(token) is None
