"""The policy of reactions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .section import Frozen
from .units import Rate, Seconds


class ReactionsSection(Frozen):
    """What follows from an alert by itself: `docs/detection/reactions.md`."""

    mode: Literal["off", "dry-run", "enforce"] = "dry-run"
    """"dry-run" records what would be done; "enforce" does it."""
    ban: Annotated[Seconds, Field(gt=0)] = 4 * 3600.0
    """How long a client stays banned."""
    slow: Annotated[Seconds, Field(gt=0)] = 900.0
    """How long a client is slowed down."""
    slow_rate: Rate = Rate(30, 60.0, 10)
    """What a client that is slowed down may still ask."""
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.01
    """Part of the clients of the last hour that reactions may be against within an hour."""
    least: Annotated[int, Field(ge=0, le=1000)] = 5
    """So many are allowed in any case."""
