"""GCRA's arithmetic for one quota, worked out once (ITU-T I.371, annex A; the virtual scheduling algorithm).

A key's whole state is one number: the theoretical arrival time (TAT), the instant at which the key is whole again. A
request adds one `interval` to it; it is refused when the TAT would lie more than `burst` intervals ahead of now. So a
window of any length sees at most `burst` requests at once and one more per interval: `limit + burst` in `window`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final

from ..core.ports import Quota, State, Taken

_TOLERANCE = 1e-3
"""Seconds: what hundreds of additions to a clock that has run for years may be off by, and far below a request."""


taken_of: Final[Callable[[State], Taken]] = partial(tuple.__new__, Taken)
"""A `Taken` of its five fields, without the step through Python that naming them costs: one is made per charge."""


class Gauge:
    """One quota as `processes` share it out: each enforces `limit / processes`, and at least one request per window.

    `quota` is what was asked for and stands in answers. `interval` is seconds per request, `capacity` the seconds
    that a burst is worth, `ceiling` the same with a tolerance for rounding (at most a millisecond, and at most a
    hundredth of a request). `pace` is requests per second. `prefix` sets the quota's keys apart from those of others.

    With fewer requests in `limit` or `burst` than there are processes, all of them together let through up to one
    per process: `policy.limits.indivisible` tells when that is so.
    """

    __slots__ = ("capacity", "ceiling", "interval", "pace", "prefix", "quota")

    def __init__(self, quota: Quota, prefix: str = "", processes: int = 1) -> None:
        if quota.limit < 1 or quota.burst < 1 or quota.window <= 0:
            raise ValueError(f"the quota {quota.name!r} needs a limit and a burst of at least 1 and a window above 0")
        self.quota = quota
        self.prefix = prefix
        self.interval = quota.window / max(1.0, quota.limit / processes)
        self.capacity = max(1, quota.burst // processes) * self.interval
        self.ceiling = self.capacity + min(_TOLERANCE, self.interval / 100)
        self.pace = 1.0 / self.interval

    def taken(self, allowed: bool, level: float, cost: int) -> Taken:
        """The state of a key whose TAT lies `level` seconds ahead of now, after a decision about `cost` requests."""
        remaining = max(0, int((self.ceiling - level) * self.pace))
        if allowed:
            return Taken(self.quota, True, remaining, level)
        asked = cost * self.interval
        if asked > self.ceiling:
            return Taken(self.quota, False, remaining, level, math.inf)
        # A key that is charged twice in one decision can be refused although one charge fits: one interval then.
        wait = level + asked - self.capacity
        return Taken(self.quota, False, remaining, level, wait if wait > 0 else self.interval)
