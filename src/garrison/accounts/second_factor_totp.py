"""One-time codes by time (TOTP, RFC 6238) over pyotp: the pure part, without store or account.

Six digits, 30 seconds, HMAC-SHA-1 with a secret of 160 bits: what every authenticator app can do. SHA-1's collisions do
not matter to HMAC (RFC 6238, section 1.2; NIST SP 800-107r1, section 5.3).
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Final

from ..core.errors import DependencyError
from .compare import same

if TYPE_CHECKING:
    import pyotp

STEP: Final = 30
"""Seconds a code is shown."""
_DIGITS: Final = 6
_DRIFT: Final = 1
"""Time steps before and after the present one that hold too: clocks differ, and people type slowly (RFC 6238, 5.2)."""


def new_secret() -> str:
    """160 random bits in base 32. Raises DependencyError without pyotp."""
    return str(_pyotp().random_base32())


def provisioning_uri(secret: str, label: str, issuer: str) -> str:
    """The `otpauth://` address that an app reads from a QR code."""
    return _totp(secret).provisioning_uri(name=label, issuer_name=issuer)


def step_of(secret: str, typed: str, now: float) -> int | None:
    """The time step `typed` is the code of, among those that hold at `now`. Compares with every one of them."""
    code = "".join(typed.split())
    if len(code) != _DIGITS or not (code.isascii() and code.isdecimal()):
        return None
    totp, present = _totp(secret), int(now) // STEP
    steps = range(max(0, present - _DRIFT), present + _DRIFT + 1)
    found = [step for step in steps if same(totp.generate_otp(step), code)]
    return found[-1] if found else None


def _totp(secret: str) -> pyotp.TOTP:
    made: pyotp.TOTP = _pyotp().TOTP(secret, digits=_DIGITS, interval=STEP)
    return made


def _pyotp() -> ModuleType:
    try:
        import pyotp
    except ImportError as error:
        remedy = 'Install it: pip install "garrison[accounts]".'
        raise DependencyError("One-time codes need pyotp.", remedy=remedy) from error
    return pyotp
