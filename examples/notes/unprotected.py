"""The same application without Garrison: the control that tests compare with. Never serve it.

It stands in for what the pages ask of `request.state.garrison` in the careless way: a plain cookie that every site's
requests carry, no CSRF token, no headers, no limits.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI

from garrison.accounts import Accounts
from garrison.asgi.facts import ReadFacts
from garrison.asgi.types import Message, Receive, Scope, Send
from garrison.core.clock import SYSTEM
from garrison.core.cookies import cookie_reader
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.core.names import STATE_KEY
from garrison.core.ports import Quota, Services, Taken
from garrison.policy.model import Policy
from garrison.secrets.keyring import Keyring
from garrison.stores.records import MemoryRecords

from .app import create_app, default_policy
from .settings import Settings

_COOKIE: Final = "session"


class _Countless:
    """Counters that never refuse."""

    local = True

    def take(self, charges: Sequence[tuple[Quota, str]], cost: int = 1) -> Sequence[Taken]:
        return [Taken(quota, True, quota.burst, 0.0) for quota, _ in charges]

    def give_back(self, charges: Sequence[tuple[Quota, str]], cost: int = 1) -> None:
        """There is nothing to give back."""

    def forget(self, quota: Quota, key: str) -> None:
        """There is nothing to forget."""


class _NaiveSessions:
    """Sessions in a dictionary, in a cookie with SameSite=None."""

    def __init__(self) -> None:
        self._principals: dict[str, Principal] = {}
        self._read = cookie_reader(_COOKIE)

    def find(self, facts: Facts) -> tuple[str | None, Principal | None]:
        values = [value.decode("latin-1") for value in self._read(facts)]
        known = [value for value in values if value in self._principals]
        return (known[0], self._principals[known[0]]) if known else (None, None)

    async def log_in(self, exchange: Exchange, principal: Principal) -> None:
        identifier = secrets.token_urlsafe(16)
        self._principals[identifier] = principal
        exchange.principal = principal
        exchange.set_cookie(f"{_COOKIE}={identifier}; Path=/; Secure; SameSite=None".encode())

    async def renew(self, exchange: Exchange, principal: Principal | None = None) -> bool:
        """The id stays what it was."""
        return False

    async def revoke_all(self, principal_id: str, *, keep: Exchange | None = None) -> int:
        """Sessions here never end."""
        return 0

    async def log_out(self, exchange: Exchange) -> None:
        self._principals.pop(exchange.session or "", None)
        exchange.set_cookie(f"{_COOKIE}=; Path=/; Secure; SameSite=None; Max-Age=0".encode())


class Unprotected:
    """`create_app(settings)` with the stand-in. `app` is the application itself. Raises ValueError in production."""

    def __init__(self, settings: Settings) -> None:
        if not settings.development:
            raise ValueError("the unprotected application is a control for tests, never for production")
        self.app: FastAPI = create_app(settings)
        policy = Policy(environment="development")
        self._read = ReadFacts(policy, [])
        self._sessions = _NaiveSessions()
        self._services = Services(
            nonces=lambda: "control",
            sessions=self._sessions,
            counters=_Countless(),
            uploads=default_policy(settings).uploads,
            records=MemoryRecords(SYSTEM, max_records=1000),
            signer=Keyring([secrets.token_bytes(32)]).signer,
        )
        self._services.accounts = Accounts.build(self._services, policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] not in {"http", "websocket"}:
            return await self.app(scope, receive, send)
        facts = self._read(scope)
        exchange = Exchange(facts, self._services)
        exchange.session, exchange.principal = self._sessions.find(facts)

        async def send_with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start" and exchange.cookies:
                cookies = [(b"set-cookie", line) for line in exchange.cookies]
                message = {**message, "headers": [*message.get("headers", ()), *cookies]}
            await send(message)

        inner = {**scope, "state": {**scope.get("state", {}), STATE_KEY: exchange}}
        return await self.app(inner, receive, send_with_cookies)
