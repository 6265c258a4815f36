"""Time as an argument.

Two clocks, because they answer different questions: `monotonic` measures intervals and never jumps; `wall` is what
people and certificates call the time and may jump. Limits use the first, records and logs the second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Both clocks, in seconds. Pass `SYSTEM` in production and a `garrison.testing.FrozenClock` in tests."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]


SYSTEM = Clock(monotonic=time.monotonic, wall=time.time)
