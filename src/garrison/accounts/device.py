"""The device cookie: what tells the owner's browser from a guesser's (OWASP, "Slow Down Online Guessing Attacks with
Device Cookies").

Threat: whoever guesses at an account also locks its owner out, if failures are counted by account alone. So a browser
that logged in fully gets a signed cookie for that one account. Its attempts count apart, and guessers' failures do not
count against it.

The cookie authenticates nobody: the password is asked for all the same. A stolen one gives its thief ten attempts, then
it is revoked. It holds a random id, the time it was issued, and a tag over both and the normalised login; it does not
show which account it is for. Assumption: `Records` keeps revocations as long as cookies live.
Lets pass: an owner on a new browser during an attack has to recover the account.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from ..core.cookies import cookie_reader
from ..core.exchange import Exchange
from ..core.names import PURPOSE_DEVICE
from ..core.ports import Records, Services
from ..policy.model import LoginSection

REVOKED: Final = "login-device"
_LONGEST: Final = 160


@dataclass(frozen=True, slots=True)
class Device:
    """A cookie whose tag holds for the account at hand. `issued` is wall time in whole seconds."""

    id: str
    issued: int


class Devices:
    """Reads, issues and revokes device cookies."""

    def __init__(self, services: Services, records: Records, section: LoginSection) -> None:
        self._clock = services.clock
        self._records = records
        self._section = section
        self._sign = services.signer(PURPOSE_DEVICE)
        self._read = cookie_reader(section.device_cookie)

    async def trusted(self, exchange: Exchange, login: bytes, since: float) -> Device | None:
        """The device behind `exchange`, if it is trusted for `login` since `since` or later. Raises DependencyError."""
        device = self._device(exchange, login)
        if device is None or device.issued < since:
            return None
        return None if await self._records.get(REVOKED, device.id) is not None else device

    def issue(self, exchange: Exchange, login: bytes) -> None:
        """Trust the browser behind `exchange` from now on: queues a new cookie."""
        identifier, issued = secrets.token_urlsafe(16), int(self._clock.wall())
        tag = self._sign.sign(_signed(identifier, str(issued), login))
        value, age = f"{identifier}.{issued}.{tag}", int(self._section.device_lifetime)
        line = f"{self._section.device_cookie}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={age}"
        exchange.set_cookie(line.encode("ascii"))

    def is_old(self, device: Device) -> bool:
        """Whether half of its time is over: a new cookie is due."""
        return self._clock.wall() - device.issued > self._section.device_lifetime / 2

    async def revoke(self, device: Device) -> None:
        """Trust `device` no more. Raises DependencyError."""
        await self._records.put(REVOKED, device.id, {}, expires=device.issued + self._section.device_lifetime)

    def _device(self, exchange: Exchange, login: bytes) -> Device | None:
        values = self._read(exchange.facts)
        if len(values) != 1 or len(values[0]) > _LONGEST or not values[0].isascii():
            return None
        identifier, _, rest = values[0].decode("ascii").partition(".")
        issued, _, tag = rest.partition(".")
        if not issued.isdecimal() or not self._sign.verify(_signed(identifier, issued, login), tag):
            return None
        age = self._clock.wall() - int(issued)
        return Device(identifier, int(issued)) if age <= self._section.device_lifetime else None


def _signed(identifier: str, issued: str, login: bytes) -> bytes:
    return f"{identifier}.{issued}.".encode("ascii") + login
