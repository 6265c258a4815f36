"""What is remembered about an account's log-ins for longer than counters do: a lock, and since when devices count.

Kept by a keyed hash of the login, for accounts that exist and for those that don't. Records are written only when an
account is locked (a hundred failures, hours of them) or its password changes, so that guessers can't fill the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..core.clock import Clock
from ..core.errors import DependencyError
from ..core.ports import Record, Records
from ..policy.model import LoginSection

KIND: Final = "login"
_YEAR: Final = 365 * 86400.0


@dataclass(frozen=True, slots=True)
class Account:
    """A login: `login` normalised, `key` what counters and records are kept under."""

    login: bytes = field(repr=False)
    key: str

    @property
    def shown(self) -> str:
        """A short name for events: tells accounts apart, and not who they are."""
        return self.key.partition(".")[2][:12]


@dataclass(frozen=True, slots=True)
class State:
    """`locked`: untrusted devices are turned away. `since`: wall time before which no device is trusted."""

    locked: bool = False
    since: float = 0.0


class LoginStates:
    """States by account. Every method raises `DependencyError` when the store is away."""

    def __init__(self, clock: Clock, records: Records, section: LoginSection) -> None:
        self._clock = clock
        self._records = records
        self._keep = max(_YEAR, section.device_lifetime)

    async def get(self, account: Account) -> State:
        return _state(await self._records.get(KIND, account.key))

    async def lock(self, account: Account) -> bool:
        """Turn untrusted devices away. Whether it is this call that did."""
        record = await self._records.get(KIND, account.key)
        state = _state(record)
        return not state.locked and await self._put(account, record, State(True, state.since))

    async def renew(self, account: Account, *, unlock: bool) -> None:
        """Trust no device of before now; `unlock` lifts a lock."""
        now = float(int(self._clock.wall()))
        await self._change(account, lambda state: State(state.locked and not unlock, now))

    async def unlock(self, account: Account) -> None:
        """Lift a lock."""
        if (await self.get(account)).locked:
            await self._change(account, lambda state: State(False, state.since))

    async def _change(self, account: Account, change: Callable[[State], State]) -> None:
        for _ in range(5):  # somebody may write at the same time
            record = await self._records.get(KIND, account.key)
            if await self._put(account, record, change(_state(record))):
                return
        raise DependencyError("The state of an account could not be written: others write it all the time.")

    async def _put(self, account: Account, record: Record | None, state: State) -> bool:
        data = {"locked": state.locked, "since": state.since}
        expires = self._clock.wall() + self._keep
        version = record.version if record is not None else 0
        return await self._records.put(KIND, account.key, data, expires=expires, expect=version) is not None


def _state(record: Record | None) -> State:
    if record is None:
        return State()
    since = record.data.get("since")
    return State(record.data.get("locked") is True, since if isinstance(since, (int, float)) else 0.0)
