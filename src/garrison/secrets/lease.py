"""A credential that a server made for us, for a time; and when something has to be done about it.

Vault and OpenBao make a user of a database (or of a broker, a cloud, …) for whoever asks, and take it away when its
lease ends. A lease is renewed until its longest life (`max_ttl`) cuts a renewal short; then a new credential takes its
place while the old one is still good, and the old one is given back when its users have let go of it.

Leases hang on the log-in that they were made with: when its token ends, the server ends them too. Pure: time is an
argument, nothing is asked here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from .secret import Secret

EARLIEST, LATEST = 0.5, 0.65
"""A lease is renewed between these parts of its life, by chance: many processes don't come at once."""
_WORTH: Final = 0.9
"""A renewal that gives less than this part of the first life was cut short by `max_ttl`: the credential is replaced."""
_PROVED: Final = 30.0
"""Seconds that an answer of the server is taken as a proof that a lease still is. Somebody may have revoked it."""
_LONGEST_WAIT: Final = 15.0


@dataclass(frozen=True, slots=True)
class Lease:
    """One credential. Times are seconds of a monotonic clock. `log_in` is what it hangs on, `process` whose it is; one
    without an `id` (a static role's) is everybody's, and hangs on nothing."""

    id: str
    fields: Mapping[str, Secret[str]] = field(repr=False)
    life: float
    ends_at: float
    due_at: float
    proved_at: float
    log_in: Any = field(repr=False, default=None)
    process: int = field(default_factory=os.getpid)

    @property
    def is_ours(self) -> bool:
        """Not inherited by a fork: then it is the parent's to renew and to give back."""
        return not self.id or self.process == os.getpid()

    def is_due(self, now: float) -> bool:
        """Whether it is time to renew it."""
        return now >= self.due_at

    def wants_proof(self, now: float) -> bool:
        """Whether it is time to see that it still is."""
        return now >= self.proved_at + _PROVED

    def renewed(self, seconds: float, now: float, chance: float) -> Lease | None:
        """With `seconds` more; None when they are too few, and another has to take its place. `chance` is 0 to 1."""
        if seconds < self.life * _WORTH:
            return None
        return replace(self, ends_at=now + seconds, due_at=due(now, seconds, chance), proved_at=now)

    def proved(self, now: float) -> Lease:
        """As the server has just said that it is."""
        return replace(self, proved_at=now)


def due(now: float, seconds: float, chance: float) -> float:
    """When a lease of `seconds` is renewed. `chance` is 0 to 1."""
    return now + seconds * (EARLIEST + (LATEST - EARLIEST) * chance)


def retry_wait(failures: int, left: float) -> float:
    """Seconds until a server that failed `failures` times is asked again; no longer than what is `left` of a lease."""
    wait = min(_LONGEST_WAIT, 0.25 * 2.0 ** min(failures, 8))
    return min(wait, max(left, 0.05)) if left > 0 else wait


@dataclass(slots=True)
class Leaving:
    """A credential that has a successor. It is given back when its users were told of that, and have let go of it."""

    place: str
    lease: Lease
    told_at: float = float("inf")
    busy: Callable[[], bool] = lambda: False

    def may_go(self, now: float, grace: float) -> bool:
        """Whether nobody needs it any more."""
        return now >= self.told_at + grace and not self.busy()

    def look_at(self, now: float, grace: float) -> float:
        """When to see about it next."""
        if now < self.told_at + grace:
            return min(self.told_at + grace, self.lease.ends_at)
        return min(now + 0.5, self.lease.ends_at)
