"""Sign-up and recovery without telling who has an account.

Threat: a form that answers "this address is taken" or "no such account" (or takes longer for one of them) is a list of
the site's users; a form that sends mail floods somebody's mailbox. OWASP Forgot Password Cheat Sheet; ASVS 5.0 V6.3.8.

How: the answer is given before anything looks at the account. What depends on it (the query, the mail, the hash) runs
afterwards, a moment later and in the background, for accounts that exist and for those that don't. Where the next page
needs the work done (a log-in after sign-up), the answer waits for it and leaves at a whole quarter of a second from its
beginning: the work for a new account and for a taken one end in the same quarter. Limits count by address and by the
keyed hash of the login. The mail says what happened: "confirm your address", or "you have an account already".

Recovery tokens are 256 random bits, stored as a hash, good for one use and a quarter of an hour, one per person.

Lets pass: work that is lost when the process ends in that moment; the person asks again. Whoever reads the mailbox.
With `done_first`, work that takes another number of quarters for some accounts: keep it to one query, and hash before.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Final

from ..core.errors import DependencyError
from ..core.exchange import Exchange
from ..core.ports import Records, Services
from ..core.verdict import Reason, Refuse
from ..events.vocabulary import EventName
from ..policy.model import LoginSection
from .ladder import charges, spell
from .login import LAYER, LoginGuard
from .login_counts import address_charges, quotas

RECOVERY: Final = "recovery"
_MOST: Final = 200
"""Pieces of work that may wait; beyond it, requests are answered 503."""
_SHORTEST, _LONGEST = 0.2, 0.6
"""Seconds between which the work begins: the answer is gone by then, and the moment says nothing."""
_STEP: Final = 0.25
"""Seconds: answers that wait for the work leave at a multiple of it after the beginning."""
_PATIENCE: Final = 10.0
"""Seconds after which such an answer leaves all the same."""
_BUSY: Final = "Many requests are waiting at this moment. Try again in a few seconds."


class AccountRequests:
    """`refusal = await requests.accept(exchange, login, work)`: None, and the work will be done; or a `Refuse`.

    delay   seconds to wait before the work; for tests
    """

    def __init__(
        self, services: Services, section: LoginSection, guard: LoginGuard, *, delay: float | None = None
    ) -> None:
        self._services = services
        self._guard = guard
        self._login = quotas(section.recovery, "request-login")
        self._address = quotas(section.requests, "request-address")
        self._network = quotas(section.requests, "request-network", 8)
        self._delay = delay
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(
        self, exchange: Exchange, login: str, work: Callable[[], Awaitable[None]], *, done_first: bool = False
    ) -> Refuse | None:
        """Answer the same whatever `login` is; `work()` looks at the account later, and sends what is to be sent.

        `work` must not use what belongs to the request (its database session, its exchange). What it raises becomes
        an event. Nobody can tell from the answer that it happened.

        done_first   do `work` now and return when it is done (after ten seconds at the latest), at a whole quarter of
                     a second
        """
        if len(self._tasks) >= _MOST:
            return Refuse(Reason.RATE_LIMITED, 503, retry_after=5, layer=LAYER, hint=_BUSY)
        charged = charges(self._login, self._guard.account(login).key)
        charged += address_charges(self._address, self._network, exchange.facts.client)
        _, _, taken = await self._guard.till.take(charged, facts=exchange.facts)
        refused = [one for one in taken if not one.allowed]
        if refused:
            wait = max(one.retry_after for one in refused)
            hint = f"Too many requests. Try again in {spell(wait)}."
            detail = ", ".join(one.quota.name for one in refused)
            return Refuse(Reason.RATE_LIMITED, 429, retry_after=ceil(wait), layer=LAYER, detail=detail, hint=hint)
        task = asyncio.create_task(self._do(work) if done_first else self._later(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if done_first:
            await _until_whole_step(task)
        return None

    async def finish(self, seconds: float = 5.0) -> None:
        """Wait for what is under way; at shutdown and in tests."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)

    async def _later(self, work: Callable[[], Awaitable[None]]) -> None:
        spread = _SHORTEST + secrets.randbelow(1000) / 1000 * (_LONGEST - _SHORTEST)
        await asyncio.sleep(spread if self._delay is None else self._delay)
        await self._do(work)

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # somebody's code, and nobody waits for it: it must not vanish
            self._services.emit(EventName.UNHANDLED_ERROR, None, error=type(error).__name__, part="account request")


class RecoveryTokens:
    """Tokens for recovery mails. `issue` in the background work, `redeem` when the new password is sent."""

    def __init__(self, services: Services, section: LoginSection) -> None:
        if services.records is None:
            raise DependencyError("Recovery tokens need a record store.")
        self._clock = services.clock
        self._records: Records = services.records
        self._lifetime = section.recovery_lifetime

    async def issue(self, principal_id: str) -> str:
        """A token for the mail; those issued before are worth nothing. Raises DependencyError."""
        for record in await self._records.find(RECOVERY, "principal", principal_id):
            await self._records.delete(RECOVERY, record.id)
        token = secrets.token_urlsafe(32)
        expires = self._clock.wall() + self._lifetime
        await self._records.put(RECOVERY, _id(token), {"principal": principal_id}, expires=expires, expect=0)
        return token

    async def holder(self, token: str) -> str | None:
        """Whose token it is, without using it up: to show the form. Raises DependencyError."""
        record = await self._records.get(RECOVERY, _id(token))
        return str(record.data["principal"]) if record is not None else None

    async def redeem(self, token: str) -> str | None:
        """Whose token it is, once. Of two who come at the same time one gets it. Raises DependencyError."""
        holder = await self.holder(token)
        return holder if holder is not None and await self._records.delete(RECOVERY, _id(token)) else None


async def _until_whole_step(task: asyncio.Task[None]) -> None:
    """Return at the first multiple of `_STEP` from now at which `task` is done; cancelling leaves it alone."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.wait([task], timeout=_PATIENCE)
    steps = max(1, ceil((loop.time() - begun) / _STEP))
    await asyncio.sleep(begun + steps * _STEP - loop.time())


def _id(token: str) -> str:
    """Looked up by hash: the store holds no token, and how long a look-up takes tells nothing about one."""
    return hashlib.blake2b(
        token.encode("utf-8", "surrogatepass"), digest_size=32, person=b"garrison.recover"
    ).hexdigest()
