"""Password hashing with argon2id (RFC 9106; OWASP Password Storage Cheat Sheet; NIST SP 800-63B-4, section 3.1.1.2).

Threat: a stolen database; learning who has an account from how long an answer takes; a flood of log-ins (see `pool`).
So: argon2id under a cited profile, the same work whether or not there is an account, and hashes renewed at log-in when
the profile has changed.

Assumption: the profile is not below what `profiles` cites. Lets pass: a stored hash of an older profile takes another
time than today's until its owner logs in again; hashes of other schemes never verify.
"""

from __future__ import annotations

import secrets
import unicodedata
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from ..core.clock import SYSTEM, Clock
from ..core.errors import DependencyError
from ..policy.model import PasswordsSection
from .pool import HashingPool
from .profiles import Profile, profile

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_NOBODY: Final = b"\0"
"""Hashed in place of a password that can't be right, so that the answer takes as long as any other."""


class LibraryMissing(DependencyError):
    """argon2-cffi is not installed."""

    def __init__(self) -> None:
        super().__init__("Hashing passwords needs argon2-cffi.", remedy='pip install "garrison[accounts]"')


class Passwords:
    """Hash and verify, off the event loop. One object per process; `accounts_of(exchange).passwords` is Garrison's.

    section       the policy's `passwords`
    development   whether the profile `testing` is accepted

    Raises `UnknownProfile` and `ProfileRefused` (both `OperatorError`). argon2-cffi is loaded when the first hash is
    made: without it that raises `LibraryMissing`.
    """

    def __init__(
        self, section: PasswordsSection | None = None, *, development: bool = False, clock: Clock = SYSTEM
    ) -> None:
        section = section or PasswordsSection()
        self.profile: Final = profile(section.profile, development=development)
        self._longest = section.max_length
        self._pool = HashingPool(section.threads, section.waiting, clock)
        self._dummy = _dummy(self.profile)
        self._ready: PasswordHasher | None = None

    async def hash(self, password: str) -> str:
        """The hash to store, in PHC string format. Raises `HashingBusy`, and ValueError for what no rule lets pass."""
        prepared = prepare(password, self._longest)
        if prepared is None:
            raise ValueError("this password is too long or no text; ask PasswordRules first")
        return await self._pool.run(self._hasher().hash, prepared)

    async def verify(self, stored: str | None, password: str, *, favoured: bool = False) -> bool:
        """Whether `password` fits; `stored` None is an unknown account and costs the same. Raises `HashingBusy`.

        favoured   a trusted device asks: it may wait in the longer queue
        """
        prepared = prepare(password, self._longest)
        fits = stored is not None and stored.startswith("$argon2") and prepared is not None
        target = stored if stored is not None and fits else self._dummy
        return await self._pool.run(self._verify, target, prepared or _NOBODY, favoured=favoured) and fits

    def is_outdated(self, stored: str) -> bool:
        """Whether `stored` was made with another profile than today's. Ask after a log-in, then hash anew."""
        try:
            return self._hasher().check_needs_rehash(stored)
        except ValueError:  # argon2's InvalidHashError: not a hash of argon2 at all
            return True

    def close(self) -> None:
        """End the threads."""
        self._pool.close()

    def _verify(self, stored: str, prepared: bytes) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher().verify(stored, prepared)
        except (VerificationError, InvalidHashError):
            return False

    def _hasher(self) -> PasswordHasher:
        if self._ready is None:
            self._ready = _hasher(self.profile)
        return self._ready


def prepare(password: str, longest: int) -> bytes | None:
    """The bytes that are hashed: NFC (NIST SP 800-63B-4, section 3.1.1.2), UTF-8, never cut.

    None for what is longer than `longest` code points before or after that, and for what is no Unicode text.
    """
    if len(password) > longest:
        return None
    normal = unicodedata.normalize("NFC", password)
    if len(normal) > longest:
        return None
    try:
        return normal.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def _hasher(chosen: Profile) -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise LibraryMissing from error
    return PasswordHasher(chosen.passes, chosen.memory, chosen.lanes, hash_len=chosen.tag, salt_len=chosen.salt)


def _dummy(chosen: Profile) -> str:
    """A hash no password fits, of the profile's cost. Random bytes do: nobody needs to have hashed anything."""
    salt, tag = (b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (chosen.salt, chosen.tag))
    return f"$argon2id$v=19$m={chosen.memory},t={chosen.passes},p={chosen.lanes}${salt}${tag}"
