"""Step-up: sensitive actions ask for a log-in that is minutes old, not hours (OWASP ASVS 5.0, 7.5.1; RFC 9470).

Threat: an unlocked laptop, a stolen session cookie: whoever has the session changes the password, the second factor or
the mail address, and keeps the account. So such an action asks when this session last saw a password or a code.

Assumption: `confirm` is called only after a password or a code was checked. Lets pass: whoever has the session within
that time. Principals without a session of Garrison's (API keys, bearer tokens) are never fresh.
"""

from __future__ import annotations

from typing import Final

from ..core.errors import DependencyError
from ..core.exchange import Exchange
from ..core.ports import Detail, Services
from .session_info import KIND as SESSION

KIND: Final = "fresh-login"
_LONGEST: Final = 86400.0
_AT_ONCE: Final = 100


class Freshness:
    """When the session behind an exchange last saw its owner. Raises `DependencyError` when the store is away."""

    def __init__(self, services: Services) -> None:
        if services.records is None:
            raise DependencyError("Fresh log-ins need records.")
        self._records = services.records
        self._wall = services.clock.wall

    async def confirm(self, exchange: Exchange) -> bool:
        """The owner has just shown a password or a code: give the session a new id, and remember when.

        False when there is no session.
        """
        principal = exchange.principal
        if principal is None or not await exchange.renew_session() or exchange.session is None:
            return False
        now = self._wall()
        data: dict[str, Detail] = {"principal": principal.id, "at": now}
        await self._records.put(KIND, exchange.session, data, expires=now + _LONGEST)
        return True

    async def age(self, exchange: Exchange) -> float | None:
        """Seconds since the log-in or the last `confirm` of this session; None when there is no session."""
        moment = await self.moment(exchange)
        return max(0.0, self._wall() - moment) if moment is not None else None

    async def moment(self, exchange: Exchange) -> float | None:
        """The wall time of that."""
        if exchange.session is None or exchange.principal is None:
            return None
        session = await self._records.get(SESSION, exchange.session)
        if session is None or session.data.get("principal") != exchange.principal.id:
            return None
        confirmed = await self._records.get(KIND, exchange.session)
        moments = [session.data.get("begun"), confirmed.data.get("at") if confirmed else None]
        known = [float(one) for one in moments if isinstance(one, (int, float))]
        return max(known, default=None)

    async def latest(self, principal: str) -> float | None:
        """When any session of `principal` last saw its owner; None when there is none."""
        found = [*await self._records.find(SESSION, "principal", principal, limit=_AT_ONCE)]
        moments = [one.data.get("begun") for one in found]
        moments += [
            one.data.get("at") for one in await self._records.find(KIND, "principal", principal, limit=_AT_ONCE)
        ]
        return max((float(one) for one in moments if isinstance(one, (int, float))), default=None)
