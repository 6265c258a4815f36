"""The policy of reactions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .section import Frozen, Names
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
    log_more: Annotated[Seconds, Field(gt=0)] = 1800.0
    """How long every request of a client or user is put on record."""
    log_more_rate: Rate = Rate(300, 60.0, 100)
    """So many of them are, for each client or user and in each process; the others are counted."""
    step_up: Annotated[Seconds, Field(gt=0)] = 3600.0
    """How long a user's sessions must confirm who they are before they change something."""
    step_up_page: Annotated[str, Field(pattern=r"^(/[^\x00-\x20*?#]{1,200})?$")] = ""
    """The page that asks for the password or a code again and calls `freshness.confirm`. Empty: no step-up."""
    step_up_free: Names = ()
    """Paths that ask for no confirmation: log-in, log-out, whatever makes things safer. As in `routes.paths`."""
    step_up_also: Names = ()
    """Paths that ask for it although they only read: exports, say. As in `routes.paths`."""
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.01
    """Part of the clients of the last hour that reactions may be against within an hour."""
    least: Annotated[int, Field(ge=0, le=1000)] = 5
    """So many are allowed in any case."""
