"""Which counters a log-in attempt is charged to, and taking from the store in one step.

An untrusted attempt counts for the pair (account, network), the account, the address and its wider IPv6 network, and
towards the account's cap. A trusted device counts for itself alone, so that nothing guessers do reaches it.

When the shared store is away, counters of this process take over, and with them the strict ladders: fewer attempts than
ever, never none at all, and never without limit (DESIGN: "local and stricter, never open").
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final, TypeAlias

from ..core.errors import DependencyError
from ..core.facts import Client, Facts
from ..core.ports import Counters, Quota, Services, Taken
from ..events.vocabulary import EventName
from ..policy.model import LoginSection
from ..policy.units import Rate
from ..stores.memory import MemoryCounters
from .ladder import cap, charges, ladder

Charges: TypeAlias = Sequence[tuple[Quota, str]]
_LOCAL_KEYS: Final = 200_000
_ALL: Final = 1_000_000
"""More than any of the quotas holds: given back, it leaves a key whole, all keys in one step."""
_WIDER: Final = 8
"""How many times the rate of an address a /48 of IPv6 may use: whoever owns one owns 65,536 networks."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """The section's numbers as quotas. `strict` ladders hold beside the others in bad times."""

    pair: tuple[Quota, ...]
    account: tuple[Quota, ...]
    total: Quota
    device: tuple[Quota, ...]
    device_total: Quota
    strict: tuple[Quota, ...]
    address: tuple[Quota, ...]
    wider: tuple[Quota, ...]
    spray: Quota

    @classmethod
    def of(cls, section: LoginSection) -> Quotas:
        waits = (section.wait, max(section.wait, section.longest_wait))
        return cls(
            pair=ladder("login-pair", section.free, *waits),
            account=ladder("login-account", max(section.free, section.account_free), *waits),
            total=cap("login-total", section.failures),
            device=ladder("login-device", min(section.free, section.device_failures), *waits),
            device_total=cap("login-device-total", section.device_failures),
            strict=ladder("login-strict", 1, *waits),
            address=quotas(section.address, "login-address"),
            wider=quotas(section.address, "login-network", _WIDER),
            spray=quotas((section.spray,), "login-spray")[0],
        )


def quotas(rates: Sequence[Rate], name: str, times: int = 1) -> tuple[Quota, ...]:
    """A quota per rate, `times` as wide."""
    return tuple(
        Quota(f"{name}-{place}", rate.limit * times, rate.window, rate.burst * times)
        for place, rate in enumerate(rates)
    )


def address_charges(own: Sequence[Quota], wider: Sequence[Quota], client: Client) -> list[tuple[Quota, str]]:
    """The client's key under `own`, and for IPv6 its /48 under `wider`. Nothing for a client that nobody can name."""
    if not client.key:
        return []
    found = charges(own, client.key)
    if isinstance(client.address, IPv6Address):
        found += charges(wider, f"{int(client.address) >> 80:012x}")
    return found


class Till:
    """Takes charges from the shared store, or from this process's own counters while that is away."""

    def __init__(self, services: Services, shared: Counters) -> None:
        self._services = services
        self._shared = shared
        self._local = MemoryCounters(services.clock, max_keys=_LOCAL_KEYS)
        self._away = False

    async def take(
        self, usual: Charges, stricter: Charges = (), facts: Facts | None = None
    ) -> tuple[Counters, Charges, Sequence[Taken]]:
        """Charge `usual`; while the store is away `usual` and `stricter` locally. Also what was charged, and where."""
        try:
            taken = await _done(self._shared.take(usual))
        except DependencyError as error:
            self._note(True, facts, type(error).__name__)
            both = [*usual, *stricter]
            return self._local, both, self._local.take(both)
        self._note(False, facts)
        return self._shared, usual, taken

    async def undo(self, counters: Counters, given: Charges, forgotten: Charges = ()) -> None:
        """Give back one of each of `given`, and make `forgotten` whole. A store that is away keeps what it has."""
        try:
            await _maybe(counters.give_back(given))
            await _maybe(counters.give_back(forgotten, _ALL))
        except DependencyError as error:
            self._note(True, None, type(error).__name__)

    async def forget(self, forgotten: Charges) -> None:
        """Make `forgotten` whole, here and in the store. Raises DependencyError."""
        self._local.give_back(forgotten, _ALL)
        await _maybe(self._shared.give_back(forgotten, _ALL))

    def _note(self, away: bool, facts: Facts | None, error: str = "") -> None:
        if away is not self._away:
            self._away = away
            name = EventName.DEGRADED if away else EventName.RECOVERED
            self._services.emit(name, facts, part="log-in counters", error=error)


async def _done(taken: Sequence[Taken] | Awaitable[Sequence[Taken]]) -> Sequence[Taken]:
    return await taken if inspect.isawaitable(taken) else taken


async def _maybe(waiting: Awaitable[None] | None) -> None:
    if waiting is not None:
        await waiting
