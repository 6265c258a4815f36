"""Every scan is kept: how many findings of which severity, what was new, what is gone, and what did not run.

Like is compared with like: a scan by other scanners, or of another target, is of another scope, and no point of a line.

Threat: a file that grows for ever, or a broken one that ends a scan. Bounded in scans for each project; where it can't
be used, the scan goes on and says that it was not kept. Holds rules, fingerprints, counts and the options that say what
was looked at, no code, no place of a finding and no secret; private to its user.
Assumption: one project is one folder. Lets pass: scans on other machines; name a shared file with `--trend`.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..core.errors import DependencyError
from ..findings.report import Outcome, ToolStatus
from ..findings.severity import Severity
from ..findings.trend import Point, Scope
from .gate import Gated

MOST_SCANS: Final = 500
PATIENCE: Final = 5.0
_LAYOUT: Final = 2
_TABLES: Final = """
CREATE TABLE scans (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, at TEXT NOT NULL, tools TEXT NOT NULL, gaps TEXT NOT NULL,
    counts TEXT NOT NULL, suppressed INTEGER NOT NULL, new INTEGER, gone INTEGER, scope TEXT NOT NULL DEFAULT ''
);
CREATE INDEX scans_of ON scans (project, id);
CREATE TABLE findings (
    scan INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE, fingerprint TEXT NOT NULL, rule TEXT NOT NULL,
    PRIMARY KEY (scan, fingerprint)
) WITHOUT ROWID;
"""


class TrendUnusable(DependencyError):
    """The file of earlier scans can't be read or written: `file`."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file} can't be used: {why}.", remedy="Move it away, or name another one: --trend FILE.")
        self.file = file


def trend_file() -> Path:
    """Where scans are kept: GARRISON_TREND, or the user's state folder."""
    if named := os.environ.get("GARRISON_TREND"):
        return Path(named)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "garrison" / "scans.sqlite"


def keep(
    file: Path, project: Path, statuses: Sequence[ToolStatus], gated: Gated, now: datetime, asked: Sequence[str] = ()
) -> Scope:
    """Add a scan, and say of which scope it is: everything that is open, what a baseline knows included. `now` has a
    time zone. `asked`: see `Scope`.

    Raises `TrendUnusable`; the file is then as it was.
    """
    scope = Scope(tuple(sorted(one.tool for one in statuses)), tuple(asked))
    when = now.astimezone(UTC).isoformat()
    ran = json.dumps(sorted(one.tool for one in statuses if one.outcome.full))
    gaps = json.dumps([one.tool for one in statuses if _is_gap(one)])
    counts = json.dumps(Counter(one.severity.value for one in gated.open))
    seen = {one.fingerprint: one.id for one in gated.open}
    key = str(project.resolve())
    with _open(file) as store, store:
        store.execute("BEGIN IMMEDIATE")
        new, gone = _change(store, (key, _stored(scope), ran), seen.keys())
        row = store.execute(
            "INSERT INTO scans (project, at, tools, gaps, counts, suppressed, new, gone, scope)"
            " VALUES (?,?,?,?,?,?,?,?,?)",
            (key, when, ran, gaps, counts, gated.suppressed, new, gone, _stored(scope)),
        ).lastrowid
        store.executemany("INSERT INTO findings VALUES (?, ?, ?)", [(row, *one) for one in seen.items()])
        store.execute(_FORGET, (key, MOST_SCANS))
    return scope


_FORGET: Final = """
DELETE FROM scans WHERE (SELECT count(*) FROM scans WHERE project = ?1) > ?2 AND id = (
    SELECT min(id) FROM scans WHERE project = ?1 GROUP BY scope ORDER BY count(*) DESC, min(id) LIMIT 1)
"""
"""One goes for one that came: the oldest of the commonest scope, or scans on each commit would end those by night."""


