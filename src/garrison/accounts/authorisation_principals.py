"""Who is asking, when there are several ways to say so: sessions, API keys, bearer tokens.

Threat: a request with two credentials means one thing to one part of the system and something else to another (whose
limit, whose log, whose rights?), and a wrong credential that is quietly ignored turns into somebody's session or into
nobody. So: one credential per request. Two are refused (400), a wrong one is refused (401), and only a request without
any is anonymous. A page of our own that calls an API with a key must leave the cookie at home (`credentials: "omit"`).

Assumption: credentials that a script has to put there come as `Authorization: Bearer`, so that CSRF stays impossible
(`layers/authority`). Other schemes (Basic, Negotiate) are the application's and are not looked at. A session cookie
that is over counts for nothing and does not disturb a token. Lets pass: credentials in other headers or in the query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from ..core.errors import OperatorError
from ..core.exchange import Exchange, Principal
from ..core.facts import Facts
from ..core.ports import ResolvePrincipal
from ..core.verdict import Reason, Refuse

LAYER: Final = "credentials"
CHALLENGE: Final = "Bearer"
_BEARER: Final = b"bearer "
_MOST: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Bad:
    """Why a credential is not good. `why` goes to events and never to clients."""

    why: str


@runtime_checkable
class Credential(Protocol):
    """One kind of credential in `Authorization: Bearer`.

    `claims` tells by the shape of a token whether it is of this kind; where two kinds claim one token, they must be
    `Told`. `verify` gives its principal or says why not, and raises `DependencyError` when it can't tell.
    """

    def claims(self, token: str) -> bool: ...

    async def verify(self, token: str, exchange: Exchange) -> Principal | Bad: ...


@runtime_checkable
class Told(Protocol):
    """A kind whose tokens say who made them: `made_by` chooses among several kinds, and is proof of nothing."""

    def made_by(self, token: str) -> bool: ...


class Principals:
    """`core.ports.ResolvePrincipal` over several sources. Made by `principals`."""

    def __init__(self, ambient: tuple[ResolvePrincipal, ...], credentials: tuple[Credential, ...]) -> None:
        self._ambient = ambient
        self._credentials = credentials

    @property
    def takes_tokens(self) -> bool:
        """Whether a 401 may ask for a bearer token."""
        return bool(self._credentials)

    async def __call__(self, facts: Facts, exchange: Exchange) -> Principal | None:
        found = None
        for resolve in self._ambient:
            who = await resolve(facts, exchange)
            if who is not None and found is not None:
                return _refuse(exchange, _TWO)
            found = who or found
        if b"authorization" not in facts.headers or not self._credentials:
            return found
        values = facts.values(b"authorization")
        bearers = [value for value in values if value[:7].lower() == _BEARER]
        if not bearers:
            return found
        if found is not None or len(values) > 1:
            return _refuse(exchange, _TWO)
        return await self._of_token(bearers[0][7:].strip(), exchange)

    async def _of_token(self, raw: bytes, exchange: Exchange) -> Principal | None:
        if len(raw) > _MOST or not raw.isascii() or not raw:
            return _refuse(exchange, _invalid("empty, too long, or not ASCII"))
        token = raw.decode("ascii")
        mine = [one for one in self._credentials if one.claims(token)]
        if len(mine) > 1:
            mine = [one for one in mine if isinstance(one, Told) and one.made_by(token)]
        if len(mine) != 1:
            return _refuse(exchange, _invalid("of no kind that is taken here"))
        verified = await mine[0].verify(token, exchange)
        return _refuse(exchange, _invalid(verified.why)) if isinstance(verified, Bad) else verified


def principals(*sources: ResolvePrincipal | Credential) -> Principals:
    """Compose: `harden(app, principal=principals(sessions.resolve, api_keys, bearer))`.

    Sources are resolvers (such as `Sessions.resolve`) and kinds of token (`ApiKeys`, `Bearer`), in any order.
    Raises OperatorError without any, or with one twice.
    """
    if not sources or len(set(map(id, sources))) != len(sources):
        raise OperatorError("principals() needs at least one source, and each once.")
    ambient = tuple(one for one in sources if not isinstance(one, Credential))
    credentials = tuple(one for one in sources if isinstance(one, Credential))
    return Principals(ambient, credentials)


_TWO: Final = Refuse(
    Reason.CREDENTIAL_AMBIGUOUS,
    400,
    ((b"www-authenticate", b'Bearer error="invalid_request"'),),
    layer=LAYER,
    detail="more than one credential",
    hint="Send one credential: a session cookie or one token, not both.",
)


def _invalid(why: str) -> Refuse:
    """RFC 6750, section 3.1. The client learns that the token is not good, and not in what way."""
    headers = ((b"www-authenticate", b'Bearer error="invalid_token"'),)
    return Refuse(
        Reason.CREDENTIAL_INVALID, 401, headers, layer=LAYER, detail=why, hint="The key or token is not valid here."
    )


def _refuse(exchange: Exchange, refusal: Refuse) -> Principal | None:
    """Nobody, and a closed door."""
    exchange.refusal = refusal
    return None
