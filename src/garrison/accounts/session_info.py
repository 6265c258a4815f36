"""A session as its owner sees it in a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..core.bans import session_handle
from ..core.ports import Detail, Record

KIND: Final = "session"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One live session. `handle` names it for `revoke` and nothing else; times are wall time.

    `agent` ("Firefox on Linux") and `network` ("203.0.113.0/24") are those of the log-in. `is_current` marks the
    session that asks.
    """

    handle: str
    begun: float
    used: float
    agent: str
    network: str
    is_current: bool

    @classmethod
    def of(cls, record: Record, is_current: bool) -> SessionInfo:
        data = record.data
        return cls(
            handle=session_handle(record.id),
            begun=number(data["begun"]),
            used=number(data["used"]),
            agent=str(data.get("agent") or ""),
            network=str(data.get("network") or ""),
            is_current=is_current,
        )


def number(value: Detail) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
