"""Log in with an identity provider: OpenID Connect, authorization code with PKCE (OpenID Connect Core 1.0; RFC 9700).

Threat: log-in CSRF and code injection (the attacker's code finishes in the victim's browser, or a stolen code in the
attacker's): state is a record on the server, bound to the browser's pre-session, for ten minutes and one use; the code
is bound to our verifier (PKCE, S256) and the ID token to our nonce. Mix-up: discovery and the `iss` parameter (RFC
9207) must name our issuer. Forged or foreign ID tokens: see `bearer_token`. Open redirect: `then` is a path of ours.

joserfc does the cryptography and httpx the requests, within our own bounds on size, time and redirects; a client
library for all of OAuth would add its own requests without these bounds.

Assumption: the redirect address is registered with the provider, exactly. The session cookie is SameSite=Lax or None:
with Strict it stays at home on the way back, and every log-in is refused. Lets pass: whom the provider lets in. The
access token is not used and not kept.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from ..core.errors import DependencyError, OperatorError
from ..core.exchange import Exchange
from ..core.ports import Record, Records, Services
from ..events.vocabulary import EventName
from ..secrets.secret import Secret
from .bearer_discovery import Discovery
from .bearer_http import Fetch
from .bearer_keys import IssuerKeys
from .bearer_token import TokenRefused, Wanted, read_token
from .compare import same

KIND: Final = "oidc-login"
LIFETIME: Final = 600.0
_PURPOSE: Final = "oidc-login"
_LONGEST_CODE: Final = 4096
_ERROR: Final = re.compile(r"[a-z_]{1,64}")
_LOCAL: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider, as agreed with it.

    issuer         exactly what it calls itself; its discovery document is below this address
    client_id, client_secret   what it gave you; the secret is None for a public client
    scopes         what is asked for besides "openid"
    algorithms     signatures of ID tokens that are accepted
    leeway         seconds clocks may differ
    """

    issuer: str
    client_id: str
    client_secret: Secret[str] | None = None
    scopes: tuple[str, ...] = ("email", "profile")
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway: float = 30.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider says has logged in.

    Keep accounts by `issuer` and `subject`: mail addresses are given to new people. `claims` are those of the ID token;
    believe an "email" only beside a true "email_verified". `then` is where the person wanted to go.
    """

    issuer: str
    subject: str
    claims: Mapping[str, Any] = field(repr=False)
    then: str = "/"


class OidcRefused(Exception):
    """The way back from the provider leads nowhere: show the log-in page again. `why` is for logs, not for people."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class OidcLogin:
    """`begin` on the way out, `finish` on the way back. One object per provider, made at start.

    provider   whom to ask
    fetch      how it is asked

    Raises `NotHttps` for an issuer without TLS, `DependencyError` without httpx. Both methods raise `DependencyError`
    when the provider or the store does not answer.
    """

    def __init__(self, provider: Provider, fetch: Fetch | None = None) -> None:
        if "none" in provider.algorithms or any(name.startswith("HS") for name in provider.algorithms):
            raise OperatorError("ID tokens need a signature of the provider's own: no `none`, no shared secret.")
        self._provider = provider
        self._fetch = fetch or Fetch()
        self._fetch.require(provider.issuer, "the identity provider")
        self._discovery = Discovery(provider.issuer, self._fetch)
        self._keys: IssuerKeys | None = None
        self._wanted = Wanted(
            provider.issuer, provider.client_id, provider.algorithms, ("JWT", ""), leeway=provider.leeway
        )

    def use_secret(self, secret: Secret[str]) -> None:
        """Ask with this client secret from now on: for `on_change` of a secret that was rotated."""
        self._provider = replace(self._provider, client_secret=secret)

    async def begin(self, exchange: Exchange, redirect_uri: str, then: str = "/") -> str:
        """The provider's address to redirect to.

        redirect_uri   the registered address that `finish` is called at
        then           a path of this site to go to afterwards; anything else counts as "/"
        """
        services, asked = exchange.services, await self._discovery.address("authorization_endpoint")
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        data = {
            "session": _bound_to(exchange),
            "nonce": nonce,
            "verifier": services.sealer(_PURPOSE).seal(verifier.encode("ascii"), state),
            "redirect": redirect_uri,
            "then": then if _LOCAL.fullmatch(then) else "/",
        }
        expires = services.clock.wall() + LIFETIME
        await _records(services).put(KIND, _hash(state), data, expires=expires, expect=0)
        parameters = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(("openid", *self._provider.scopes)),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        parts = urlsplit(asked)
        return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(parameters))))))

    async def finish(self, exchange: Exchange, query: Mapping[str, str]) -> Identity:
        """Whom the provider sent back with `query`. Log them in with `exchange.log_in(…)`. Raises `OidcRefused`."""
        try:
            return await self._finish(exchange, query)
        except OidcRefused as refused:
            exchange.services.emit(EventName.CREDENTIAL_REFUSED, exchange.facts, layer="oidc", detail=refused.why)
            raise

    async def _finish(self, exchange: Exchange, query: Mapping[str, str]) -> Identity:
        record, state = await _take(exchange, query.get("state", ""))
        await self._check_answer(query)
        sealer = exchange.services.sealer(_PURPOSE)
        verifier = sealer.open(str(record.data["verifier"]), state).decode("ascii")
        token = await self._exchange_code(query["code"], str(record.data["redirect"]), verifier)
        try:
            claims = await read_token(token, self._issuer_keys(exchange), self._wanted, exchange.services.clock.wall())
        except TokenRefused as refused:
            raise OidcRefused(f"ID token: {refused.why}") from None
        _check_id_token(claims, self._provider.client_id, str(record.data["nonce"]))
        return Identity(self._provider.issuer, str(claims["sub"]), claims, str(record.data["then"]))

    async def _check_answer(self, query: Mapping[str, str]) -> None:
        if "error" in query:
            told = query["error"]
            raise OidcRefused(f"the provider says {told if _ERROR.fullmatch(told) else 'no'}")
        issuer = query.get("iss")
        document = await self._discovery.document()
        if issuer is None and document.get("authorization_response_iss_parameter_supported") is True:
            raise OidcRefused("the answer does not say who gives it")
        if issuer is not None and issuer != self._provider.issuer:
            raise OidcRefused("the answer is of another issuer")
        if not 0 < len(query.get("code", "")) <= _LONGEST_CODE:
            raise OidcRefused("there is no code")

    async def _exchange_code(self, code: str, redirect_uri: str, verifier: str) -> str:
        provider = self._provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": provider.client_id,
        }
        login = (provider.client_id, provider.client_secret.reveal()) if provider.client_secret else None
        status, answer = await self._fetch.post(await self._discovery.address("token_endpoint"), form, login)
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            raise OidcRefused(f"the provider gave no ID token (status {status})")
        return token

    def _issuer_keys(self, exchange: Exchange) -> IssuerKeys:
        if self._keys is None:
            self._keys = IssuerKeys(exchange.services, self._load_keys)
        return self._keys

    async def _load_keys(self) -> Mapping[str, Any]:
        return await self._fetch.get(await self._discovery.address("jwks_uri"))


