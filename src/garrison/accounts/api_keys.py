"""API keys: long-lived secrets by which programs act for an owner.

Threat: a stolen store (only a hash of the whole key is kept; it is random, so a fast hash will do), a key that leaks
and lives on (each expires, says when it was last used, and can be revoked; a revoked key that is used again is a
critical event), a key that may do more than it is for (scopes), guessing (256 bits; the id of a key helps nothing).

Verification reads one record and compares in constant time, for unknown ids against a hash of nothing. Whether an id
exists may show in how long the store takes; ids are no secrets. Last use is written once a minute at most. Keys in
force are found apart from revoked ones, which stay for ninety days: whoever takes over a session can't hide a key
behind a thousand that they made and revoked.

Assumption: https. Lets pass: whoever has the key, until it expires or is revoked; an owner who was disabled since,
which only the application knows (ask it in the endpoint, or `revoke_all` when you disable).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..core.errors import DependencyError
from ..core.exchange import Exchange, Principal
from ..core.ports import Detail, Record, Services
from ..events.vocabulary import EventName
from ..policy.model import ApiKeysSection
from .api_keys_text import make_key, parse_key
from .authorisation_principals import Bad
from .compare import same
from .revoking import KEY as KIND
from .revoking import LIVE, revoke_key

_TOUCH_EVERY: Final = 60.0
_NOTHING: Final = hashlib.sha256(b"").hexdigest()
_AT_ONCE: Final = 1000


class TooManyKeys(ValueError):
    """The owner has `limit` live keys already."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are {limit} keys already. Revoke one first.")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as its owner sees it in a list. Times are wall time; `used` and `revoked` are 0 for never.

    `id` names it, also in the key's own text: `garrison_<id>_…`.
    """

    id: str
    owner: str
    name: str
    scopes: frozenset[str]
    created: float
    expires: float
    used: float = 0.0
    revoked: float = 0.0


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `text` is the key itself: show it once, it can't be had again."""

    info: KeyInfo
    text: str = field(repr=False)


class ApiKeys:
    """Make, list, revoke and verify keys. Implements `Credential`.

    services   clock, events, records
    section    the policy's `api_keys`

    Raises `DependencyError` without records; so does every method when the store is away.
    """

    def __init__(self, services: Services, section: ApiKeysSection) -> None:
        if services.records is None:
            raise DependencyError("API keys need records.")
        self._services = services
        self._records = services.records
        self._section = section
        self._begin = f"{section.prefix}_"

    def claims(self, token: str) -> bool:
        """Whether `token` begins like a key of ours."""
        return token.startswith(self._begin)

    async def create(
        self,
        exchange: Exchange,
        owner: str,
        name: str,
        *,
        scopes: frozenset[str] = frozenset(),
        lifetime: float | None = None,
    ) -> NewKey:
        """A new key that acts for the principal `owner` within `scopes`, for at most the policy's lifetime (seconds).

        Give no scopes that the owner does not have: this asks nobody. Raises `TooManyKeys`, and ValueError for a scope
        with white space or a lifetime that is not above 0.
        """
        if any(not scope or scope.split() != [scope] for scope in scopes):
            raise ValueError("a scope is a word")
        longest = self._section.lifetime
        length = longest if lifetime is None else min(lifetime, longest)
        if length <= 0:
            raise ValueError("a key needs a lifetime above 0")
        if len(await self._live(owner)) >= self._section.most:
            raise TooManyKeys(self._section.most)
        text, now = make_key(self._section.prefix), self._services.clock.wall()
        info = KeyInfo(text.id, owner, name[:80], scopes, now, now + length)
        await self._records.put(KIND, text.id, _data(info, _hash(text.whole)), expires=info.expires, expect=0)
        if len(await self._live(owner)) > self._section.most:  # others were made at the same moment
            await self._records.delete(KIND, text.id)
            raise TooManyKeys(self._section.most)
        self._services.emit(EventName.AUTHN_TOKEN_CREATED, exchange.facts, principal=owner, handle=text.id)
        return NewKey(info, text.whole)

    async def list(self, owner: str) -> list[KeyInfo]:
        """The owner's keys that have not expired, revoked ones included, oldest first. All that are in force, and a
        thousand others at most."""
        found = [*await self._live(owner), *await self._records.find(KIND, "owner", owner, limit=_AT_ONCE)]
        records = {record.id: record for record in found}
        return sorted((_info(record) for record in records.values()), key=lambda one: one.created)

    async def revoke(self, exchange: Exchange, owner: str, id: str) -> bool:
        """End one key of `owner`, now. False when there is none of that id, or it is somebody else's."""
        now = self._services.clock.wall()
        return await revoke_key(self._records, self._services.emit, id, now=now, owner=owner, facts=exchange.facts)

    async def revoke_all(self, exchange: Exchange, owner: str) -> int:
        """End every key of `owner`; how many there were."""
        return sum([await self.revoke(exchange, owner, one.id) for one in await self._live(owner)])

    async def verify(self, token: str, exchange: Exchange) -> Principal | Bad:
        """The owner as a principal of kind "api-key" with the key's scopes."""
        key = parse_key(token)
        if key is None or not self.claims(token):
            return Bad("not a key")
        record = await self._records.get(KIND, key.id)
        fits = same(_hash(key.whole), str(record.data["hash"]) if record else _NOTHING)
        if record is None or not fits:
            return Bad("unknown key")
        info, now = _info(record), self._services.clock.wall()
        if info.revoked:
            self._services.emit(EventName.AUTHN_TOKEN_REUSE, exchange.facts, principal=info.owner, handle=info.id)
            return Bad("revoked key")
        if now >= info.expires:
            return Bad("expired key")
        if now - info.used >= _TOUCH_EVERY:
            await self._records.put(
                KIND, info.id, {**record.data, "used": now}, expires=record.expires, expect=record.version
            )
        return Principal(info.owner, "api-key", info.scopes, credential=info.id)

    async def _live(self, owner: str) -> Sequence[Record]:
        """The owner's keys in force."""
        return await self._records.find(KIND, LIVE, owner, limit=_AT_ONCE)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("ascii")).hexdigest()


def _data(info: KeyInfo, digest: str) -> dict[str, Detail]:
    return {
        "owner": info.owner, LIVE: info.owner, "name": info.name, "scopes": " ".join(sorted(info.scopes)),
        "created": info.created, "expires": info.expires, "used": info.used, "revoked": info.revoked, "hash": digest,
    }  # fmt: skip


def _info(record: Record) -> KeyInfo:
    data = record.data
    return KeyInfo(
        id=record.id,
        owner=str(data["owner"]),
        name=str(data["name"]),
        scopes=frozenset(str(data["scopes"]).split()),
        created=float(data["created"] or 0),
        expires=float(data["expires"] or 0),
        used=float(data["used"] or 0),
        revoked=float(data["revoked"] or 0),
    )
