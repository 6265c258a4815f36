"""Opaque, server-side sessions.

The cookie holds a random id and a signature; the server holds the rest under the id's hash, so that neither the store
nor a log can be used to take a session over (OWASP ASVS 5.0, 7.2). Before log-in there is a pre-session: the same kind
of id, signed as such and stored nowhere, to which the log-in form's CSRF token is bound.

Threats: fixation (an id we did not issue has no valid signature, and log-in always makes a new one), guessing (256
bits), replay after log-out (the record is gone), sessions that nobody remembers (an idle and an absolute lifetime, a
bound on how many, and a list from which each can be ended). Keys of the signature can be rotated: whatever a key still
in the ring has signed stays good, and is signed anew when the session is renewed.
Lets pass: whoever steals the cookie itself, until the session ends; a change of browser or network is told (`binding`).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Sequence
from typing import Final, TypeAlias

from ..core.bans import session_handle
from ..core.errors import DependencyError
from ..core.exchange import Exchange, Principal
from ..core.facts import NO_DUPLICATES, Facts
from ..core.memo import remember
from ..core.ports import Detail, LocalRecords, Record, Services
from ..events.vocabulary import EventName
from ..policy.model import SessionSection
from .binding import Binding, Bindings
from .revoking import end_session, end_sessions
from .session_cookie import LONGEST_LINE, PRESESSION, SESSION, SessionCookie, key_of
from .session_info import KIND, SessionInfo, number

_ID_BYTES: Final = 32
_TOUCH_EVERY: Final = 60.0
_TOUCH_SHARE: Final = 30
"""A session's last use is written once a minute, or a thirtieth of `session.idle` if that is less: it must not cost a
write per request, and may end so much too early."""
_TOLD: Final = 10_000
"""Changes and late uses that were told and are not told again; beyond it, all are forgotten."""
_AT_ONCE: Final = 100
_REMEMBERED: Final = 1024
"""Cookie lines whose last request is remembered, by the whole line as in `session_cookie`."""
_Latest: TypeAlias = tuple[Record, tuple[str, str], bytes | None, str, float, Principal]
"""A session's record as it was, its name in the store, browser and client, until when that holds, and who it is."""


