"""The log-in guard: who may try a password now, and what becomes of it.

Threat: guessing one account's password (from one address or a botnet), stolen passwords tried on many accounts from one
address (stuffing), one common password tried on all accounts (spraying), learning which accounts exist, and locking an
owner out by failing in their name. NIST SP 800-63B-4 section 3.2.2; OWASP Authentication and Credential Stuffing
Prevention Cheat Sheets; ASVS 5.0 V6.3.

How: every attempt is charged before the password is looked at, in one atomic step, so attempts that come together can't
pass together. Success gives the charge back. Waits grow; after a hundred consecutive failures from untrusted devices an
account takes no further ones until it is recovered. A device that logged in before has a count of its own (`device`).
Accounts that don't exist are charged, hashed and answered like any other; keys are a keyed hash of the login, so that
neither the store nor a log holds names.

Assumption: `facts.client.key` is the client's (the client layer sees to it); the application asks for every password it
checks, a change of password too. Lets pass: a slow botnet, a hundred guesses an account in all. The right password at
the first attempt. Who sends it anyway: the guard can't tell whether a password came from its owner.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from math import ceil
from typing import Final

from ..core.errors import DependencyError
from ..core.exchange import Exchange, Principal
from ..core.names import PURPOSE_LOGIN
from ..core.ports import Services, Taken
from ..core.verdict import Reason, Refuse
from ..events.vocabulary import EventName
from ..policy.model import LoginSection
from .attempt import Attempt
from .device import Device, Devices
from .ladder import charges, spell, wait_of
from .login_counts import Quotas, Till, address_charges
from .login_state import Account, LoginStates

LAYER: Final = "login"
_LOCKED: Final = (
    "This account takes no log-in from new devices now. Recover it, or use a device you logged in on before."
)


class LoginGuard:
    """`attempt = await guard.begin(exchange, login)`: a `Refuse` to hand to the client, or an `Attempt`.

    services   clock, events, counters, records, signer
    section    the policy's `login`

    Raises `DependencyError` without counters or records.
    """

    def __init__(self, services: Services, section: LoginSection) -> None:
        if services.counters is None or services.records is None:
            raise DependencyError("The log-in guard needs counters and records.")
        self._services = services
        self._section = section
        self._quotas = Quotas.of(section)
        self._states = LoginStates(services.clock, services.records, section)
        self._devices = Devices(services, services.records, section)
        self._name = services.signer(PURPOSE_LOGIN)
        self._spray_until = 0.0
        self.till: Final = Till(services, services.counters)

    def account(self, login: str) -> Account:
        """What a login, as typed, is known as here: case, width and surrounding space make no difference."""
        normal = unicodedata.normalize("NFKC", login).casefold().strip().encode("utf-8", "surrogatepass")
        return Account(normal, self._name.sign(normal))

    async def begin(self, exchange: Exchange, login: str, *, vouched: bool = False) -> Refuse | Attempt:
        """Charge an attempt at `login`, before its password is looked at. The same for accounts that don't exist.

        vouched   a second factor of this account, or its recovery, was proven within this log-in: a locked account is
                  let through then

        Raises `DependencyError` when the record store is away. When only the counters are, stricter local ones hold.
        """
        account = self.account(login)
        state = await self._states.get(account)
        device = await self._devices.trusted(exchange, account.login, state.since)
        if device is not None:
            verdict = await self._from_device(exchange, account, device)
            if verdict is not None:
                return verdict
        if state.locked and not vouched:
            return self._refusal(exchange, account, _LOCKED, "locked")
        return await self._from_anywhere(exchange, account, vouched)

    async def _from_device(self, exchange: Exchange, account: Account, device: Device) -> Refuse | Attempt | None:
        """None for a device that has used up its trust: it is anybody from now on."""
        quotas = (*self._quotas.device, self._quotas.device_total)
        counters, charged, taken = await self.till.take(charges(quotas, device.id), facts=exchange.facts)
        if all(one.allowed for one in taken):
            return Attempt(self, exchange, account, device, counters, charged, tuple(taken))
        if not _of(taken, self._quotas.device_total.name).allowed:
            await self._distrust(exchange, account, device)
            return None
        return self._too_many(exchange, account, taken)

    async def _from_anywhere(self, exchange: Exchange, account: Account, vouched: bool) -> Refuse | Attempt:
        quotas, client = self._quotas, exchange.facts.client
        usual = charges(quotas.pair, f"{account.key}|{client.key}")
        usual += charges(quotas.account if vouched else (*quotas.account, quotas.total), account.key)
        usual += address_charges(quotas.address, quotas.wider, client)
        strict = charges(quotas.strict, account.key)
        if self._services.clock.monotonic() < self._spray_until or "store" in self._services.degraded():
            usual += strict
        counters, charged, taken = await self.till.take(usual, strict, exchange.facts)
        if all(one.allowed for one in taken):
            return Attempt(self, exchange, account, None, counters, charged, tuple(taken), vouched)
        if not vouched and not _of(taken, quotas.total.name).allowed:
            await self._lock(exchange, account)
            return self._refusal(exchange, account, _LOCKED, "locked")
        return self._too_many(exchange, account, taken)

    async def settle_success(self, attempt: Attempt, principal: Principal) -> None:
        """What `Attempt.succeed` leaves to the guard."""
        quotas, exchange = self._quotas, attempt.exchange
        mine = quotas.device if attempt.trusted else quotas.pair
        totals = {quotas.device_total.name if attempt.trusted else quotas.total.name}
        cleared = {quota.name for quota in mine} | totals
        given = [charge for charge in attempt.charged if charge[0].name not in cleared]
        await self.till.undo(attempt.counters, given, [one for one in attempt.charged if one[0].name in cleared])
        if attempt.vouched:
            await self._unlock(attempt.account)
        if attempt.device is None or self._devices.is_old(attempt.device):
            self._devices.issue(exchange, attempt.account.login)
        name = EventName.AUTHN_LOGIN_SUCCESS_AFTER_FAIL if attempt.had_failures else EventName.AUTHN_LOGIN_SUCCESS
        self._emit(name, attempt, principal=principal.id)

    async def settle_failure(self, attempt: Attempt) -> float:
        """What `Attempt.fail` leaves to the guard."""
        self._emit(EventName.AUTHN_LOGIN_FAIL, attempt)
        wait = wait_of(attempt.taken)
        if wait > 0:
            self._emit(EventName.AUTHN_LOGIN_FAIL_MAX, attempt, wait=round(wait))
        if attempt.device is not None:
            if not _of(attempt.taken, self._quotas.device_total.name).remaining:
                await self._distrust(attempt.exchange, attempt.account, attempt.device)
            return wait
        if not attempt.vouched and not _of(attempt.taken, self._quotas.total.name).remaining:
            await self._lock(attempt.exchange, attempt.account)
        await self._count_spray(attempt)
        return wait

    async def password_changed(
        self, exchange: Exchange, login: str, principal: Principal, *, recovered: bool = False
    ) -> None:
        """After a new password was stored: other sessions and other devices are worth nothing any more.

        recovered   by a recovery token, without the old password: all sessions end, and failures are forgotten

        Raises `DependencyError` when the store is away: ask again.
        """
        account = self.account(login)
        await self._states.renew(account, unlock=recovered)
        sessions = self._services.sessions
        if recovered:
            quotas = self._quotas
            await self.till.forget(charges((*quotas.account, quotas.total, *quotas.strict), account.key))
        if sessions is not None:
            await sessions.revoke_all(principal.id, keep=None if recovered else exchange)
        if not recovered and await exchange.renew_session():
            self._devices.issue(exchange, account.login)
        self._services.emit(
            EventName.AUTHN_PASSWORD_CHANGE, exchange.facts, principal=principal.id, recovered=recovered
        )

    async def _count_spray(self, attempt: Attempt) -> None:
        spray, now = self._quotas.spray, self._services.clock.monotonic()
        _, _, (taken,) = await self.till.take([(spray, "all")], facts=attempt.exchange.facts)
        if taken.allowed:
            return
        if now >= self._spray_until:
            self._emit(EventName.AUTHN_LOGIN_FAIL_MAX, attempt, scope="everywhere")
        self._spray_until = now + spray.window

    async def _lock(self, exchange: Exchange, account: Account) -> None:
        if await self._states.lock(account):
            self._services.emit(EventName.AUTHN_LOGIN_LOCK, exchange.facts, account=account.shown)

    async def _unlock(self, account: Account) -> None:
        try:
            await self.till.forget(charges((self._quotas.total,), account.key))
            await self._states.unlock(account)
        except DependencyError:
            return  # they are logged in, and this device is trusted now: the lock of others can wait

    async def _distrust(self, exchange: Exchange, account: Account, device: Device) -> None:
        await self._devices.revoke(device)
        self._services.emit(
            EventName.AUTHN_LOGIN_FAIL_MAX, exchange.facts, account=account.shown, scope="device", device=device.id
        )

    def _too_many(self, exchange: Exchange, account: Account, taken: Sequence[Taken]) -> Refuse:
        refused = [one for one in taken if not one.allowed]
        wait = max(one.retry_after for one in refused)
        hint = f"Too many failed attempts. Try again in {spell(wait)}."
        return self._refusal(exchange, account, hint, ", ".join(one.quota.name for one in refused), ceil(wait))

    def _refusal(self, exchange: Exchange, account: Account, hint: str, limits: str, wait: int | None = None) -> Refuse:
        self._services.emit(EventName.LIMIT_EXCEEDED, exchange.facts, account=account.shown, limits=limits)
        return Refuse(Reason.RATE_LIMITED, 429, retry_after=wait, layer=LAYER, detail=limits, hint=hint)

    def _emit(self, name: EventName, attempt: Attempt, **details: str | int) -> None:
        facts = attempt.exchange.facts
        device = attempt.device.id if attempt.device else None
        shown = attempt.account.shown
        self._services.emit(name, facts, account=shown, trusted=attempt.trusted, device=device, **details)


def _of(taken: Sequence[Taken], name: str) -> Taken:
    return next(one for one in taken if one.quota.name == name)
