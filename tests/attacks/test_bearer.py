"""Attacks on bearer tokens (RFC 8725), each against a verifier that makes the mistake: the control.

The issuer is really served on loopback. `Naive` does what the token's header says; `Bearer` does what the policy says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from garrison.accounts.authorisation_principals import Bad
from garrison.accounts.bearer import Bearer
from garrison.accounts.bearer_http import Fetch
from garrison.accounts.bearer_keys import PAUSE
from garrison.core.exchange import Principal
from garrison.policy.model import BearerSection
from tests.accounts.provider import AUDIENCE, Provider, new_key, provider_served
from tests.accounts.stand import NOW, Stand

pytestmark = [pytest.mark.anyio, pytest.mark.server]


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    with provider_served(NOW) as provider:
        yield provider


@pytest.fixture(scope="module")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "rsa"})


@pytest.fixture
def issuer(served: Provider, rsa: RSAKey) -> Provider:
    served.keys, served.away = [new_key("k1"), rsa], False
    served.asked.clear()
    return served


@pytest.fixture
def stand() -> Stand:
    return Stand()


@pytest.fixture
def bearer(issuer: Provider, stand: Stand) -> Bearer:
    section = BearerSection(issuer=issuer.issuer, audience=AUDIENCE)
    return Bearer(stand.services, section, Fetch(allow_insecure_http=True))


async def passes(bearer: Bearer, stand: Stand, token: str) -> bool:
    return bearer.claims(token) and isinstance(await bearer.verify(token, stand.visit()), Principal)


def claims_of(issuer: Provider, **changes: Any) -> dict[str, Any]:
    now = int(NOW)
    return {"iss": issuer.issuer, "sub": "admin", "aud": AUDIENCE, "iat": now, "exp": now + 300, **changes}


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token made by hand; with `secret` an HMAC-SHA-256 of it, else without signature."""
    body = f"{part(header)}.{part(claims)}"
    return f"{body}.{part(hmac.digest(secret, body.encode(), 'sha256')) if secret is not None else ''}"


class Naive:
    """A verifier that believes the header, as many have: `key_of` finds the bytes for a key id."""

    def __init__(self, key_of: dict[str, bytes] | None = None, folder: Path | None = None) -> None:
        self.keys = key_of or {}
        self.folder = folder

    def passes(self, token: str) -> bool:
        head, body, signature = token.split(".")
        header = json.loads(base64.urlsafe_b64decode(head + "=="))
        if header["alg"] == "none":
            return True
        kid = header.get("kid", "")
        key = (self.folder / kid).read_bytes() if self.folder else self.keys[kid]
        wanted = hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest()
        return header["alg"] == "HS256" and hmac.compare_digest(part(wanted), signature)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
async def test_a_token_that_says_it_needs_no_signature(
    bearer: Bearer, issuer: Provider, stand: Stand, alg: str
) -> None:
    token = forged({"alg": alg, "typ": "at+jwt", "kid": "k1"}, claims_of(issuer))
    assert not await passes(bearer, stand, token)
    assert Naive().passes(forged({"alg": "none"}, claims_of(issuer))), "control"


async def test_the_public_key_as_a_shared_secret(bearer: Bearer, issuer: Provider, stand: Stand, rsa: RSAKey) -> None:
    """RFC 8725, section 2.1: RS256 turned into HS256, signed with what everybody can read."""
    public = rsa.as_pem(private=False)
    for secret in (public, public.strip(), json.dumps(rsa.as_dict(private=False)).encode()):
        token = forged({"alg": "HS256", "typ": "at+jwt", "kid": "rsa"}, claims_of(issuer), secret)
        assert not await passes(bearer, stand, token)
    token = forged({"alg": "HS256", "kid": "rsa"}, claims_of(issuer), public)
    assert Naive({"rsa": public}).passes(token), "control"


@pytest.mark.parametrize(
    "kid",
    ["../../../../dev/null", "/dev/null", "k1' UNION SELECT 'x", "https://evil.test/jwks", "k1\0", "k" * 5000, ""],
)
async def test_a_key_id_that_is_a_path_or_a_query(bearer: Bearer, issuer: Provider, stand: Stand, kid: str) -> None:
    """The key is looked up in the issuer's set and nowhere else."""
    for algorithm, typ in (("HS256", "at+jwt"), ("ES256", "at+jwt")):
        token = forged({"alg": algorithm, "typ": typ, "kid": kid}, claims_of(issuer), b"")
        assert not await passes(bearer, stand, token)


def test_control_a_verifier_that_reads_key_files_by_id_is_led_to_an_empty_one(tmp_path: Path, issuer: Provider) -> None:
    token = forged({"alg": "HS256", "kid": "../" * 20 + "dev/null"}, claims_of(issuer), b"")
    assert Naive(folder=tmp_path).passes(token)


