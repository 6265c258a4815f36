"""Read a signed JWT (RFC 7519, RFC 8725): whose header and claims count only once its signature holds.

Threat: `alg: none`; a public RSA key used as an HMAC secret (HS256 for RS256); a key that the token brings along
(`jwk`, `jku`, `x5u`, `x5c`), or whose id is a path or a query; an ID token passed off as an access token (`typ`); a
token of another issuer or for another service. Algorithms are pinned here and are all asymmetric, keys come from the
issuer's own set and must be of the algorithm's family, key-bearing headers are ignored, `crit` that we don't know is
refused.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .bearer_keys import IssuerKeys

LONGEST: Final = 8 * 1024
_LONGEST_KID: Final = 256


class TokenRefused(Exception):
    """A token is not good. `why` is for events."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token must be. `leeway` in seconds; `longest` from issue to expiry, 0 for no bound."""

    issuer: str
    audience: str
    algorithms: Collection[str]
    types: Collection[str]
    leeway: float
    longest: float = 0.0


async def read_token(token: str, keys: IssuerKeys, wanted: Wanted, now: float) -> Mapping[str, Any]:
    """The claims of `token`. Raises `TokenRefused`, and `DependencyError` when the issuer's keys can't be had."""
    from joserfc import jws
    from joserfc.errors import JoseError

    if len(token) > LONGEST:
        raise TokenRefused("longer than 8 KB")
    registry = jws.JWSRegistry(algorithms=list(wanted.algorithms), strict_check_header=False)
    try:
        signed = jws.extract_compact(token.encode("ascii"), registry=registry)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise TokenRefused("malformed") from None
    header = signed.headers()
    algorithm = _checked_header(header, wanted)
    key = await keys.find(header.get("kid"), algorithm)
    if key is None:
        raise TokenRefused("signed with a key that the issuer does not have")
    try:
        holds = jws.validate_compact(signed, key, algorithms=[algorithm], registry=registry)
    except (JoseError, ValueError, TypeError):
        holds = False
    if not holds:
        raise TokenRefused("the signature does not hold")
    return _checked_claims(signed.payload, wanted, now)


def issuer_named_in(token: str) -> object:
    """The `iss` that a token shows, unverified; None for what can't be read."""
    payload = token.split(".")[1] if token.count(".") == 2 and len(token) <= LONGEST else ""
    try:
        return _object(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("iss")
    except (ValueError, TokenRefused):
        return None


def _checked_header(header: Mapping[str, Any], wanted: Wanted) -> str:
    """The algorithm."""
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in wanted.algorithms:
        raise TokenRefused("an algorithm that is not accepted")
    kind = header.get("typ", "")
    if not isinstance(kind, str) or _plain_type(kind) not in map(_plain_type, wanted.types):
        raise TokenRefused("a type of token that is not accepted")
    if kid is not None and (not isinstance(kid, str) or len(kid) > _LONGEST_KID):
        raise TokenRefused("a key id that is none")
    if "crit" in header:
        raise TokenRefused("a critical extension that is not known")
    return algorithm


def _plain_type(kind: str) -> str:
    """RFC 7515, section 4.1.9: the prefix may be left out, and case does not count."""
    return kind.lower().removeprefix("application/")


def _checked_claims(payload: bytes | None, wanted: Wanted, now: float) -> Mapping[str, Any]:
    from joserfc.errors import JoseError
    from joserfc.jwt import JWTClaimsRegistry

    claims = _object(payload or b"")
    rules = JWTClaimsRegistry(
        now=int(now),
        leeway=int(wanted.leeway),
        iss={"essential": True, "value": wanted.issuer},
        aud={"essential": True, "value": wanted.audience},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        rules.validate(claims)
    except JoseError as error:
        raise TokenRefused(f"claims: {error.error}, {error.description}"[:200]) from None
    if wanted.longest and claims["exp"] - claims["iat"] > wanted.longest:
        raise TokenRefused("it lives too long")
    return claims


def _object(payload: bytes) -> dict[str, Any]:
    import json

    try:
        claims = json.loads(payload, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError):
        raise TokenRefused("the claims are no JSON") from None
    if not isinstance(claims, dict):
        raise TokenRefused("the claims are no object")
    return claims


def _no_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 8725, section 2.4: a repeated name is read one way here and another way there."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name came twice")
    return found
