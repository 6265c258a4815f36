"""End sessions and API keys: for a request of the application, or for an operator's command, which has no request.

Assumption: who may run a command may end anybody's sessions. Every end is an event, as when the application does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..core.errors import DependencyError, OperatorError
from ..core.facts import Facts
from ..core.ports import Emit, Record, Records
from ..events.vocabulary import EventName
from .session_info import KIND as SESSION

KEY: Final = "api-key"
LIVE: Final = "live"
"""The field that names the owner of a key in force; a revoked one has none."""
REMEMBERED: Final = 90 * 86_400.0
"""How long a revoked key is kept, so that its use is noticed."""
_AT_ONCE: Final = 100
_TRIES: Final = 5


class NoSuchKey(OperatorError):
    """No API key has that id, or it is revoked already."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"No API key in force goes by {what!r}.", remedy="The id is the part of the key before its secret."
        )


async def end_session(records: Records, emit: Emit, record: Record, facts: Facts | None, cause: str) -> None:
    """End one session, unless it has ended. Raises `DependencyError`."""
    if await records.delete(SESSION, record.id):
        principal = str(record.data["principal"])
        emit(EventName.SESSION_EXPIRED, facts, cause=cause, principal=principal, session=record.id)


async def end_sessions(
    records: Records,
    emit: Emit,
    principal: str,
    chosen: Callable[[Record], bool] = lambda record: True,
    facts: Facts | None = None,
) -> int:
    """End the sessions of `principal` that `chosen` takes; how many. Raises `DependencyError`."""
    ended = 0
    while True:
        found = await records.find(SESSION, "principal", principal, limit=_AT_ONCE)
        wanted = [record for record in found if chosen(record)]
        for record in wanted:
            await end_session(records, emit, record, facts, "revoked")
        ended += len(wanted)
        if len(found) < _AT_ONCE or not wanted:
            return ended


async def revoke_key(
    records: Records, emit: Emit, what: str, *, now: float, owner: str = "", facts: Facts | None = None
) -> bool:
    """Revoke the API key of that id, of `owner` if one is given; whether there was one in force. Raises
    `DependencyError`."""
    for _ in range(_TRIES):  # it may be in use at this moment, and its last use written
        record = await records.get(KEY, what)
        if record is None or record.data["revoked"] or (owner and record.data["owner"] != owner):
            return False
        expires = max(record.expires or 0.0, now + REMEMBERED)
        data = {name: value for name, value in record.data.items() if name != LIVE} | {"revoked": now}
        if await records.put(KEY, what, data, expires=expires, expect=record.version) is not None:
            emit(EventName.AUTHN_TOKEN_REVOKED, facts, principal=str(record.data["owner"]), handle=what)
            return True
    raise DependencyError("The key could not be revoked: somebody writes it all the time.")
