"""A log-in attempt that was let through, and its three ends."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..core.errors import DependencyError
from ..core.exchange import Exchange, Principal
from ..core.ports import Counters, Taken
from .device import Device
from .login_counts import Charges
from .login_state import Account

if TYPE_CHECKING:
    from .login import LoginGuard


@dataclass(slots=True, eq=False, repr=False)
class Attempt:
    """One attempt that was let through. Settle it once: `succeed`, `fail` or `release`.

    As a context manager it settles itself: left without a word it failed, left by `DependencyError` (a store or the
    hashing queue) nothing was tried and it is released, left by any other exception it stays charged.

    trusted   whether a trusted device asks
    vouched   whether something else than the password has spoken for the account, see `LoginGuard.begin`
    """

    guard: LoginGuard
    exchange: Exchange
    account: Account
    device: Device | None
    counters: Counters
    charged: Charges
    taken: tuple[Taken, ...]
    vouched: bool = False
    is_settled: bool = False

    @property
    def trusted(self) -> bool:
        return self.device is not None

    @property
    def had_failures(self) -> bool:
        """Whether attempts before this one failed, from here."""
        return self.taken[0].remaining < self.taken[0].quota.burst - 1

    async def succeed(self, principal: Principal) -> None:
        """The log-in is complete: begin a session for `principal`, trust the device, forget the failures from here.

        Raises `DependencyError` when the session store is away: nobody is logged in then, and the attempt is open.
        """
        await self.exchange.log_in(principal)
        self.is_settled = True
        await self.guard.settle_success(self, principal)

    async def accept(self) -> None:
        """The password is right, and a second factor still has to come: the charge is given back, nothing else.

        Ask `LoginGuard.begin` again for the second factor, and let that attempt `succeed`.
        """
        await self.release()

    async def fail(self) -> float:
        """The password is wrong. Seconds until the next attempt would be let through, for the page that says so."""
        self.is_settled = True
        return await self.guard.settle_failure(self)

    async def release(self) -> None:
        """Nothing was tried after all: the charge is given back."""
        self.is_settled = True
        await self.guard.till.undo(self.counters, self.charged)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_settled:
            return
        if error is None:
            await self.fail()
        elif isinstance(error, DependencyError):
            await self.release()
