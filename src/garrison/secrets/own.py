"""The secrets that the policy itself refers to, for the rooms of Garrison: the store's password, receivers' addresses.

Every scheme works in every place, and each room gets a view that has its own references and no others: what asks for
another's is refused, and that is an event. They are read when the application starts, and again with the application's
own secrets: a room that says how takes a new value without a restart.

Threat and what it lets pass: as `named`. A view is no wall.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from ..core.errors import GarrisonError
from ..core.ports import Emit, Reveal, silent
from ..policy.model import Policy
from ..policy.own_references import own_references
from .errors import SecretDenied, SecretsUnresolved
from .outage import Outage
from .resolver import Resolver
from .secret import Secret

Reading = tuple[dict[str, Secret[str]], dict[str, GarrisonError]]
Renew = Callable[[], Awaitable[None]]
"""Puts to use what the room's view reveals now. What it raises is recorded, and it is asked again with each reading."""


class OwnSecrets:
    """What `policy` refers to, room by room. Nothing is read before a view is asked.

    `check` is given what references would stand for, and raises GarrisonError when a start with that were refused.
    """

    def __init__(
        self,
        policy: Policy,
        resolver: Resolver,
        emit: Emit = silent,
        check: Callable[[Reveal], None] = lambda reveal: None,
    ) -> None:
        self._resolver = resolver
        self._emit = emit
        self._check = check
        resolver.attach(emit)
        self._own = own_references(policy)
        self._kept: dict[str, Secret[str]] = {}
        self._renew: defaultdict[str, list[Renew]] = defaultdict(list)
        self._unsettled: set[str] = set()
        self._outage = Outage("secrets of the policy")

    def view(self, room: str) -> Reveal:
        """What `room` may read. It raises `SecretDenied`, with an event, for what is not the room's; and
        `SecretsUnresolved`, with the policy's key, for what can't be had. Blocks when it is asked for the first time;
        afterwards it tells what was read last."""
        keys = {own.reference: own.key for own in self._own if own.room == room}

        def reveal(reference: str) -> str:
            if reference not in keys:
                self._emit("secret_denied", component=f"garrison.{room}", name=reference[:128])
                raise SecretDenied(f"garrison.{room}", reference[:128])
            if reference not in self._kept:
                try:
                    self._kept[reference] = self._resolver.read(reference)
                except GarrisonError as error:
                    raise SecretsUnresolved({keys[reference]: error}) from None
            return self._kept[reference].reveal()

        return reveal

    def on_change(self, room: str, renew: Renew) -> None:
        """Ask `renew` whenever something that `room` reads has changed. Without that, it is not read again."""
        self._renew[room].append(renew)

    @property
    def followed(self) -> Mapping[str, str]:
        """The references that are read again, by their keys."""
        return {one.key: one.reference for one in self._own if one.room in self._renew and one.reference in self._kept}

    def read(self) -> Reading:
        """What the sources say now, by key; nothing is changed by it. Blocks, so call it in a thread.

        A new value that a start would refuse is one that can't be had: the last good one holds.
        """
        followed = self.followed
        found, failed = self._resolver.read_all(followed)
        new = {key: value for key, value in found.items() if value != self._kept[followed[key]]}
        if new:
            candidates = {**self._kept, **{followed[key]: value for key, value in new.items()}}

            def reveal(reference: str) -> str:
                return (candidates[reference] if reference in candidates else self._resolver.read(reference)).reveal()

            try:
                self._check(reveal)
            except GarrisonError as error:
                return {}, {**failed, **dict.fromkeys(new, error)}
        return found, failed

    def due(self) -> float:
        """As `Secrets.due`."""
        return self._resolver.due()

    async def put_to_use(self, reading: Reading) -> None:
        """Let the rooms whose values have changed renew what they made of them, and record it."""
        found, failed = reading
        followed = self.followed
        changed = {key for key, value in found.items() if value != self._kept[followed[key]]}
        self._kept |= {followed[key]: found[key] for key in changed}
        self._unsettled |= changed
        users = {key: {one.room for one in self._own if one.key == key} & set(self._renew) for key in self._unsettled}
        wrong = {room: await self._renewed(room) for room in sorted(set().union(*users.values()))}
        for key in sorted(self._unsettled):
            blamed = "".join([wrong[room] for room in sorted(users[key]) if wrong[room]][:1])
            if not blamed:
                self._unsettled.discard(key)
                self._emit("secret_rotated", name=key)
            elif key in changed:  # told once; it is tried again with each reading
                self._emit("secret_rotation_failed", name=key, error=blamed)
        self._resolver.told(lambda: bool(self._unsettled))
        self._outage.tell(self._emit, failed)

    async def _renewed(self, room: str) -> str:
        """The kind of what went wrong; nothing when all is well."""
        for renew in self._renew[room]:
            try:
                await renew()
            except Exception as error:  # noqa: BLE001 - one room's trouble must not keep the others on the old value
                # Only its kind: the text of an exception may hold what it was given.
                return type(error).__name__
        return ""


@contextmanager
def room_view(policy: Policy, environ: Mapping[str, str], room: str) -> Iterator[Reveal]:
    """The view of `room`, for a command; a log-in that it needed is ended with it."""
    resolver = Resolver.from_policy(policy, environ)
    try:
        yield OwnSecrets(policy, resolver).view(room)
    finally:
        resolver.close()
