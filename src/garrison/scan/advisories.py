"""Known vulnerabilities of packages, in a local database of OSV records (ossf.github.io/osv-schema, version 1).

Threat: a scan without network that finds nothing because it knows nothing. So the database has a date, an old one is
stale and says so, and one that is not there is a reason, never an empty answer.
Assumption: who imports an archive trusts its source. Lets pass: advisories that nobody has written yet.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from ..core.errors import DependencyError, OperatorError
from ..findings.severity import Severity
from .cvss import base_score
from .lockfiles import plain
from .versions import lowest, parse

FRESH_DAYS: Final = 14
_BANDS: Final = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.0, Severity.LOW))
LARGEST_RECORD: Final = 4 * 1024 * 1024
MOST_RECORDS: Final = 500_000


class ArchiveUnusable(OperatorError):
    """What should be imported holds no advisories for PyPI or npm."""


class DatabaseBroken(DependencyError):
    """The database is there and can't be read."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """One vulnerability of one package."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: Severity | None
    score: float | None
    fixed: tuple[str, ...]


def database_file() -> Path:
    """Where the database lies: GARRISON_ADVISORIES, or the user's cache."""
    if named := os.environ.get("GARRISON_ADVISORIES"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "garrison" / "advisories.sqlite"


def import_records(source: Path | Sequence[Path], target: Path) -> int:
    """Read OSV archives (`all.zip` of PyPI, of npm) or folders of records into a new database; how many there are.

    The old database stays until the new one is whole. Raises `ArchiveUnusable`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f"{target.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    sources = [source] if isinstance(source, Path) else list(source)
    try:
        count = _fill(fresh, sources)
        if not count:
            raise ArchiveUnusable(
                f"{', '.join(map(str, sources))} holds no OSV record of a PyPI or npm package.",
                remedy="Import the archive all.zip of the ecosystem PyPI, or a folder with its JSON files.",
            )
        fresh.replace(target)
    except (OSError, zipfile.BadZipFile, ValueError, RecursionError) as error:
        raise ArchiveUnusable(
            f"{', '.join(map(str, sources))} can't be read: {error}", remedy="Download it again."
        ) from None
    finally:
        fresh.unlink(missing_ok=True)
    return count


def _fill(target: Path, sources: Sequence[Path]) -> int:
    counts: Counter[str] = Counter()
    newest: dict[str, str] = {}
    with closing(sqlite3.connect(target)) as db, db:
        db.execute("CREATE TABLE records (ecosystem TEXT NOT NULL, name TEXT NOT NULL, record TEXT NOT NULL)")
        db.execute("CREATE TABLE about (ecosystem TEXT NOT NULL, newest TEXT NOT NULL, count INTEGER NOT NULL)")
        for record in (record for source in sources for record in _records(source)):
            names = {known for one in record.get("affected", []) if (known := _package(one)) is not None}
            if record.get("withdrawn") or not names:
                continue
            for ecosystem in {ecosystem for ecosystem, _ in names}:
                counts[ecosystem] += 1
                newest[ecosystem] = max(newest.get(ecosystem, ""), str(record.get("modified", "")))
            text = json.dumps(record)
            db.executemany("INSERT INTO records VALUES (?, ?, ?)", [(*known, text) for known in sorted(names)])
        db.execute("CREATE INDEX by_name ON records (name, ecosystem)")
        db.executemany(
            "INSERT INTO about VALUES (?, ?, ?)", [(one, newest[one], counts[one]) for one in sorted(counts)]
        )
    return counts.total()


def _package(affected: dict[str, Any]) -> tuple[str, str] | None:
    """Ecosystem and name, of those that are matched here."""
    package = affected.get("package", {})
    name = str(package.get("name", ""))
    if package.get("ecosystem") == "PyPI":
        return "PyPI", plain(name)
    return ("npm", name) if package.get("ecosystem") == "npm" else None


def _records(source: Path) -> Iterator[dict[str, Any]]:
    if source.is_dir():
        for number, path in enumerate(sorted(source.rglob("*.json"))):
            if number < MOST_RECORDS and path.stat().st_size <= LARGEST_RECORD:
                yield json.loads(path.read_text(encoding="utf-8"))
        return
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist()[:MOST_RECORDS]:
            if info.filename.endswith(".json") and info.file_size <= LARGEST_RECORD:
                yield json.loads(archive.read(info))


class Advisories:
    """The database, opened to be read."""

    def __init__(self, file: Path) -> None:
        """Raises `DatabaseBroken`; `FileNotFoundError` where there is none."""
        if not file.is_file():
            raise FileNotFoundError(file)
        try:
            self._db = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
            rows = self._db.execute("SELECT ecosystem, newest, count FROM about").fetchall()
            self.days: dict[str, date] = {one: datetime.fromisoformat(newest).date() for one, newest, _ in rows}
            self.count: int = sum(count for _, _, count in rows)
            self.newest: date = min(self.days.values())
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise DatabaseBroken(
                f"{file} can't be read: {error}", remedy="Import it again: garrison scan db import ARCHIVE."
            ) from None

    def close(self) -> None:
        """End the connection."""
        self._db.close()

    def about(self, name: str, version: str, ecosystem: str = "PyPI") -> list[Advisory]:
        """What is known about a version of a package. Raises ValueError for what is no version."""
        wanted = parse(version, ecosystem)
        query = "SELECT record FROM records WHERE name = ? AND ecosystem = ?"
        records = [json.loads(row[0]) for row in self._db.execute(query, (name, ecosystem))]
        found = [one for record in records if (one := _applies(record, (ecosystem, name), version, wanted)) is not None]
        known: set[str] = set()
        return [one for one in found if not _told(one, known)]


def _told(one: Advisory, known: set[str]) -> bool:
    """Whether an alias of it was there already: PyPA and GitHub describe the same hole."""
    names = {one.id, *one.aliases}
    told = not known.isdisjoint(names)
    known |= names
    return told


def _applies(record: dict[str, Any], package: tuple[str, str], version: str, wanted: Any) -> Advisory | None:
    fixed: set[str] = set()
    hit = False
    for affected in record["affected"]:
        if _package(affected) != package:
            continue
        for one in affected.get("ranges", []):
            if one.get("type") in {"ECOSYSTEM", "SEMVER"}:
                hit |= _within(one.get("events", []), wanted, package[0])
                fixed |= {str(event["fixed"]) for event in one.get("events", []) if "fixed" in event}
        hit |= version in affected.get("versions", [])
    if not hit:
        return None
    summary = str(record.get("summary") or record.get("details") or "")[:300]
    aliases = tuple(str(one) for one in record.get("aliases", []))
    return Advisory(str(record["id"]), aliases, summary, *_severity(record), tuple(sorted(fixed)))


def _within(events: list[dict[str, str]], wanted: Any, ecosystem: str) -> bool:
    """Whether a version is affected, by the evaluation algorithm of the OSV schema."""

    def order(event: dict[str, str]) -> tuple[Any, int]:
        kind, value = next(iter(event.items()))
        at = lowest(ecosystem) if value == "0" else parse(value, ecosystem)
        return at, {"introduced": 0, "fixed": 1, "last_affected": 2}.get(kind, 3)

    affected = False
    for event in sorted((one for one in events if "limit" not in one), key=order):
        at = order(event)[0]
        if "introduced" in event and wanted >= at:
            affected = True
        elif ("fixed" in event and wanted >= at) or ("last_affected" in event and wanted > at):
            affected = False
    return affected


def _severity(record: dict[str, Any]) -> tuple[Severity | None, float | None]:
    """By the highest CVSS score of the record's vectors (version 3 and 4), else by the word of the database."""
    scores = [base_score(str(one.get("score", ""))) for one in record.get("severity", [])]
    score = max((one for one in scores if one is not None), default=None)
    if score is not None:
        return next(level for least, level in _BANDS if score >= least), score
    word = re.sub("moderate", "medium", str(record.get("database_specific", {}).get("severity", "")).lower())
    return Severity(word) if word in set(Severity) else None, None
