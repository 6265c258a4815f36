"""On which line of a policy file each key stands, which the standard library's TOML parser does not tell.

The file is cut into statements (a table header or a key with its value), and the parser itself reads each of them, so
that quoted keys, dotted keys and values over several lines are understood as it understands them.

Assumption: the whole text is valid TOML. Lets pass: a value that may end at more than `_TRIES` places has no line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

_TRIES = 300


def find_lines(text: str, root: Sequence[str] = ()) -> dict[str, int]:
    """Dotted key to line, counted from 1; headers count as keys. `root` is the table that is meant, and is left out."""
    tables = _Tables()
    lines: dict[str, int] = {}
    for number, statement, parsed in _statements(text):
        if statement.lstrip().startswith("["):
            tables.enter(parsed)
            paths = [tables.current]
        else:
            paths = [(*tables.current, *path) for path in _paths(parsed)]
        for path in paths:
            if list(path[: len(root)]) == list(root) and len(path) > len(root):
                lines.setdefault(".".join(path[len(root) :]), number)
    return lines


def _statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    pending: list[str] = []
    tries = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not pending and (not line.strip() or line.lstrip().startswith("#")):
            continue
        pending.append(line)
        if len(pending) > 1 and not _may_end(line):
            continue
        tries += 1
        parsed = _parse("\n".join(pending))
        if parsed is not None:
            yield number - len(pending) + 1, pending[0], parsed
        if parsed is not None or tries > _TRIES:
            pending, tries = [], 0


def _may_end(line: str) -> bool:
    """Whether a value over several lines may end here. It spares reading a long list anew with each of its lines."""
    return any(mark in line for mark in ("]", "}", "'''", '"""'))


def _parse(statement: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(statement)
    except ValueError:  # not whole yet
        return None


def _paths(values: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, *rest) for rest in _paths(value))


class _Tables:
    """The table that the statements below a header belong to, with the index of each table in a list."""

    def __init__(self) -> None:
        self.current: tuple[str, ...] = ()
        self._last: dict[tuple[str, ...], int] = {}

    def enter(self, header: dict[str, Any]) -> None:
        """Read `[a.b]` as `{"a": {"b": {}}}` and `[[a.b]]` as `{"a": {"b": [{}]}}`."""
        path: tuple[str, ...] = ()
        inner: Any = header
        while isinstance(inner, dict) and inner:
            key, inner = next(iter(inner.items()))
            path = (*path, key)
            if isinstance(inner, list):
                self._last[path] = self._last.get(path, -1) + 1
            if path in self._last:
                path = (*path, str(self._last[path]))
        self.current = path
