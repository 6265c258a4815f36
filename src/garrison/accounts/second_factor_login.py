"""Between password and second factor: who has shown the first and owes the other.

Threat: an application that keeps this state in a cookie, a form field or a half-open session lets people skip the
second step, or finish it for another account. Here it is a record on the server, under the pre-session's hashed id, for
five minutes, and nobody is logged in until it is taken. `begin` makes a new pre-session, so that an id planted before
the password was typed leads nowhere (session fixation).

Lets pass: what `SecondFactor.check` lets pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ..core.errors import DependencyError
from ..core.exchange import Exchange, Principal
from ..core.ports import Services
from ..core.verdict import Refuse
from .login import LoginGuard
from .second_factor import Checked, SecondFactor

KIND: Final = "second-factor-owed"
LIFETIME: Final = 300.0


@dataclass(frozen=True, slots=True)
class Owed:
    """Who has shown the password, as `login`, and owes the code. Nobody is logged in."""

    principal: Principal
    login: str


class OwedFactors:
    """Implements the state above over `Records`. Every method raises `DependencyError` when the store is away."""

    def __init__(self, services: Services) -> None:
        if services.records is None:
            raise DependencyError("Log-ins in two steps need records.")
        self._services = services
        self._records = services.records

    async def begin(self, exchange: Exchange, principal: Principal, login: str) -> None:
        """The password of `principal` was right. Ask for the code on the next page.

        Raises RuntimeError for an application whose sessions are its own: the state has nothing to be bound to.
        """
        if self._services.start_presession is None:
            raise RuntimeError("log-ins in two steps need Garrison's sessions")
        key = self._services.start_presession(exchange)
        exchange.renew_csrf()
        scopes = " ".join(sorted(principal.scopes))
        data = {"principal": principal.id, "kind": principal.kind, "scopes": scopes, "login": login}
        await self._records.put(KIND, key, data, expires=self._services.clock.wall() + LIFETIME, expect=0)

    async def find(self, exchange: Exchange) -> Owed | None:
        """Who owes the code in this browser."""
        if exchange.session is None:
            return None
        record = await self._records.get(KIND, exchange.session)
        if record is None:
            return None
        data = record.data
        principal = Principal(str(data["principal"]), str(data["kind"]), frozenset(str(data["scopes"]).split()))
        return Owed(principal, str(data["login"]))

    async def take(self, exchange: Exchange) -> Owed | None:
        """The same, once: of two right codes at the same time, one logs in."""
        found = await self.find(exchange)
        if found is None or exchange.session is None:
            return None
        return found if await self._records.delete(KIND, exchange.session) else None


@dataclass(frozen=True, slots=True)
class NothingOwed:
    """The log-in was never begun in this browser, is finished, or took too long: begin again with the password."""


CodeOutcome: TypeAlias = Principal | Checked | NothingOwed | Refuse


class SecondStep:
    """The second half of a log-in: `begin` after the password, `finish` with the code.

    services   as `OwedFactors` wants them
    factor     judges codes
    guard      begins the session and trusts the device, as after a password alone
    """

    def __init__(self, services: Services, factor: SecondFactor, guard: LoginGuard) -> None:
        self._owed = OwedFactors(services)
        self._factor = factor
        self._guard = guard

    async def begin(self, exchange: Exchange, principal: Principal, login: str) -> bool:
        """Ask `principal` for a code if the account has a second factor on; whether it has."""
        if not await self._factor.is_on(principal.id):
            return False
        await self._owed.begin(exchange, principal, login)
        return True

    async def is_owed(self, exchange: Exchange) -> bool:
        """Whether the page that asks for a code has somebody to ask."""
        return await self._owed.find(exchange) is not None

    async def finish(self, exchange: Exchange, code: str) -> CodeOutcome:
        """Try a code. The principal once the session has begun; else what to tell.

        `Checked` is a code that did not pass, with the time to wait; `Refuse` comes from the log-in guard. Raises
        `DependencyError` when a store is away.
        """
        owed = await self._owed.find(exchange)
        if owed is None:
            return NothingOwed()
        checked = await self._factor.check(exchange, owed.principal.id, code)
        if not checked:
            return checked
        if await self._owed.take(exchange) is None:
            return NothingOwed()
        attempt = await self._guard.begin(exchange, owed.login, vouched=True)
        if isinstance(attempt, Refuse):
            return attempt
        async with attempt:
            await attempt.succeed(owed.principal)
        return owed.principal
