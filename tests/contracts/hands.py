"""A clock that tests move by hand."""

from __future__ import annotations

from garrison.core.clock import Clock


class Hands:
    """`clock` shows `now`, on both sides, until `now` is set to something else."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now)
