"""Live updates: who listens, and what each may hear.

Threat: a note told to somebody who may not read it; a socket that lives on after log-out; a slow reader that fills our
memory. So: the owner hears everything, others hear of shared notes; a log-out closes its session's sockets; a full
queue closes the socket, and the page asks anew.
Lets pass: a socket that is open when its session expires unused hears on until it closes.
Assumption: one process. With several, put the hub behind a message broker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from anyio import ClosedResourceError, WouldBlock, create_memory_object_stream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from garrison.core.bans import session_handle

from .models import Note
from .notes import summary
from .schemas import Live

_QUEUE: Final = 32
_PER_USER: Final = 10


class TooManyListeners(Exception):
    """This person has enough sockets open."""


@dataclass(frozen=True, eq=False)
class _Listener:
    user: UUID
    session: str
    stream: MemoryObjectSendStream[Live]


class Hub:
    """Everybody who listens, in this process."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()

    @contextmanager
    def listen(self, user: UUID, session: str) -> Iterator[MemoryObjectReceiveStream[Live]]:
        """A stream of what `user` may hear. It ends when the session does. Raises `TooManyListeners`."""
        if sum(other.user == user for other in self._listeners) >= _PER_USER:
            raise TooManyListeners
        send, receive = create_memory_object_stream[Live](_QUEUE)
        listener = _Listener(user, session, send)
        self._listeners.add(listener)
        try:
            with receive:
                yield receive
        finally:
            self._drop(listener)

    def created(self, note: Note) -> None:
        self._tell(note, Live(kind="created", id=note.id, note=summary(note)), everybody=note.shared)

    def updated(self, note: Note, *, was_shared: bool) -> None:
        self._tell(note, Live(kind="updated", id=note.id, note=summary(note)), everybody=note.shared)
        if was_shared and not note.shared:
            self._tell(note, Live(kind="deleted", id=note.id), everybody=True, owner=False)

    def deleted(self, note: Note) -> None:
        self._tell(note, Live(kind="deleted", id=note.id), everybody=note.shared)

    def end_session(self, session: str | None) -> None:
        """Close what was opened in this session."""
        for listener in [one for one in self._listeners if one.session == session]:
            self._drop(listener)

    def end_handle(self, user: UUID, handle: str) -> None:
        """Close what `user` opened in the session that the list of sessions calls `handle`."""
        for listener in [one for one in self._listeners if one.user == user]:
            if session_handle(listener.session) == handle:
                self._drop(listener)

    def end_user(self, user: UUID) -> None:
        """Close everything this person has open."""
        for listener in [one for one in self._listeners if one.user == user]:
            self._drop(listener)

    def _tell(self, note: Note, message: Live, *, everybody: bool, owner: bool = True) -> None:
        for listener in list(self._listeners):
            is_owner = listener.user == note.owner_id
            if owner if is_owner else everybody:
                self._send(listener, message)

    def _send(self, listener: _Listener, message: Live) -> None:
        try:
            listener.stream.send_nowait(message)
        except (WouldBlock, ClosedResourceError):  # too slow, or gone already
            self._drop(listener)

    def _drop(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        listener.stream.close()
