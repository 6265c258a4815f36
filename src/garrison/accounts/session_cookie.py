"""The session's cookie: `kind.id.tag`, where the tag proves that we issued the id (decision 6)."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from ..core.cookies import cookie_reader
from ..core.facts import Facts
from ..core.memo import remember
from ..core.names import PURPOSE_SESSION
from ..core.ports import Services
from ..policy.model import SessionSection

PRESESSION, SESSION = "p", "s"
_KINDS: Final = {kind.encode("ascii"): kind for kind in (PRESESSION, SESSION)}
_LONGEST: Final = 256
LONGEST_LINE: Final = 2048
_REMEMBERED: Final = 1024
"""Cookie lines with a signature that was checked and held. Whether it is ours is no question of time: it is asked once.
Whole lines, since a browser sends the same one again and again, and finding our cookie in it costs more than this."""


class Ticket(NamedTuple):
    """A cookie whose signature holds. `key` is the id's hash: what is stored, and what CSRF tokens are bound to."""

    kind: str
    key: str


class SessionCookie:
    """Reads and writes the cookie."""

    def __init__(self, services: Services, section: SessionSection) -> None:
        self._section = section
        self._sign = services.signer(PURPOSE_SESSION)
        self._read = cookie_reader(section.cookie)
        self._tickets: dict[bytes, Ticket] = {}

    def ticket(self, facts: Facts) -> Ticket | None:
        """The ticket of this request; None where the cookie is absent, tossed or not ours."""
        line = facts.headers.get(b"cookie")
        if line is None:
            return None
        repeated = b"cookie" in facts.duplicates
        known = self._tickets.get(line)
        if known is not None and not repeated:
            return known
        values = self._read(facts)
        ticket = self._verified(values[0]) if len(values) == 1 else None
        # What does not verify is never kept: clients can make as much of it as they like.
        if ticket is not None and not repeated and len(line) <= LONGEST_LINE:
            remember(self._tickets, line, ticket, _REMEMBERED)
        return ticket

    def line(self, kind: str, identifier: str) -> bytes:
        """The `Set-Cookie` value that gives a browser `identifier`."""
        tag = self._sign.sign(f"{kind}.{identifier}".encode("ascii"))
        return self._line(f"{kind}.{identifier}.{tag}")

    def ending(self) -> bytes:
        """The `Set-Cookie` value that takes it away."""
        return self._line("", "; Max-Age=0")

    def _verified(self, value: bytes) -> Ticket | None:
        kind, _, rest = value.partition(b".")
        identifier, _, tag = rest.partition(b".")
        if len(value) > _LONGEST or kind not in _KINDS or not tag or not value.isascii():
            return None
        if not self._sign.verify(value[: -len(tag) - 1], tag.decode("ascii")):
            return None
        return Ticket(_KINDS[kind], key_of(identifier))

    def _line(self, value: str, ending: str = "") -> bytes:
        section = self._section
        line = f"{section.cookie}={value}; Path=/; Secure; HttpOnly; SameSite={section.same_site}{ending}"
        return line.encode("ascii")


def key_of(identifier: bytes) -> str:
    """The id's hash: 128 bits, enough for 256 random ones that nobody chooses."""
    return hashlib.blake2b(identifier, digest_size=16).hexdigest()
