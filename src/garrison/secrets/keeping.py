"""Secrets kept current while the application runs: read again in a thread, put to use on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from math import inf
from typing import Final

from ..core.errors import OperatorError
from ..core.ports import Emit, Services
from ..policy.links import exposed, link_name
from ..policy.model import Policy
from ..policy.own_references import own_references
from .errors import LinksOpen
from .named import Reading, Secrets
from .own import OwnSecrets
from .resolver import Resolver
from .secret import Secret

_SHORTEST: Final = 0.05
_LONGEST: Final = 3600.0
"""Seconds between two readings, whatever a lease wants."""
_LAST_READING: Final = 10.0
"""Seconds that the application's end waits for a reading that has begun."""


def keep_secrets(
    policy: Policy, resolver: Resolver, own: OwnSecrets, services: Services, given: Secrets | None
) -> Secrets:
    """The secrets of `policy`: `given`, or read now by `resolver`, which is closed when the application stops.

    They record to `services`, and are read again as the policy says; so are those of Garrison's `own` rooms.
    Raises `SecretsUnresolved`; OperatorError when `given` are those of another policy.
    """
    if given is not None and given.section != policy.secrets:
        raise OperatorError(
            "The secrets given to harden() were opened with another policy.",
            remedy="Open them with the policy that harden() gets: open_secrets(policy).",
        )
    kept = given or Secrets(policy.secrets, resolver.beside())
    if not policy.development:
        refuse_open_links(kept, policy.allow_insecure_link)
        kept.judge = lambda name, value: _open_link(name, value, policy.allow_insecure_link)
    kept.attach(services.emit)
    services.closing.append(lambda: asyncio.to_thread(_end, kept, resolver))
    if policy.secrets.refresh or is_leased(policy):
        keeper = _Keeper(kept, own, policy.secrets.refresh or inf, services.emit)
        services.opening.append(keeper.open)
        services.closing.append(keeper.close)
    return kept


def _end(kept: Secrets, resolver: Resolver) -> None:
    for leases in (kept.resolver.leases, resolver.leases):
        if leases is not None:
            leases.close()  # before the log-in ends that they may share
    kept.close()
    resolver.close()


class _Keeper:
    def __init__(self, secrets: Secrets, own: OwnSecrets, seconds: float, emit: Emit) -> None:
        self._emit = emit
        self._own = own
        self._secrets = secrets
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Future[Reading] | None = None

    async def open(self) -> None:
        if not self._secrets.section.named and not self._own.followed:
            return
        self._task = asyncio.create_task(self._run(), name="garrison-secrets")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._reading is not None:  # a thread can't be cancelled, and what it takes now has to be given back
            await asyncio.wait({self._reading}, timeout=_LAST_READING)

    async def _run(self) -> None:
        while True:
            due = min(self._secrets.due(), self._own.due())
            await asyncio.sleep(min(self._seconds, max(_SHORTEST, due), _LONGEST))
            try:
                self._secrets.put_to_use(await self._in_thread(self._secrets.read))
                await self._own.put_to_use(await self._in_thread(self._own.read))
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not end rotation without a word
                self._emit("service_degraded", service="secrets", error=type(error).__name__)

    async def _in_thread(self, read: Callable[[], Reading]) -> Reading:
        self._reading = asyncio.ensure_future(asyncio.to_thread(read))
        return await asyncio.shield(self._reading)


def is_leased(policy: Policy) -> bool:
    """Whether something has to be read again in time, even where nothing is read again otherwise."""
    own = (one.reference for one in own_references(policy))
    return any(text.startswith("lease:") for text in (*policy.secrets.named.values(), *own))


def refuse_open_links(secrets: Secrets, allowed: Collection[str]) -> None:
    """Raise `LinksOpen` for secrets that are addresses of other machines, reached in plaintext or unverified.

    What a link is for is told by its scheme: database, store, mail, log, broker, directory.
    """
    found: dict[str, tuple[str, str]] = {}
    for name in secrets.section.named:
        if error := _open_link(name, secrets.get(name), allowed):
            found |= error.links
    if found:
        raise LinksOpen(found)


def _open_link(name: str, value: Secret[str], allowed: Collection[str]) -> LinksOpen | None:
    text = value.reveal()
    link = link_name(text)
    if link and link not in allowed and (why := exposed(text)):
        return LinksOpen({name: (link, why)})
    return None
