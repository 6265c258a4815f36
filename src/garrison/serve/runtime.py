"""What all connections of one server process share."""

from __future__ import annotations

from dataclasses import dataclass, field

from .clients import Clients
from .limits import Limits
from .sweep import Sweep


@dataclass(frozen=True, slots=True)
class Runtime:
    """Limits, the count of connections by client, and the one timer."""

    limits: Limits
    clients: Clients
    sweep: Sweep = field(default_factory=Sweep)
