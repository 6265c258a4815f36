"""The second factor: one-time codes by time (TOTP, RFC 6238) and recovery codes.

Threat: a password that is known to somebody else. Guessing the six digits (three of a million hold at any time): every
attempt is charged to the account before the code is looked at, and after a hundred consecutive failures only a recovery
code lets in (NIST SP 800-63B-4, section 3.2.2). Replay of a code seen over a shoulder or on a phishing page: a time
step is accepted once, and only steps after the last accepted one. Two requests at once: the store's version decides
which of them took the step. A stolen store: secrets are sealed for their account (`secrets.sealing`), recovery codes
hashed.

Assumption: the password was checked before, and the caller sees to it that `account` is whose password it was
(`second_factor_login`). The clock is right to half a minute. Lets pass: whoever relays a code at once (TOTP is not
resistant to phishing; passkeys are), and whoever holds the device.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..core.errors import DependencyError
from ..core.exchange import Exchange
from ..core.ports import Detail, Quota, Record, Seal, Services
from ..events.vocabulary import EventName
from ..policy.model import SecondFactorSection
from .recovery import hash_code, looks_like_code, make_codes, without
from .second_factor_totp import new_secret, provisioning_uri, step_of

KIND: Final = "second-factor"
SETUP: Final = "second-factor-setup"
_PURPOSE: Final = "second-factor"
_SETUP_LIFETIME: Final = 900.0
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Setup:
    """What the person's app needs: `uri` as a QR code, `secret` to type. Shown once, never stored or logged."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a code. True in a condition when it passed.

    passed   the code holds, and will not hold again
    how      "totp" or "recovery" when it passed
    wait     seconds until the next attempt is looked at, above 0 when this one was not
    locked   only a recovery code lets in now
    left     recovery codes left
    """

    passed: bool = False
    how: str = ""
    wait: float = 0.0
    locked: bool = False
    left: int = 0

    def __bool__(self) -> bool:
        return self.passed


class SecondFactor:
    """Set up, check and turn off the second factor of accounts. `account` is a principal's id.

    services   clock, events, counters, records, sealer
    section    the policy's `second_factor`

    Raises `DependencyError` without counters or records; so does every method when a store is away.
    """

    def __init__(self, services: Services, section: SecondFactorSection) -> None:
        if services.counters is None or services.records is None:
            raise DependencyError("The second factor needs counters and records.")
        self._services = services
        self._counters = services.counters
        self._records = services.records
        self._section = section
        self._sealer: Seal | None = None
        self._quotas = tuple(
            Quota(f"second-factor-{place}", rate.limit, rate.window, rate.burst)
            for place, rate in enumerate(section.attempts)
        )

    @property
    def _seal(self) -> Seal:
        if self._sealer is None:  # an application without second factors needs no keyring for them
            self._sealer = self._services.sealer(_PURPOSE)
        return self._sealer

    async def is_on(self, account: str) -> bool:
        """Whether `account` has a second factor that was confirmed."""
        return await self._records.get(KIND, account) is not None

    async def set_up(self, account: str, label: str) -> Setup:
        """Begin: a new secret, good for `confirm` within 15 minutes. One in force stays in force until then.

        label   what the app shows beside the issuer, usually the mail address
        """
        secret = new_secret()
        sealed = self._seal.seal(secret.encode("ascii"), account)
        expires = self._services.clock.wall() + _SETUP_LIFETIME
        await self._records.put(SETUP, account, {"secret": sealed}, expires=expires)
        return Setup(secret, provisioning_uri(secret, label, self._section.issuer))

    async def confirm(self, exchange: Exchange, account: str, code: str) -> tuple[str, ...] | None:
        """Turn it on with the first code of the new secret: recovery codes, to be shown once. None: a wrong code."""
        if await self._charge(exchange, account) > 0:
            return None
        setup = await self._records.get(SETUP, account)
        step = None if setup is None else self._step_of(str(setup.data["secret"]), account, code)
        if setup is None or step is None or not await self._records.delete(SETUP, account):
            return None
        codes = make_codes(self._section.recovery_codes)
        data = {"secret": setup.data["secret"], "step": step, "failures": 0, "codes": _joined(codes)}
        await self._records.put(KIND, account, data)
        await self._forgive(account)
        self._emit(EventName.SECOND_FACTOR_CHANGED, exchange, account, change="on")
        return codes

    async def check(self, exchange: Exchange, account: str, code: str) -> Checked:
        """Judge a code of six digits or a recovery code, and use it up. Ask after the password, never before."""
        is_recovery = looks_like_code(code)
        wait = 0.0 if is_recovery else await self._charge(exchange, account)
        if wait > 0:
            return Checked(wait=wait)
        for _ in range(_TRIES):  # somebody may write at the same time
            record = await self._records.get(KIND, account)
            if record is None:
                return Checked()
            judged, data = self._judge(record, code, recovery=is_recovery)
            if await self._records.put(KIND, account, data, expect=record.version) is not None:
                return await self._settle(exchange, account, judged)
        return Checked()

    async def codes_left(self, account: str) -> int:
        """Recovery codes that were not used."""
        record = await self._records.get(KIND, account)
        return 0 if record is None else len(_hashes(record))

    async def renew_codes(self, exchange: Exchange, account: str) -> tuple[str, ...]:
        """New recovery codes, to be shown once; the old ones are worth nothing from now on. Empty: it is not on."""
        codes = make_codes(self._section.recovery_codes)
        for _ in range(_TRIES):
            record = await self._records.get(KIND, account)
            if record is None:
                break
            data = {**record.data, "codes": _joined(codes)}
            if await self._records.put(KIND, account, data, expect=record.version) is not None:
                self._emit(EventName.SECOND_FACTOR_CHANGED, exchange, account, change="codes")
                return codes
        return ()

    async def turn_off(self, exchange: Exchange, account: str) -> None:
        """Take it away, recovery codes included. Ask for a fresh log-in before (`fresh_login`)."""
        await self._records.delete(SETUP, account)
        if await self._records.delete(KIND, account):
            self._emit(EventName.SECOND_FACTOR_CHANGED, exchange, account, change="off")

    def _judge(self, record: Record, code: str, *, recovery: bool) -> tuple[Checked, Mapping[str, Detail]]:
        """What `code` is worth, and the record as it is to be written then."""
        data, hashes = record.data, _hashes(record)
        if recovery:
            left = without(hashes, code)
            if left is not None:
                passed = Checked(True, "recovery", left=len(left))
                return passed, {**data, "codes": " ".join(left), "failures": 0}
            return Checked(left=len(hashes)), data  # 120 bits are not guessed: no reason to lock anything
        failures = int(data["failures"] or 0)
        if failures >= self._section.failures:
            return Checked(locked=True), data
        step = self._step_of(str(data["secret"]), record.id, code)
        if step is None or step <= int(data["step"] or 0):
            locked = failures + 1 >= self._section.failures
            return Checked(locked=locked), {**data, "failures": failures + 1}
        fresh = self._sealed_anew(str(data["secret"]), record.id)
        return Checked(True, "totp", left=len(hashes)), {**data, "secret": fresh, "step": step, "failures": 0}

    def _step_of(self, sealed: str, account: str, code: str) -> int | None:
        """The time step `code` is of, if it is one of those that hold now."""
        try:
            secret = self._seal.open(sealed, account).decode("ascii")
        except DependencyError:  # the sealing key left the keyring: recovery codes still let in
            self._services.emit(EventName.CRYPT_DECRYPT_FAIL, None, what="second factor", principal=account)
            return None
        return step_of(secret, code, self._services.clock.wall())

    def _sealed_anew(self, sealed: str, account: str) -> str:
        return self._seal.seal(self._seal.open(sealed, account), account) if self._seal.is_old(sealed) else sealed

    async def _charge(self, exchange: Exchange, account: str) -> float:
        """Charge an attempt. Seconds to wait when it is not to be looked at."""
        taken = self._counters.take([(quota, account) for quota in self._quotas])
        if inspect.isawaitable(taken):
            taken = await taken
        wait = max((one.retry_after for one in taken if not one.allowed), default=0.0)
        if wait > 0:
            self._emit(EventName.LIMIT_EXCEEDED, exchange, account, limits="second-factor")
        return wait

    async def _forgive(self, account: str) -> None:
        for quota in self._quotas:
            waiting = self._counters.forget(quota, account)
            if waiting is not None:
                await waiting

    async def _settle(self, exchange: Exchange, account: str, judged: Checked) -> Checked:
        if not judged:
            self._emit(EventName.SECOND_FACTOR_FAILED, exchange, account, locked=judged.locked)
            return judged
        if judged.how == "recovery":
            self._emit(EventName.RECOVERY_CODE_USED, exchange, account, left=judged.left)
        await self._forgive(account)
        return judged

    def _emit(self, name: EventName, exchange: Exchange, account: str, **details: Detail) -> None:
        self._services.emit(name, exchange.facts, principal=account, **details)


def _joined(codes: tuple[str, ...]) -> str:
    return " ".join(map(hash_code, codes))


def _hashes(record: Record) -> list[str]:
    return str(record.data["codes"]).split()
