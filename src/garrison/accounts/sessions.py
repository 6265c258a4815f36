"""Opaque, server-side sessions.

The cookie holds a random id and a signature; the server holds the rest under the id's hash, so that neither the store
nor a log can be used to take a session over (OWASP ASVS 5.0, 7.2). Before log-in there is a pre-session: the same kind
of id, signed as such and stored nowhere, to which the log-in form's CSRF token is bound.

Threats: fixation (an id we did not issue has no valid signature, and log-in always makes a new one), guessing (256
bits), replay after log-out (the record is gone). Lets pass: whoever steals the cookie itself, until the session ends.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, NamedTuple

from ..core.cookies import cookie_reader
from ..core.errors import DependencyError
from ..core.exchange import Exchange, Principal
from ..core.facts import Facts
from ..core.names import PURPOSE_SESSION
from ..core.ports import Detail, Record, Services
from ..events.vocabulary import EventName
from ..policy.model import SessionSection

KIND: Final = "session"
_ID_BYTES = 32
_TOUCH_EVERY = 60.0
"""Seconds between two writes of a session's last use: an active session must not cost a write per request."""
_MAX_COOKIE = 256
_PRESESSION, _SESSION = "p", "s"
_REMEMBERED: Final = 1024
"""Cookies whose signature was checked and held. Whether one of ours is not a question of time, so it is asked once."""
_KINDS: Final = {kind.encode("ascii"): kind for kind in (_PRESESSION, _SESSION)}


class _Ticket(NamedTuple):
    """A cookie whose signature holds. `key` is the id's hash: what is stored, and what CSRF tokens are bound to."""

    kind: str
    key: str


class Sessions:
    """Implements the ports `SessionId`, `ResolvePrincipal` and `SessionKeeper` over `Records`."""

    def __init__(self, services: Services, section: SessionSection) -> None:
        if services.records is None:
            raise DependencyError("Sessions need a record store.")
        self._services = services
        self._records = services.records
        self._section = section
        self._sign = services.signer(PURPOSE_SESSION)
        self._read = cookie_reader(section.cookie)
        self._tickets: dict[bytes, _Ticket] = {}

    def session_id(self, facts: Facts) -> str | None:
        """The key of the session or pre-session the cookie names, if we issued it."""
        ticket = self._ticket(facts)
        return ticket.key if ticket else None

    def start_presession(self, exchange: Exchange) -> str:
        """Make a pre-session, queue its cookie, and return its key."""
        return self._issue(exchange, _PRESESSION)

    async def resolve(self, facts: Facts, exchange: Exchange) -> Principal | None:
        """The principal of a session that still lives, else None. Raises DependencyError when the store is away."""
        ticket = self._ticket(facts)
        if ticket is None:
            return None
        exchange.session = ticket.key
        if ticket.kind != _SESSION:
            return None
        record = await self._records.get(KIND, ticket.key)
        if record is None:
            return None
        now = self._services.clock.wall()
        idle = self._idle(record, now)
        if idle is None:
            return None
        if idle >= _TOUCH_EVERY:
            await self._touch(record, now)
        data = record.data
        return Principal(str(data["principal"]), str(data["kind"]), frozenset(str(data["scopes"]).split()))

    async def log_in(self, exchange: Exchange, principal: Principal) -> None:
        """See `core.ports.SessionKeeper`."""
        before = self._ticket(exchange.facts)
        now = self._services.clock.wall()
        identifier = secrets.token_urlsafe(_ID_BYTES)
        data: dict[str, Detail] = {
            "principal": principal.id,
            "kind": principal.kind,
            "scopes": " ".join(sorted(principal.scopes)),
            "begun": now,
            "used": now,
        }
        expires = now + self._section.absolute
        await self._records.put(KIND, _key(identifier.encode("ascii")), data, expires=expires, expect=0)
        if before is not None and before.kind == _SESSION:
            await self._records.delete(KIND, before.key)
        self._issue(exchange, _SESSION, identifier)
        exchange.principal = principal
        exchange.login = "in"
        self._services.emit(EventName.SESSION_CREATED, exchange.facts, principal=principal.id)

    async def log_out(self, exchange: Exchange) -> None:
        """See `core.ports.SessionKeeper`."""
        ticket = self._ticket(exchange.facts)
        if ticket is not None and ticket.kind == _SESSION:
            await self._records.delete(KIND, ticket.key)
        exchange.set_cookie(self._line("", max_age=0))
        self._services.emit(EventName.SESSION_ENDED, exchange.facts)
        exchange.session = None
        exchange.principal = None
        exchange.login = "out"

    def _issue(self, exchange: Exchange, kind: str, identifier: str = "") -> str:
        identifier = identifier or secrets.token_urlsafe(_ID_BYTES)
        tag = self._sign.sign(f"{kind}.{identifier}".encode("ascii"))
        exchange.set_cookie(self._line(f"{kind}.{identifier}.{tag}"))
        exchange.session = _key(identifier.encode("ascii"))
        return exchange.session

    def _ticket(self, facts: Facts) -> _Ticket | None:
        values = self._read(facts)
        if len(values) != 1:
            return None  # absent or tossed
        value = values[0]
        known = self._tickets.get(value)
        if known is not None:
            return known
        ticket = self._verified(value)
        if ticket is not None:  # what does not verify is never kept: clients can make as much of it as they like
            if len(self._tickets) >= _REMEMBERED:
                self._tickets.clear()
            self._tickets[value] = ticket
        return ticket

    def _verified(self, value: bytes) -> _Ticket | None:
        kind, _, rest = value.partition(b".")
        identifier, _, tag = rest.partition(b".")
        if len(value) > _MAX_COOKIE or kind not in _KINDS or not tag or not value.isascii():
            return None
        if not self._sign.verify(value[: -len(tag) - 1], tag.decode("ascii")):
            return None
        return _Ticket(_KINDS[kind], _key(identifier))

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

    def _line(self, value: str, *, max_age: int | None = None) -> bytes:
        section = self._section
        line = f"{section.cookie}={value}; Path=/; Secure; HttpOnly; SameSite={section.same_site}"
        if max_age is not None:
            line += f"; Max-Age={max_age}"
        return line.encode("ascii")


def _key(identifier: bytes) -> str:
    return hashlib.blake2b(identifier, digest_size=16).hexdigest()
