"""The secrets that the policy itself refers to, for the rooms of Garrison: the store's password, receivers' addresses.

Every scheme works in every place, and each room gets a view that has its own references and no others: what asks for
another's is refused, and that is an event. They are read when the application starts; a new value needs a restart.

Threat and what it lets pass: as `named`. A view is no wall.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..core.errors import GarrisonError
from ..core.ports import Emit, Reveal, silent
from ..policy.model import Policy
from ..policy.own_references import own_references
from .errors import SecretDenied, SecretsUnresolved
from .resolver import Resolver


class OwnSecrets:
    """What `policy` refers to, room by room. Nothing is read before a view is asked."""

    def __init__(self, policy: Policy, resolver: Resolver, emit: Emit = silent) -> None:
        self._resolver = resolver
        self._emit = emit
        self._own = own_references(policy)

    def view(self, room: str) -> Reveal:
        """What `room` may read. It raises `SecretDenied`, with an event, for what is not the room's; and
        `SecretsUnresolved`, with the policy's key, for what can't be had. Blocks."""
        keys = {own.reference: own.key for own in self._own if own.room == room}

        def reveal(reference: str) -> str:
            if reference not in keys:
                self._emit("secret_denied", component=f"garrison.{room}", name=reference[:128])
                raise SecretDenied(f"garrison.{room}", reference[:128])
            try:
                return self._resolver.read(reference).reveal()
            except GarrisonError as error:
                raise SecretsUnresolved({keys[reference]: error}) from None

        return reveal


@contextmanager
def room_view(policy: Policy, environ: Mapping[str, str], room: str) -> Iterator[Reveal]:
    """The view of `room`, for a command; a log-in that it needed is ended with it."""
    resolver = Resolver.from_policy(policy, environ)
    try:
        yield OwnSecrets(policy, resolver).view(room)
    finally:
        resolver.close()