def points(file: Path, project: Path, most: int = 30, of: Scope | None = None) -> list[Point]:
    """The last scans of a project, of one scope or of all, oldest first; none where nothing was kept yet.

    Raises `TrendUnusable`.
    """
    if not file.is_file():
        return []
    with _open(file) as store:
        rows = store.execute(
            "SELECT at, counts, new, gone, suppressed, gaps, scope FROM scans"
            " WHERE project = ?1 AND (?2 IS NULL OR scope = ?2) ORDER BY id DESC LIMIT ?3",
            (str(project.resolve()), None if of is None else _stored(of), most),
        ).fetchall()
    try:
        return [_point(row) for row in reversed(rows)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrendUnusable(file, f"a scan in it can't be read ({type(error).__name__})") from None


def apart(file: Path, project: Path, of: Scope) -> int:
    """How many scans of the project are of another scope. Raises `TrendUnusable`."""
    with _open(file) as store:
        (count,) = store.execute(
            "SELECT count(*) FROM scans WHERE project = ? AND scope <> ?", (str(project.resolve()), _stored(of))
        ).fetchone()
    return int(count)


def _is_gap(status: ToolStatus) -> bool:
    """Whether something was left out. What the project has no file for, and what may be missing, was not."""
    return not status.outcome.full and (status.required or status.outcome is not Outcome.SKIPPED)


def _stored(of: Scope) -> str:
    return json.dumps([of.scanners, of.asked])


def _scope(stored: str) -> Scope:
    if not stored:  # a scan of the first layout
        return Scope()
    scanners, asked = json.loads(stored)
    return Scope(tuple(map(str, scanners)), tuple(map(str, asked)))


def _point(row: Sequence[object]) -> Point:
    at, counts, new, gone, suppressed, gaps, scope = row
    found = {Severity(name): int(number) for name, number in json.loads(str(counts)).items()}
    numbers = {severity: found.get(severity, 0) for severity in Severity}
    return Point(
        at=datetime.fromisoformat(str(at)), counts=numbers, suppressed=int(str(suppressed)),
        new=None if new is None else int(str(new)), gone=None if gone is None else int(str(gone)),
        gaps=tuple(map(str, json.loads(str(gaps)))), scope=_scope(str(scope)),
    )  # fmt: skip


def _change(store: sqlite3.Connection, like: tuple[str, str, str], seen: Set[str]) -> tuple[int | None, int | None]:
    """How much is new and gone since the last scan of the same project and scope in which the same tools ran."""
    last = store.execute(
        "SELECT id FROM scans WHERE project = ? AND scope = ? AND tools = ? ORDER BY id DESC LIMIT 1", like
    ).fetchone()
    if last is None:
        return None, None
    before = {one for (one,) in store.execute("SELECT fingerprint FROM findings WHERE scan = ?", last)}
    return len(seen - before), len(before - seen)


@contextmanager
def _open(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        with closing(sqlite3.connect(file, timeout=PATIENCE)) as store:
            store.execute("PRAGMA foreign_keys = ON")
            _prepare(store)
            yield store
    except OSError as error:
        raise TrendUnusable(file, error.strerror or type(error).__name__) from None
    except sqlite3.Error as error:
        raise TrendUnusable(file, str(error)) from None


def _prepare(store: sqlite3.Connection) -> None:
    (layout,) = store.execute("PRAGMA user_version").fetchone()
    if layout == 0:
        with store:
            store.execute("BEGIN EXCLUSIVE")
            if store.execute("PRAGMA user_version").fetchone() == (0,):
                for statement in _TABLES.split(";"):
                    store.execute(statement)
                store.execute(f"PRAGMA user_version = {_LAYOUT}")
    elif layout == 1:  # it did not note what a scan looked at
        with store:
            store.execute("BEGIN EXCLUSIVE")
            if store.execute("PRAGMA user_version").fetchone() == (1,):
                store.execute("ALTER TABLE scans ADD COLUMN scope TEXT NOT NULL DEFAULT ''")
                store.execute(f"PRAGMA user_version = {_LAYOUT}")
    elif layout != _LAYOUT:
        raise sqlite3.DatabaseError(f"it has layout {layout}, this version knows {_LAYOUT}")
