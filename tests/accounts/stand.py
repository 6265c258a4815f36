"""What the tests of keys, tokens and second factors stand on: real services over memory, a clock that is moved by
hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from garrison.accounts.sessions import Sessions
from garrison.core.clock import Clock
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.core.ports import Detail, Services
from garrison.policy.model import SessionSection
from garrison.secrets.keyring import Keyring
from garrison.stores.memory import MemoryCounters
from garrison.stores.records import MemoryRecords
from tests.support.facts import make_facts

NOW = 1_800_000_000.0
ROOT = bytes(range(32))


@dataclass
class Stand:
    """`now` moves both clocks; `events` are (name, details) in order."""

    now: float = NOW
    roots: tuple[bytes, ...] = (ROOT,)
    events: list[tuple[str, dict[str, Detail]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now)
        keyring = Keyring(self.roots)
        self.records = MemoryRecords(clock, max_records=10_000)
        self.services = Services(
            clock=clock,
            emit=self._emit,
            counters=MemoryCounters(clock, max_keys=100_000),
            records=self.records,
            signer=keyring.signer,
            sealer=keyring.sealer,
        )
        self.sessions = Sessions(self.services, SessionSection())
        self.services.sessions = self.sessions
        self.services.session_id = self.sessions.session_id
        self.services.start_presession = self.sessions.start_presession

    def _emit(self, name: str, facts: Facts | None = None, /, **details: Detail) -> None:
        self.events.append((str(name), details))

    def told(self, name: str) -> list[dict[str, Detail]]:
        """The details of every event of that name."""
        return [details for each, details in self.events if each == name]

    def visit(self, *headers: tuple[bytes, bytes]) -> Exchange:
        """A request, not yet resolved."""
        return Exchange(make_facts(headers=headers), self.services)

    async def again(self, before: Exchange) -> Exchange:
        """The next request of the browser that got the answer of `before`."""
        kept: dict[bytes, bytes] = {}
        for line in before.cookies or []:
            name, _, value = line.split(b";")[0].partition(b"=")
            kept[name] = value
        exchange = self.visit((b"cookie", b"; ".join(name + b"=" + value for name, value in kept.items())))
        exchange.principal = await self.sessions.resolve(exchange.facts, exchange)
        return exchange

    async def member(self, id: str = "ann", *scopes: str) -> Exchange:
        """A request within a session of `id`."""
        exchange = self.visit()
        await exchange.log_in(Principal(id, scopes=frozenset(scopes)))
        return await self.again(exchange)
