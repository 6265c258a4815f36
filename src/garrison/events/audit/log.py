"""The writer of the audit log: entries into the newest file, checkpoints from time to time, a new file when it is full.

Several processes of one machine write one log: a lock on the folder is held for each batch, and each batch begins with
what the file says it ended with. Nodes share nothing.

Threat and assumptions: `entry`, `note`, `segment`. A killed process loses what it had not written, and the next one to
start says so (`alive`). Lets pass: between two checkpoints, who can write the file can rewrite its end.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ...core.clock import Clock
from ...core.errors import GarrisonError
from ...core.ports import Emit, silent
from ...policy.section_audit import AuditSection
from ..appending import lock_file
from ..event import Event
from ..sqlite import prepare_folder
from ..text import clean
from ..vocabulary import EventName
from .alive import Presence, bury
from .entry import SALT, Row, commit, entry_bytes, link, split, system_event
from .note import Signs
from .segment import Segment, State, path_of, segments
from .ship import Shipper
from .tree import leaf_hash

FOLDER: Final = "audit"
TOLERANCE: Final = 5.0
"""Seconds that the clock may run back unremarked (a step of time synchronisation)."""
_MICRO: Final = 1_000_000


def origin_of(node: str) -> str:
    """What the log of `node` is called in its checkpoints: no blanks, no plus (C2SP signed-note)."""
    return f"garrison/{''.join(one if one.isalnum() or one in '.-_' else '-' for one in clean(node)) or 'node'}"


class AuditLog:
    """A `Writer` of the bus. `write` keeps what the policy wants kept; `failing` tells that the last one failed.

    folder    where the files are
    node      whose log it is
    section   the policy
    signer    signs checkpoints; None writes entries only (a command that has no key)
    emit      where it tells what it meets: a dead process, a clock that ran back
    """

    name = "audit"

    def __init__(
        self,
        folder: Path,
        node: str,
        section: AuditSection,
        clock: Clock,
        *,
        signer: Signs | None = None,
        emit: Emit = silent,
    ) -> None:
        self.folder = folder
        self.node = node
        self.failing = False
        self._section = section
        self._clock = clock
        self._signer = signer
        self._emit = emit
        self._shipper: Shipper | None = None
        self._mutex = threading.RLock()
        self._segment: Segment | None = None
        self._presence: Presence | None = None
        self._checked = False
        self._sign_after = float("-inf")

    def open(self) -> None:
        """Make ready. Raises OSError, sqlite3.Error, `StoreUnusable`."""
        with self._mutex, Locked(self.folder):
            self._ready()
        self._start_shipping()

    def write(self, events: Sequence[Event]) -> int:
        """Record what the policy wants recorded of `events`: all of it or, raising, nothing."""
        chosen = [event for event in events if event.relevant or self._section.chatter]
        try:
            if chosen:
                with self._mutex, Locked(self.folder):
                    self._append(chosen)
                self._start_shipping()
        except BaseException:
            self.failing = True
            self._drop()
            raise
        self.failing = False
        return len(events)

    def checkpoint(self) -> str:
        """Sign what is not yet signed; the newest checkpoint. Empty without a key or without entries. Raises what the
        signer raises."""
        with self._mutex, Locked(self.folder):
            segment = self._ready()
            return self._sign(segment, segment.state())

    def record(self, event: Event) -> None:
        """Write one event of the log's own, at once."""
        with self._mutex, Locked(self.folder):
            self._append([event])

    def close(self) -> None:
        """Sign the end and let go of everything. A later `write` opens it again."""
        self._sign_end()
        if self._shipper is not None:
            self._shipper.stop()  # not under the mutex: what it is doing may need it

    def ship_with(self, shipper: Shipper) -> None:
        """Give every new checkpoint to `shipper`, which runs while this is open."""
        self._shipper = shipper

    def _start_shipping(self) -> None:
        if self._shipper is not None:
            self._shipper.start()

    def _sign_end(self) -> None:
        with self._mutex:
            if self._segment is None:
                return
            try:
                if self._segment.path.exists():  # else the folder was taken away, and must not come back by closing
                    with Locked(self.folder):
                        self._sign(self._segment, self._segment.state())
            except (OSError, sqlite3.Error, GarrisonError) as error:
                self._emit(EventName.DEGRADED, None, service="audit checkpoint", error=str(error))
            self._drop()
            if self._presence is not None:
                self._presence.end()
                self._presence = None

    def _append(self, events: Sequence[Event]) -> None:
        segment = self._due(self._ready())
        state = segment.state()
        now = int(self._clock.wall() * _MICRO)
        if now < state.at - TOLERANCE * _MICRO:
            self._emit(EventName.AUDIT_CLOCK, None, seconds=(state.at - now) // _MICRO)
        with segment.transaction():
            segment.add(make_rows(events, state, now), state)

    def _due(self, segment: Segment) -> Segment:
        """Do what is due, before a batch: what fails here must not fail behind it, or the batch would come twice."""
        state = segment.state()
        if state.size - state.start >= self._section.segment:
            return self._go_on(segment, state)
        if self._clock.monotonic() >= self._sign_after:
            self._sign_if_possible(segment, state)
        return segment

    def _ready(self) -> Segment:
        """The newest file, open, and not full."""
        current = self._segment
        if current is not None and not current.path.exists():
            self._drop()  # somebody took the file away
            current = None
        if current is None:
            current = self._segment = self._newest()
        while (state := current.state()).full:  # others may have filled several while this process slept
            current = self._go_on(current, state)
        if self._presence is None:
            self._announce()
        return current

    def _newest(self) -> Segment:
        there = segments(self.folder)
        origin = origin_of(self.node)
        segment = Segment(there[-1] if there else path_of(self.folder, 0), origin)
        state = segment.state()
        if not there:
            started = system_event(EventName.AUDIT_STARTED, self._clock.wall(), self.node, origin=origin)
            with segment.transaction():
                segment.add(make_rows([started], state, int(self._clock.wall() * _MICRO)), state)
        elif not self._checked and not segment.agrees(state):
            self._emit(EventName.AUDIT_BROKEN, None, file=segment.path.name, size=state.size)
            segment = self._go_on(segment, state)  # what is there stays as it is, for `verify`
        self._checked = True
        return segment

    def _announce(self) -> None:
        """Be known to be writing, and tell of those who died writing."""
        for died in bury(self.folder):
            self._emit(EventName.AUDIT_UNCLEAN, None, process=died.pid, since=died.since)
        self._presence = Presence(self.folder, self._clock.wall())

    def _go_on(self, segment: Segment, state: State) -> Segment:
        """Close `segment` for good and begin the next file where it ended. Safe to repeat after a crash in between."""
        self._sign_if_possible(segment, state)  # else a later checkpoint covers its entries as well
        state.full = 1
        with segment.transaction():
            segment.add((), state)
        following = Segment(path_of(self.folder, state.size), state.origin, state.next())
        segment.close()
        self._segment = following
        return following

    def _sign_if_possible(self, segment: Segment, state: State) -> None:
        """Sign, and go on without when the key is elsewhere and can't be asked: entries are written all the same."""
        try:
            self._sign(segment, state)
        except GarrisonError:
            # The shipper's thread tries again at every interval, and tells.
            self._sign_after = self._clock.monotonic() + self._section.checkpoint

    def _sign(self, segment: Segment, state: State) -> str:
        signer = self._signer
        if signer is None or state.size == state.signed:
            return ""
        note = signer.sign(state.origin, state.size, state.frontier().root(), self._clock.wall())
        with segment.transaction():
            segment.add_checkpoint(state.size, note, state)
        self._sign_after = self._clock.monotonic() + self._section.checkpoint
        if self._shipper is not None:
            self._shipper.offer(note)
        return note

    def _drop(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None


def make_rows(events: Sequence[Event], state: State, at: int) -> list[Row]:
    """The next entries behind `state`, which moves on to their end."""
    frontier, chain, place = state.frontier(), state.chain, state.size
    salts = os.urandom(SALT * len(events))
    rows = []
    for number, event in enumerate(events):
        public, personal = split(event)
        salt = salts[SALT * number : SALT * (number + 1)] if personal else None
        commitment = commit(personal, salt) if salt else b""
        leaf = leaf_hash(entry_bytes(place, at, public, commitment))
        chain = link(chain, leaf)
        frontier.append(leaf)
        rows.append(Row(place, at, public, commitment, personal or None, salt, leaf, chain))
        place += 1
    state.size, state.chain, state.nodes, state.at = place, chain, frontier.to_bytes(), at
    return rows


class Locked:
    """Hold the lock of a log's folder among processes. Raises OSError when it can't be had within a second."""

    __slots__ = ("_descriptor", "_folder")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> None:
        prepare_folder(self._folder)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._folder / "lock", flags, 0o600)
        try:
            lock_file(self._descriptor)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
