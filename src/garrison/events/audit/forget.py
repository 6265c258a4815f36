"""Forgetting, on request and after time, so that the log says who forgot what and its proofs still hold.

The record is written before the deed: a crash in between leaves a log that says too much was erased, never too little.
Erased values are overwritten (secure_delete) and the WAL is emptied. Lets pass: copies elsewhere (backups, exports,
what a SIEM has), and blocks that a file system or SSD keeps.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from ..vocabulary import EventName
from .entry import system_event
from .log import AuditLog, Locked
from .ranges import Ranges
from .segment import BUSY_SECONDS, State, read_state, reading, segments

_TEXT: Final = 900
"""Characters of a list of places in one entry."""
Wanted = Callable[[int, dict[str, object]], bool]
"""Whether to erase, by the time an entry was written (microseconds) and its personal fields."""


def about(*, principal: str = "", client: str = "", before: float = 0.0) -> Wanted:
    """Everything about `principal` or `client`, or older than wall time `before`; all that is given must fit."""

    def wanted(at: int, personal: dict[str, object]) -> bool:
        if principal and personal.get("principal") != principal:
            return False
        if client and client not in (personal.get("client"), personal.get("client_key")):
            return False
        return not before or at < before * 1e6

    return wanted


def erase(log: AuditLog, wanted: Wanted, by: str, why: str, now: float, *, until: float = float("inf")) -> int:
    """Erase the personal fields of the entries that are `wanted`; how many there were.

    by, why   stand in the record; must be free of personal data
    until     entries written after this wall time are not looked at

    Raises OSError, sqlite3.Error.
    """
    total = 0
    for path in segments(log.folder):
        found = _find(path, wanted, until)
        for places, count in found.texts(_TEXT):
            log.record(
                system_event(EventName.AUDIT_ERASED, now, log.node, places=places, count=count, by=by, why=why)
            )  # fmt: skip
        if len(found):
            _wipe(log.folder, path, found)
            total += len(found)
    return total


def trim(log: AuditLog, before: float, now: float) -> int:
    """Remove the files whose last entry is older than wall time `before`; how many. The newest file stays."""
    files = segments(log.folder)
    old: list[State] = []
    for path in files[:-1]:
        with reading(path) as connection:
            state = read_state(connection)
        if state.at >= before * 1e6:
            break
        old.append(state)
    if old:
        start = old[-1].size
        log.record(
            system_event(EventName.AUDIT_TRIMMED, now, log.node, start=start, root=old[-1].frontier().root().hex())
        )
        with Locked(log.folder):
            for path in files[: len(old)]:
                for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                    each.unlink(missing_ok=True)
    return len(old)


def _find(path: Path, wanted: Wanted, until: float) -> Ranges:
    found = Ranges()
    limit = 2**62 if until == float("inf") else int(until * 1e6)
    with reading(path) as connection:
        query = "SELECT id, at, personal FROM entries WHERE personal IS NOT NULL ORDER BY id"
        run = -1  # behind a wanted entry: where its range goes on, over entries that have nothing to erase
        for number, at, personal in connection.execute(query):
            if at >= limit:
                break
            fits = wanted(at, json.loads(personal))
            if fits:
                found.add(number if run < 0 else run, number)
            run = number + 1 if fits else -1
    return found


def _wipe(folder: Path, path: Path, found: Ranges) -> None:
    with Locked(folder), closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        for low, high in found:
            connection.execute("UPDATE entries SET personal = NULL, salt = NULL WHERE id BETWEEN ? AND ?", (low, high))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
