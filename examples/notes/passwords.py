"""Password hashing with argon2id (RFC 9106; OWASP Password Storage Cheat Sheet).

Threat: a stolen database; guessing which accounts exist from answers or their timing; a flood of log-ins that takes all
memory. So: argon2id with the library's RFC 9106 profile, the same work for unknown accounts, and at most two hashes at
once, off the event loop.
"""

from __future__ import annotations

import secrets
from typing import Final

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE: Final = 2


class Passwords:
    """Hash and verify. One object for the process. `fast` is for test suites and worth nothing against an attacker."""

    def __init__(self, *, fast: bool = False) -> None:
        self._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1) if fast else PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))
        self._limiter: CapacityLimiter | None = None

    async def hash(self, password: str) -> str:
        return await to_thread.run_sync(self._hasher.hash, password, limiter=self._at_once())

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` fits; `stored` None is an unknown account and costs the same."""
        return await to_thread.run_sync(self._verify, stored, password, limiter=self._at_once())

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    def _at_once(self) -> CapacityLimiter:
        if self._limiter is None:  # it belongs to an event loop, so it can't be made before one runs
            self._limiter = CapacityLimiter(_AT_ONCE)
        return self._limiter