async def test_a_key_that_the_token_brings_along(bearer: Bearer, issuer: Provider, stand: Stand) -> None:
    """RFC 8725, section 3.10: `jwk`, `jku`, `x5u` and `x5c` are claims of the attacker's."""
    own = new_key("k1")
    for header in (
        {"jwk": own.as_dict(private=False)},
        {"jku": "https://evil.test/jwks"},
        {"x5u": "https://evil.test/cert"},
    ):
        token = issuer.access_token(own, headers=header)
        assert not await passes(bearer, stand, token)
        assert jwt.decode(token, own, ["ES256"]), "control: with the key that the token names it holds"
    assert issuer.asked.total() == 2, "only the issuer was asked"


async def test_a_token_of_another_family_with_the_id_of_our_key(bearer: Bearer, issuer: Provider, stand: Stand) -> None:
    attacker = RSAKey.generate_key(2048, {"kid": "k1"})
    assert not await passes(bearer, stand, issuer.access_token(attacker))


async def test_a_flood_of_unknown_key_ids_asks_the_issuer_twice_a_minute(
    bearer: Bearer, issuer: Provider, stand: Stand
) -> None:
    assert await passes(bearer, stand, issuer.access_token())
    issuer.asked.clear()
    seconds = 120
    for second in range(seconds):
        stand.now += 1
        for number in range(20):
            token = issuer.access_token(headers={"kid": f"made-up-{second}-{number}"})
            assert not await passes(bearer, stand, token)
    assert issuer.asked["/jwks"] <= seconds / PAUSE + 1, "control: one a token would have been 2,400"
    issuer.now = stand.now
    assert await passes(bearer, stand, issuer.access_token()), "and good tokens pass meanwhile"
    issuer.now = NOW


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": int(NOW) - 3600}, "expired an hour ago"),
        ({"exp": int(NOW) - 31}, "expired beyond the leeway"),
        ({"nbf": int(NOW) + 3600}, "not yet"),
        ({"iat": int(NOW) + 3600, "exp": int(NOW) + 7200}, "issued in the future"),
        ({"exp": 10**15}, "practically for ever"),
        ({"exp": 1e308}, "an infinity in disguise"),
        ({"exp": None}, "for ever"),
        ({"aud": "another-service"}, "for another service"),
        ({"iss": "https://evil.test"}, "of another issuer"),
    ],
)
async def test_a_rightly_signed_token_that_is_not_for_here_and_now(
    bearer: Bearer, issuer: Provider, stand: Stand, changes: dict[str, Any], why: str
) -> None:
    token = issuer.access_token(**changes)
    assert not await passes(bearer, stand, token), why
    assert jwt.decode(token, issuer.keys[0], ["ES256"]), "control: its signature holds"


async def test_an_id_token_is_no_access_token(bearer: Bearer, issuer: Provider, stand: Stand) -> None:
    """RFC 9068, section 2.1: a log-in made for a web page must not open the API."""
    assert not await passes(bearer, stand, issuer.access_token(headers={"typ": "JWT"}))
    assert not await passes(bearer, stand, issuer.access_token(headers={"typ": None}))


async def test_every_changed_character_breaks_the_token(bearer: Bearer, issuer: Provider, stand: Stand) -> None:
    token = issuer.access_token()
    for place in range(0, len(token), 7):
        if token[place] != ".":
            changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
            assert not await passes(bearer, stand, changed), place
    assert await passes(bearer, stand, token), "control"


@pytest.mark.parametrize(
    "token",
    ["..", "a.b.c", "e30.e30.e30", "e30.e30.", "." * 2 + "x" * 9000, "\x7f.\x7f.\x7f", "W10.W10.W10",
     part(b"[" * 3000) + ".e30.AA"],
)  # fmt: skip
async def test_noise_is_refused_and_crashes_nothing(bearer: Bearer, stand: Stand, token: str) -> None:
    assert isinstance(await bearer.verify(token, stand.visit()), Bad)


async def test_a_name_that_comes_twice_in_the_claims(bearer: Bearer, issuer: Provider, stand: Stand) -> None:
    """RFC 8725, section 2.4: what one parser reads first, another reads last."""
    key = issuer.keys[0]
    now = int(NOW)
    text = f'{{"sub":"user","sub":"admin","iss":"{issuer.issuer}","aud":"{AUDIENCE}","iat":{now},"exp":{now + 60}}}'
    from joserfc import jws

    token = jws.serialize_compact({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}, text, key, ["ES256"])
    assert not await passes(bearer, stand, token)
    assert jwt.decode(token, key, ["ES256"]).claims["sub"] == "admin", "control: the last one wins elsewhere"
