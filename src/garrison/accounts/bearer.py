"""Bearer tokens: JSON Web Tokens of one issuer as credentials (RFC 6750, RFC 9068).

What a token must be is the policy's (`[bearer]`); how it is read is `bearer_token`, whose keys are `bearer_keys`.

Lets pass: a stolen token until it expires, since nobody is asked whether it was revoked: keep lifetimes at minutes
(`longest` refuses those of more than a day).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.errors import OperatorError
from ..core.exchange import Exchange, Principal
from ..core.ports import Services
from ..policy.model import BearerSection
from .authorisation_principals import Bad
from .bearer_discovery import Discovery
from .bearer_http import Fetch
from .bearer_keys import IssuerKeys
from .bearer_token import TokenRefused, Wanted, issuer_named_in, read_token


class Bearer:
    """Verify tokens. Implements `Credential`.

    services   clock and events
    section    the policy's `bearer`
    fetch      how the issuer is asked
    kind       the `kind` of its principals: another one for each issuer, since their subjects may be equal

    Raises `OperatorError` for a section without audience or with an http address, `DependencyError` without httpx.
    """

    def __init__(
        self, services: Services, section: BearerSection, fetch: Fetch | None = None, *, kind: str = "bearer"
    ) -> None:
        if not section.issuer or not section.audience:
            raise OperatorError(
                "Bearer tokens need an issuer and an audience.",
                remedy="Set bearer.audience to the name your issuer gives this API (the `aud` of its tokens).",
                reference="RFC 8725, sections 3.8 and 3.9",
            )
        self._fetch = fetch or Fetch()
        self._fetch.require(section.issuer, "bearer.issuer")
        if section.jwks:
            self._fetch.require(section.jwks, "bearer.jwks")
        self._jwks = section.jwks
        self._discovery = Discovery(section.issuer, self._fetch)
        self._keys = IssuerKeys(services, self._load)
        self._clock = services.clock
        self._kind = kind
        self._wanted = Wanted(
            section.issuer, section.audience, section.algorithms, section.types, section.leeway, section.longest
        )

    def claims(self, token: str) -> bool:
        """Whether `token` has the three parts of a signed JWT."""
        return token.count(".") == 2

    def made_by(self, token: str) -> bool:
        """Whether the token says that it is of this issuer. Nothing is verified yet."""
        return issuer_named_in(token) == self._wanted.issuer

    async def verify(self, token: str, exchange: Exchange) -> Principal | Bad:
        """The token's subject, with the scopes of its `scope` (RFC 9068) or `scp` claim."""
        try:
            claims = await read_token(token, self._keys, self._wanted, self._clock.wall())
        except TokenRefused as refused:
            return Bad(refused.why)
        subject = claims["sub"]
        if not isinstance(subject, str) or not subject:
            return Bad("no subject")
        name = claims.get("jti", "")
        return Principal(subject, self._kind, _scopes(claims), name if isinstance(name, str) else "")

    async def _load(self) -> Mapping[str, Any]:
        return await self._fetch.get(self._jwks or await self._discovery.address("jwks_uri"))


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    given = claims.get("scope", claims.get("scp", ""))
    words = given.split() if isinstance(given, str) else given
    return frozenset(one for one in words if isinstance(one, str)) if isinstance(words, list) else frozenset()
