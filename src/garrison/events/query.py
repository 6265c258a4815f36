"""Questions to the embedded store. Every reader opens it read-only: a question can't change what happened."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ..core.errors import DependencyError, OperatorError
from .event import Event

EXAMPLES: Final = 3
_BUSY_SECONDS: Final = 2.0


class NoEvents(OperatorError):
    """There is no event store at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There is no event store at {path}.",
            remedy="Run the application once with `events.store = true`, or name its state folder.",
        )
        self.path = path


class StoreAway(DependencyError):
    """The event store at `path` can't be read now."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"The event store {path} can't be read: {why}.", remedy="Check that it is whole and yours.")
        self.path = path


@dataclass(frozen=True, slots=True)
class Stored:
    """An event and its place in the store; places only grow."""

    id: int
    event: Event


@dataclass(frozen=True, slots=True)
class Example:
    """One of the requests a summary row counts, to look up or to try again."""

    request_id: str
    method: str
    path: str
    client: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often `layer` refused (mode "enforce") or would have refused (mode "monitor") for `reason` on `route`.

    `clients` counts distinct client keys; `first` and `last` are wall seconds; `examples` are the newest requests.
    """

    layer: str
    route: str
    reason: str
    mode: str
    count: int
    clients: int
    first: float
    last: float
    examples: tuple[Example, ...]


def find(db: Path, request_id: str) -> list[Event]:
    """All events of one request, oldest first. Raises `NoEvents`, `StoreAway`."""
    with _reading(db) as connection:
        rows = connection.execute(
            "SELECT body FROM events WHERE request_id = ? AND request_id != '' ORDER BY id", (request_id,)
        )
        return [_event(body) for (body,) in rows]


def tail(db: Path, limit: int = 50, *, after: int = 0) -> list[Stored]:
    """The newest `limit` events behind place `after`, oldest first: ask again with the last id to follow.

    Raises `NoEvents`, `StoreAway`.
    """
    with _reading(db) as connection:
        rows = connection.execute(
            "SELECT id, body FROM events WHERE id > ? ORDER BY id DESC LIMIT ?", (after, limit)
        ).fetchall()
        return [Stored(place, _event(body)) for place, body in reversed(rows)]


def scan(db: Path, since: float = 0.0, *, newest_first: bool = False) -> Iterator[Stored]:
    """Every event since wall time `since`, one at a time. Raises `NoEvents`, `StoreAway`."""
    order = "DESC" if newest_first else "ASC"
    with _reading(db) as connection:
        query = f"SELECT id, body FROM events WHERE time >= ? ORDER BY id {order}"  # noqa: S608 - one of two words
        for place, body in connection.execute(query, (since,)):
            yield Stored(place, _event(body))


def summary(db: Path, since: float = 0.0) -> list[Refusals]:
    """What was refused, and what would have been, since wall time `since`; the most frequent first.

    Raises `NoEvents`, `StoreAway`.
    """
    with _reading(db) as connection:
        connection.row_factory = sqlite3.Row
        examples = _examples(connection, since)
        rows = connection.execute(
            "SELECT layer, route, reason, mode, count(*) AS count, count(DISTINCT nullif(client, '')) AS clients,"
            " min(time) AS first, max(time) AS last FROM events WHERE reason != '' AND mode != '' AND time >= ?"
            " GROUP BY layer, route, reason, mode ORDER BY count DESC, layer, route, reason, mode",
            (since,),
        )
        return [Refusals(**dict(row), examples=tuple(examples.get(tuple(row)[:4], ()))) for row in rows]


def _examples(connection: sqlite3.Connection, since: float) -> dict[tuple[str, ...], list[Example]]:
    rows = connection.execute(
        "SELECT layer, route, reason, mode, body FROM (SELECT *, row_number() OVER"
        " (PARTITION BY layer, route, reason, mode ORDER BY id DESC) AS place"
        " FROM events WHERE reason != '' AND mode != '' AND time >= ?) WHERE place <= ?",
        (since, EXAMPLES),
    )
    found: dict[tuple[str, ...], list[Example]] = {}
    for *group, body in rows:
        event = _event(body)
        example = Example(event.request_id, event.method, event.path, event.client)
        found.setdefault(tuple(group), []).append(example)
    return found


def _event(body: str) -> Event:
    return Event.from_dict(json.loads(body))


@contextmanager
def _reading(db: Path) -> Iterator[sqlite3.Connection]:
    if not db.is_file():
        raise NoEvents(db)
    try:
        connection = sqlite3.connect(f"file:{quote(str(db.absolute()))}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        with closing(connection):
            connection.execute("PRAGMA query_only = ON")
            yield connection
    except (sqlite3.Error, ValueError) as error:
        raise StoreAway(db, str(error)) from error
