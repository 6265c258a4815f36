"""Between password and second factor: who has shown the first and owes the other.

Threat: an application that keeps this state in a cookie, a form field or a half-open session lets people skip the
second step, or finish it for another account. Here it is a record on the server, under the pre-session's hashed id, for
five minutes, and nobody is logged in until it is taken. `begin` makes a new pre-session, so that an id planted before
the password was typed leads nowhere (session fixation).

Lets pass: nothing by itself; the code is judged by `SecondFactor.check`.
"""

from __future__ import annotations

from typing import Final

from ..core.errors import DependencyError
from ..core.exchange import Exchange, Principal
from ..core.ports import Services

KIND: Final = "second-factor-owed"
LIFETIME: Final = 300.0


class OwedFactors:
    """Implements the state above over `Records`. Every method raises `DependencyError` when the store is away."""

    def __init__(self, services: Services) -> None:
        if services.records is None:
            raise DependencyError("Log-ins in two steps need records.")
        self._services = services
        self._records = services.records

    async def begin(self, exchange: Exchange, principal: Principal) -> None:
        """The password of `principal` was right. Ask for the code on the next page.

        Raises RuntimeError for an application whose sessions are its own: the state has nothing to be bound to.
        """
        if self._services.start_presession is None:
            raise RuntimeError("log-ins in two steps need Garrison's sessions")
        key = self._services.start_presession(exchange)
        exchange.renew_csrf()
        data = {"principal": principal.id, "kind": principal.kind, "scopes": " ".join(sorted(principal.scopes))}
        await self._records.put(KIND, key, data, expires=self._services.clock.wall() + LIFETIME, expect=0)

    async def principal(self, exchange: Exchange) -> Principal | None:
        """Who owes the code in this browser. They are not logged in: use it to check the code, and for nothing else."""
        if exchange.session is None:
            return None
        record = await self._records.get(KIND, exchange.session)
        if record is None:
            return None
        data = record.data
        return Principal(str(data["principal"]), str(data["kind"]), frozenset(str(data["scopes"]).split()))

    async def take(self, exchange: Exchange) -> Principal | None:
        """The same, once: call it when the code was right, and log in whom it returns."""
        principal = await self.principal(exchange)
        if principal is None or exchange.session is None:
            return None
        return principal if await self._records.delete(KIND, exchange.session) else None
