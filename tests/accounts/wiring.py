"""Services for tests of accounts: everything real and in memory, a clock moved by hand, events kept in a list."""

from __future__ import annotations

from typing import Any

from garrison.accounts.login import LoginGuard
from garrison.accounts.sessions import Sessions
from garrison.core.exchange import Exchange
from garrison.core.facts import Facts
from garrison.core.ports import Detail, Records, Services
from garrison.policy.model import LoginSection, SessionSection
from garrison.secrets.keyring import Keyring
from garrison.stores.memory import MemoryCounters
from garrison.stores.records import MemoryRecords
from tests.contracts.hands import Hands
from tests.support.facts import make_facts

KEY = b"k" * 31 + b"1"


class World:
    """One application's services, and the visitors it has."""

    def __init__(self, records: Records | None = None, keys: tuple[bytes, ...] = (KEY,)) -> None:
        self.hands = Hands(1_800_000_000.0)
        self.events: list[tuple[str, dict[str, Detail]]] = []
        clock = self.hands.clock
        self.services = Services(
            clock=clock,
            emit=self._emit,
            counters=MemoryCounters(clock, max_keys=100_000),
            records=records or MemoryRecords(clock, max_records=10_000),
            signer=Keyring(keys).signer,
            sealer=Keyring(keys).sealer,
        )

    def _emit(self, name: str, facts: Facts | None = None, /, **details: Detail) -> None:
        self.events.append((str(name), details))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def guard(self, **section: Any) -> LoginGuard:
        self.sessions()
        return LoginGuard(self.services, LoginSection(**section))

    def sessions(self, **section: Any) -> Sessions:
        made = Sessions(self.services, SessionSection(**section))
        self.services.sessions = made
        return made

    def visit(self, *cookies: bytes, address: str = "203.0.113.9", agent: bytes | None = None) -> Exchange:
        """The next request of a browser that kept `cookies` (whole Set-Cookie lines)."""
        pairs = b"; ".join(line.split(b";")[0] for line in cookies)
        headers: list[tuple[bytes, bytes | None]] = [(b"cookie", pairs)] if pairs else [(b"cookie", None)]
        if agent is not None:
            headers.append((b"user-agent", agent))
        return Exchange(make_facts(headers=headers, address=address), self.services)


def cookie_named(exchange: Exchange, name: bytes) -> bytes:
    """The last cookie of that name that the exchange has queued."""
    return next(line for line in reversed(exchange.cookies or []) if line.startswith(name + b"="))