async def _take(exchange: Exchange, state: str) -> tuple[Record, str]:
    """The record of `state`, which is gone then: of two answers with one state, one goes on."""
    records = _records(exchange.services)
    record = await records.get(KIND, _hash(state)) if state.isascii() else None
    if record is None or not await records.delete(KIND, record.id):
        raise OidcRefused("the state is unknown, used or too old")
    if exchange.session is None or not same(str(record.data["session"]), exchange.session):
        raise OidcRefused("the state is of another browser")
    return record, state


def _check_id_token(claims: Mapping[str, Any], client_id: str, nonce: str) -> None:
    """OpenID Connect Core 1.0, section 3.1.3.7, what is left of it after `read_token`."""
    given, party = claims.get("nonce"), claims.get("azp")
    if not isinstance(given, str) or not same(given, nonce):
        raise OidcRefused("ID token: it was made for another log-in (nonce)")
    audience = claims["aud"]
    if (party is not None or (isinstance(audience, list) and len(audience) > 1)) and party != client_id:
        raise OidcRefused("ID token: it was made for another client (azp)")


def _bound_to(exchange: Exchange) -> str:
    """What the way back is bound to: the session of who is logged in, else a new pre-session that nobody planted."""
    if exchange.principal is not None and exchange.session is not None:
        return exchange.session
    if exchange.services.start_presession is None:
        raise RuntimeError("logging in with a provider needs Garrison's sessions")
    key = exchange.services.start_presession(exchange)
    exchange.renew_csrf()
    return key


def _records(services: Services) -> Records:
    if services.records is None:
        raise DependencyError("Logging in with a provider needs records.")
    return services.records


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode("ascii")).hexdigest()


def _challenge(verifier: str) -> str:
    """RFC 7636, section 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode("ascii").rstrip("=")
