"""Where entries are read from: a log's folder, or a file that `garrison audit export` wrote."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from ...core.errors import OperatorError
from .entry import Row
from .note import Checkpoint
from .segment import State, notes, read_state, reading, rows, segments

FORMAT: Final = "garrison audit export 1"


class NoLog(OperatorError):
    """There is no audit log at `path`."""

    def __init__(self, path: Path, why: str = "") -> None:
        super().__init__(
            f"There is no audit log at {path}{f': {why}' if why else ''}.",
            remedy="Name the folder `audit` of a state folder, or a file that `garrison audit export` wrote.",
        )
        self.path = path


@dataclass(frozen=True, slots=True)
class Part:
    """One file's worth of a log. `rows` may be read once; `broken` says why the file can't be read any further."""

    name: str
    state: State
    rows: Iterator[Row]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part that can't be read at all."""

    name: str
    why: str


@contextmanager
def parts_of(path: Path) -> Iterator[Iterator[Part | Unreadable]]:
    """The parts of the log at `path`, in order. Raises `NoLog`."""
    if path.is_dir():
        files = segments(path) or segments(path / "audit")
        if not files:
            raise NoLog(path)
        yield _parts(files)
    elif path.is_file():
        with path.open(encoding="utf-8") as lines:
            yield iter([_exported(path, lines)])
    else:
        raise NoLog(path)


def origin_in(path: Path) -> str:
    """What the log at `path` is called; empty when its beginning can't be read. Raises `NoLog`."""
    with parts_of(path) as parts:
        return next((part.state.origin for part in parts if isinstance(part, Part)), "")


def _parts(files: list[Path]) -> Iterator[Part | Unreadable]:
    for file in files:
        try:
            with reading(file) as connection:
                yield Part(file.name, read_state(connection), rows(connection), notes(connection))
        except (sqlite3.Error, TypeError) as error:
            yield Unreadable(file.name, str(error))


def _exported(path: Path, lines: TextIO) -> Part:
    try:
        head = json.loads(lines.readline())
        if head["format"] != FORMAT:
            raise NoLog(path, "of another format")
        start, nodes, chain = head["start"], bytes.fromhex(head["nodes"]), bytes.fromhex(head["chain"])
        state = State(head["origin"], start, chain, nodes, head["size"], chain, nodes)
        return Part(path.name, state, (_row(json.loads(line)) for line in lines), head["checkpoints"])
    except (ValueError, KeyError, TypeError) as error:
        raise NoLog(path, f"no export ({type(error).__name__})") from error


def _row(data: dict[str, Any]) -> Row:
    return Row(
        data["id"], data["at"], data["public"], bytes.fromhex(data["commitment"]), data.get("personal"),
        bytes.fromhex(data["salt"]) if data.get("salt") else None, bytes.fromhex(data["leaf"]),
        bytes.fromhex(data["chain"]),
    )  # fmt: skip


def export_line(row: Row) -> str:
    """One entry for an export, as one line."""
    data: dict[str, Any] = {"id": row.id, "at": row.at, "public": row.public, "commitment": row.commitment.hex()}
    if row.personal is not None:
        data |= {"personal": row.personal, "salt": (row.salt or b"").hex()}
    return json.dumps(data | {"leaf": row.leaf.hex(), "chain": row.chain.hex()}, ensure_ascii=True)


def export_head(origin: str, state: State, size: int, checkpoints: list[Checkpoint]) -> str:
    """The first line of an export."""
    return json.dumps(
        {
            "format": FORMAT, "origin": origin, "start": state.start, "size": size, "nodes": state.start_nodes.hex(),
            "chain": state.start_chain.hex(), "checkpoints": [one.note for one in checkpoints],
        },
        ensure_ascii=True,
    )  # fmt: skip
