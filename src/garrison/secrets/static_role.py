"""A user that stays, whose password Vault or OpenBao replaces on a schedule: a static role.

    lease://database/static-creds/shop#postgresql://{username}:{password}@db.internal/shop

There is no lease: whoever may read it gets the same password until the server replaces it. So nothing is renewed or
given back; it is read again when its time is about to end, and then until another is there.

Threat: the password is replaced, and the application goes on with one that is refused. Lets pass: what connects between
the replacement at the database and our next reading (about a second; more while the server is late) is refused. The old
and the new password are never good at once: that is what roles that make users (`creds`) are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .errors import SecretRefused
from .lease import Lease
from .secret import Secret

_PARTS: Final = frozenset({"static-creds", "static-cred"})
"""What the paths of such roles have behind the mount: of the database engine, and of LDAP's."""
_ROUNDED: Final = 1.0
"""The server tells whole seconds."""
_OFTEN, _SELDOM = 0.25, 15.0
_PATIENCE: Final = 8.0
"""A server that is late is asked again after this part of how late it is."""


def is_static(place: str) -> bool:
    """Whether `place` (`database/static-creds/shop`) is one of a static role."""
    return not _PARTS.isdisjoint(place.split("/")[1:-1])


def static_lease(
    place: str, data: Mapping[str, Any], fields: Mapping[str, Secret[str]], now: float, before: Lease | None
) -> Lease:
    """What the server answers at `place` as a lease without an id; `before` is the one in use. Raises `SecretRefused`
    for what has no end at all."""
    left = data.get("ttl")
    if not is_static(place) or not isinstance(left, (int, float)):
        raise SecretRefused(f"lease://{place}", "it has no lease", "Read what lasts with a vault:// reference.")
    is_late = left <= 0 and before is not None and before.fields == fields
    ends_at = before.ends_at if before is not None and is_late else now + max(0.0, left)
    due_at = now + max(left - _ROUNDED, wait(now - ends_at))
    return Lease("", fields, left, ends_at, due_at, now)


def wait(late: float) -> float:
    """Seconds until a password is read again that should have been replaced `late` seconds ago (or will be: < 0)."""
    return min(_SELDOM, max(_OFTEN, late / _PATIENCE))


def static_steps(place: str, lease: Lease) -> Iterator[tuple[str, Callable[[], object]]]:
    """As `Leases.steps`."""

    def replaced() -> None:
        if lease.life <= 0:
            why, remedy = "its time is over, and the server has not replaced it", (
                "Ask again in a minute. If it is so still, see the server's log: can it reach the database?"
            )  # fmt: skip
            raise SecretRefused(f"lease://{place}", why, remedy)

    yield f"the password of {place} is replaced in time", replaced
