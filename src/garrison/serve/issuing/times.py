"""When to renew, when to try again, when to alarm. Pure: no clock, no chance of its own.

Assumption: `chance` in [0, 1) differs between servers, so that many of them do not ask at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

RENEW_AT: Final = 1 / 3
"""Of a certificate's life left when it is renewed."""
LATEST: Final = 1 / 5
"""Of its life left when it is renewed whatever the authority suggests."""
ALARMS: Final = (1 / 5, 1 / 10, 1 / 50)
"""Of its life left when it alarms; the last is the loudest."""
_JITTER: Final = 0.1
_FIRST: Final = 60.0
_LONGEST: Final = 6 * 3600.0
_SHARE: Final = 1 / 20


def chance_of(*parts: object) -> float:
    """A number in [0, 1) that is always the same for the same parts."""
    digest = sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def renew_at(begins: datetime, ends: datetime, suggested: datetime | None, chance: float) -> datetime:
    """When a certificate is renewed: with a third of its life left, up to a tenth of that earlier by `chance`; or when
    the authority suggests (RFC 9773), but never later than with a fifth left."""
    life = ends - begins
    if suggested is not None:
        return min(suggested, ends - life * LATEST)
    return ends - life * (RENEW_AT * (1 + _JITTER * chance))


def wait_after(failures: int, chance: float, life: timedelta | None = None) -> timedelta:
    """How long to wait after the latest of `failures` in a row: a minute, four, sixteen … six hours, ±20 %; but never
    more than a twentieth of a certificate's `life`, of which a third is left when it begins."""
    steps = min(max(failures, 1) - 1, 8)
    longest = _LONGEST if life is None else min(_LONGEST, life.total_seconds() * _SHARE)
    return timedelta(seconds=min(_FIRST * 4**steps, longest) * (0.8 + 0.4 * chance))


def alarm_of(begins: datetime, ends: datetime, now: datetime) -> int:
    """How many of `ALARMS` are due: 0 is quiet, 1 to 3 are ever fewer days left."""
    left = (ends - now) / (ends - begins)
    return sum(left <= one for one in ALARMS)
