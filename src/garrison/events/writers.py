"""Writers put batches of events somewhere. The contract, and the one that writes JSON lines.

Log injection is impossible twice over: an event's texts hold nothing but printable characters (`text.py`), and a line
is ASCII JSON, in which a line break can't stand. (OWASP Logging Cheat Sheet; CWE-117.)
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from ..core.errors import OperatorError
from .appending import append_lines, feed_lines
from .event import Event
from .readable import readable

STDERR: Final = 2
PIPE_LINE: Final = 4096
"""POSIX: a write of at most PIPE_BUF bytes to a pipe is not mixed with another process's."""


class Writer(Protocol):
    """Where events go. Called by one thread at a time, never on the request path.

    `open` makes ready and raises OSError (or the library's own error) when that can't be. `write` returns how many of
    the events, from the front, are written for good; what is left comes again. It raises when it could write none, and
    then none is written. It may block for about a second, not more. `close` lets go of files and connections; a later
    `write` opens them again (a process that forks closes all writers first). `name` stands in alarms and statistics.
    """

    @property
    def name(self) -> str: ...

    def open(self) -> None: ...

    def write(self, events: Sequence[Event]) -> int: ...

    def close(self) -> None: ...


class EventsUnwritable(OperatorError):
    """Events can't be written where the policy says. `writer` is the name of the one that can't; `damaged`: its file is
    there, and is not what it was."""

    def __init__(self, writer: str, why: str, *, damaged: bool = False) -> None:
        super().__init__(
            f"Security events can't be written to {writer}: {why}.",
            remedy=_DAMAGED if damaged else _UNWRITABLE,
            reference="docs/runbooks.md#a-log-is-damaged" if damaged else "",
        )
        self.writer = writer


_UNWRITABLE: Final = "Make it writable for this process, or name another place (`events.output`, `state`)."
_DAMAGED: Final = (
    "Keep a copy of the state folder, which may be evidence; then move its `events.db*` (sqlite) or the folder `audit` "
    "(audit) away, and start again."
)


def encode(event: Event, limit: int | None = None) -> bytes:
    """One line: ASCII JSON and a line feed. Over `limit` bytes, details shrink first, then go; `cut` says so."""
    line = event.to_json().encode("ascii") + b"\n"
    if limit is None or len(line) <= limit:
        return line
    data = event.to_dict() | {"cut": True}
    data["details"] = {
        name: (value[-600:] if name == "trace" else value[:100]) if isinstance(value, str) else value
        for name, value in list(event.details.items())[:10]
    }
    if len(line := _line(data)) <= limit:
        return line
    return _line(data | {"details": {}, "path": event.path[:80], "agent": event.agent[:40]})


def _line(data: dict[str, object]) -> bytes:
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"


class StderrWriter:
    """JSON lines to standard error. Lines fit into one write to a pipe, so worker processes don't mix theirs.

    `person`: somebody may sit there. At a terminal each line is then for reading, elsewhere it is JSON all the same.
    """

    name = "stderr"

    def __init__(self, descriptor: int = STDERR, *, person: bool = False) -> None:
        self._descriptor = descriptor
        self._person = person and os.isatty(descriptor)

    def open(self) -> None:
        os.fstat(self._descriptor)

    def write(self, events: Sequence[Event]) -> int:
        return feed_lines(self._descriptor, [self._line(event) for event in events])

    def _line(self, event: Event) -> bytes:
        if self._person:
            return readable(event, colour="NO_COLOR" not in os.environ).encode("utf-8") + b"\n"
        return encode(event, PIPE_LINE)

    def close(self) -> None:
        """Standard error is not ours to close."""


class FileWriter:
    """JSON lines appended to a file (made 0600). A renamed or removed file, as rotation leaves it, is opened anew.

    Symbolic links are not followed outside /dev, and a file that others may write is refused: whoever writes there
    could forge events or redirect them.
    """

    def __init__(self, path: Path, render: Callable[[Event], str] | None = None) -> None:
        """`render` makes a line of an event; without it, JSON."""
        self._path = path
        self._render = render
        self._descriptor = -1
        self.name = f"file:{path.name}"

    def open(self) -> None:
        if self._descriptor >= 0 and not self._is_current():
            self.close()
        if self._descriptor < 0:
            self._descriptor = _open(self._path)

    def write(self, events: Sequence[Event]) -> int:
        self.open()
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            append_lines(self._descriptor, [self._line(event) for event in events])
            return len(events)
        return feed_lines(self._descriptor, [encode(event, PIPE_LINE) for event in events])

    def close(self) -> None:
        if self._descriptor >= 0:
            with suppress(OSError):  # a file system may report a late error here: the lines were already accepted
                os.close(self._descriptor)
            self._descriptor = -1

    def _line(self, event: Event) -> bytes:
        return encode(event) if self._render is None else self._render(event).encode() + b"\n"

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def __del__(self) -> None:
        self.close()


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    if path.parts[:2] != ("/", "dev"):
        flags |= os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and (found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        os.close(descriptor)
        raise PermissionError(f"{path} can be written by other users (chmod 600)")
    return descriptor