class Sessions:
    """Implements the ports `SessionId`, `ResolvePrincipal` and `SessionKeeper` over `Records`."""

    def __init__(self, services: Services, section: SessionSection) -> None:
        if services.records is None:
            raise DependencyError("Sessions need a record store.")
        self._services = services
        self._records = services.records
        self._wall = services.clock.wall
        self._held = services.records.held if isinstance(services.records, LocalRecords) else _nothing_held
        self._section = section
        self._touch_every = min(_TOUCH_EVERY, section.idle / _TOUCH_SHARE)
        self._cookie = SessionCookie(services, section)
        self._bindings = Bindings()
        self._told: set[tuple[str, ...]] = set()
        self._latest: dict[bytes | None, _Latest] = {}

    def session_id(self, facts: Facts) -> str | None:
        """The key of the session or pre-session the cookie names, if we issued it."""
        ticket = self._cookie.ticket(facts)
        return ticket.key if ticket else None

    def has_session(self, facts: Facts) -> bool:
        """Whether the cookie names a session, and no pre-session, that we issued."""
        ticket = self._cookie.ticket(facts)
        return ticket is not None and ticket.kind == SESSION

    def start_presession(self, exchange: Exchange) -> str:
        """Make a pre-session, queue its cookie, and return its key."""
        return self._issue(exchange, PRESESSION, secrets.token_urlsafe(_ID_BYTES))

    def tell(self, facts: Facts, exchange: Exchange) -> Awaitable[Principal | None] | Principal | None:
        """`resolve`, at once where no store has to be waited for and nothing has changed since the last request."""
        headers = facts.headers
        latest = self._latest.get(headers.get(b"cookie"))
        if latest is not None and facts.duplicates is NO_DUPLICATES:
            record, name, agent, client, until, principal = latest
            held, now = self._held, self._wall
            if (
                held(name) is record
                and facts.client.key == client
                and headers.get(b"user-agent") == agent
                and now() < until
            ):
                exchange.session = record.id
                return principal
        ticket = self._cookie.ticket(facts)
        if ticket is None:
            return None
        kind, key = ticket
        exchange.session = key
        return self._read(key, facts) if kind == SESSION else None

    async def resolve(self, facts: Facts, exchange: Exchange) -> Principal | None:
        """The principal of a session that still lives, else None. Raises DependencyError when the store is away."""
        found = self.tell(facts, exchange)
        return found if found is None or isinstance(found, Principal) else await found

    async def _read(self, key: str, facts: Facts) -> Principal | None:
        record = await self._records.get(KIND, key)
        if record is None:
            self._tell_once(EventName.SESSION_USE_AFTER_EXPIRE, facts, key)
            return None
        now = self._wall()
        idle = self._idle(record, now)
        if idle is None:
            await self._end(record, facts, "age")
            return None
        principal = self._recognise(record, facts, now - idle)
        if idle >= self._touch_every:
            await self._touch(record, now)
        return principal

    async def log_in(self, exchange: Exchange, principal: Principal) -> None:
        """See `core.ports.SessionKeeper`. Where the user has too many sessions, those unused for longest end."""
        before = self._cookie.ticket(exchange.facts)
        now = self._wall()
        binding = self._bindings.of(exchange.facts)
        data: dict[str, Detail] = {"begun": now, "used": now, "agent": binding.agent, "network": binding.network}
        identifier = secrets.token_urlsafe(_ID_BYTES)
        key = key_of(identifier.encode("ascii"))
        expires = now + self._section.absolute
        await self._records.put(KIND, key, {**data, **_data(principal)}, expires=expires, expect=0)
        if before is not None and before.kind == SESSION:
            await self._records.delete(KIND, before.key)
        await self._keep_to_limit(principal.id, key, exchange.facts)
        self._issue(exchange, SESSION, identifier)
        exchange.principal = principal
        exchange.login = "in"
        self._services.emit(EventName.SESSION_CREATED, exchange.facts, principal=principal.id)

    async def renew(self, exchange: Exchange, principal: Principal | None = None) -> bool:
        """See `core.ports.SessionKeeper`. The session keeps its beginning, and so its absolute lifetime."""
        record = await self._in_force(exchange)
        if record is None:
            return False
        data = {**record.data, "used": self._wall(), **(_data(principal) if principal else {})}
        identifier = secrets.token_urlsafe(_ID_BYTES)
        key = key_of(identifier.encode("ascii"))
        await self._records.put(KIND, key, data, expires=record.expires, expect=0)
        if not await self._records.delete(KIND, record.id):
            await self._records.delete(KIND, key)  # it was revoked while we wrote: the new one must not outlive that
            return False
        self._issue(exchange, SESSION, identifier)
        exchange.principal = principal or exchange.principal
        exchange.login = "in"
        self._services.emit(EventName.SESSION_ROTATED, exchange.facts, principal=str(data["principal"]))
        return True

    async def log_out(self, exchange: Exchange) -> None:
        """See `core.ports.SessionKeeper`."""
        record = await self._in_force(exchange)
        if record is not None:
            await self._records.delete(KIND, record.id)
        exchange.set_cookie(self._cookie.ending())
        self._services.emit(EventName.SESSION_ENDED, exchange.facts)
        exchange.session = None
        exchange.principal = None
        exchange.login = "out"

    async def list(self, principal_id: str, exchange: Exchange | None = None) -> Sequence[SessionInfo]:
        """A user's live sessions, the last used first; `exchange` tells which is asking. Raises DependencyError."""
        now = self._wall()
        current = exchange.session if exchange is not None else None
        records = await self._of(principal_id)
        live = [
            SessionInfo.of(record, record.id == current) for record in records if self._idle(record, now) is not None
        ]
        return sorted(live, key=lambda one: (one.is_current, one.used), reverse=True)

    async def revoke(self, principal_id: str, handle: str, facts: Facts | None = None) -> bool:
        """End the session that the list of `principal_id` calls `handle`, if there is one. Raises DependencyError."""
        for record in await self._of(principal_id):
            if session_handle(record.id) == handle:
                await self._end(record, facts, "revoked")
                return True
        return False

    async def revoke_all(self, principal_id: str, *, keep: Exchange | None = None) -> int:
        """End every session of `principal_id`, but for the one `keep` belongs to; how many. Raises DependencyError."""
        kept = keep.session if keep is not None else None
        facts = keep.facts if keep is not None else None
        emit = self._services.emit
        return await end_sessions(self._records, emit, principal_id, lambda record: record.id != kept, facts)

    async def _of(self, principal_id: str) -> Sequence[Record]:
        return await self._records.find(KIND, "principal", principal_id, limit=max(_AT_ONCE, self._section.most + 1))

    async def _in_force(self, exchange: Exchange) -> Record | None:
        """The stored session of this exchange: one begun within it, or the one the request brought."""
        key = exchange.session or self.session_id(exchange.facts)
        return await self._records.get(KIND, key) if key is not None else None

    async def _keep_to_limit(self, principal_id: str, newest: str, facts: Facts) -> None:
        most = self._section.most
        if not most:
            return
        found = await self._records.find(KIND, "principal", principal_id, limit=most + _AT_ONCE)
        others = sorted((one for one in found if one.id != newest), key=lambda one: number(one.data["used"]))
        for record in others[: max(0, len(found) - most)]:
            await self._end(record, facts, "limit")

    async def _end(self, record: Record, facts: Facts | None, cause: str) -> None:
        await end_session(self._records, self._services.emit, record, facts, cause)

    def _issue(self, exchange: Exchange, kind: str, identifier: str) -> str:
        exchange.set_cookie(self._cookie.line(kind, identifier))
        exchange.session = key_of(identifier.encode("ascii"))
        return exchange.session

    def _recognise(self, record: Record, facts: Facts, used: float) -> Principal:
        """Who the session belongs to, last `used` when. Remembered while record, browser and address stay the same,
        until the session is over or its use is to be written again."""
        binding, data = self._bindings.of(facts), record.data
        if data.get("agent") != binding.agent or data.get("network") != binding.network:
            self._note_change(record, binding, facts)
        principal = Principal(str(data["principal"]), str(data["kind"]), frozenset(str(data["scopes"]).split()))
        self._remember(record, facts, used + self._touch_every, principal)
        return principal

    def _remember(self, record: Record, facts: Facts, until: float, principal: Principal) -> None:
        headers = facts.headers
        if facts.duplicates or len(headers[b"cookie"]) > LONGEST_LINE:
            return
        until = min(until, number(record.data["begun"]) + self._section.absolute)
        if record.expires is not None:
            until = min(until, record.expires)
        name = (record.kind, record.id)
        agent = headers.get(b"user-agent")
        latest = record, name, agent, facts.client.key, until, principal
        remember(self._latest, headers[b"cookie"], latest, _REMEMBERED)

    def _idle(self, record: Record, now: float) -> float | None:
        """Seconds since the session was last written as used; None when it is over."""
        used, begun = record.data["used"], record.data["begun"]
        if not isinstance(used, (int, float)) or not isinstance(begun, (int, float)):
            return None
        idle = now - used
        return None if idle > self._section.idle or now - begun > self._section.absolute else idle

    async def _touch(self, record: Record, now: float) -> None:
        data = {**record.data, "used": now}
        await self._records.put(KIND, record.id, data, expires=record.expires, expect=record.version)

    def _note_change(self, record: Record, binding: Binding, facts: Facts) -> None:
        """An event for each new place a session is used from; a network alone changes for good reasons."""
        agent_changed = record.data.get("agent") != binding.agent
        self._tell_once(
            EventName.SESSION_CHANGED, facts, record.id, binding.agent, binding.network,
            principal=str(record.data["principal"]), changed="browser" if agent_changed else "network",
            began_with=str(record.data.get("agent")), now_with=binding.agent,
            severity="warning" if agent_changed else "notice",
        )  # fmt: skip

    def _tell_once(self, name: EventName, facts: Facts, key: str, *about: str, **details: Detail) -> None:
        """Requests of one browser come by the hundred: what is the same for all of them is told once per process."""
        told = (name, key, *about)
        if told in self._told:
            return
        if len(self._told) >= _TOLD:
            self._told.clear()
        self._told.add(told)
        self._services.emit(name, facts, session=key, **details)


def _nothing_held(name: tuple[str, str]) -> None:
    """What is at hand of a store that has to be waited for."""


def _data(principal: Principal) -> dict[str, Detail]:
    return {"principal": principal.id, "kind": principal.kind, "scopes": " ".join(sorted(principal.scopes))}
