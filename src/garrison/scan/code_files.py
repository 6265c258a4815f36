"""What is wrong in files that are no Python: requirements and Dockerfiles (G3xx)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from ..findings.record import Finding, Location
from .code_rules import Hole

_INDEX: Final = re.compile(r"^\s*(?:--extra-index-url\b|--trusted-host\b|(?:--index-url|-i)[ =]http://)", re.IGNORECASE)
_PIPED: Final = re.compile(r"\b(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|\bADD\s+http://", re.IGNORECASE)

_FROM: Final = re.compile(r"\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_USER: Final = re.compile(r"\s*USER\s+(\S+)", re.IGNORECASE)
_NOT_ROOT: Final = re.compile(r"non-?root|unprivileged|rootless")
_RUNS_PYTHON: Final = re.compile(r"\b(?:python\d?|pip|uv|uvicorn|gunicorn|hypercorn|granian|garrison)\b")
"""What else is in an image (a proxy, a database) may well give up its rights by itself."""


def kind_of(path: str) -> str:
    """`requirements`, `dockerfile`, or empty for what these rules don't read."""
    name = PurePosixPath(path).name.lower()
    if name.endswith((".txt", ".in")) and ("requirements" in name or "constraints" in name):
        return "requirements"
    if name in {"dockerfile", "containerfile"} or name.startswith("dockerfile.") or name.endswith(".dockerfile"):
        return "dockerfile"
    return ""


def other_files(path: str, text: str) -> Iterator[Finding]:
    """What is wrong in one such file."""
    kind = kind_of(path)
    if not kind:
        return
    lines = list(_lines(text))
    pattern, hole = (_INDEX, Hole.INDEX) if kind == "requirements" else (_PIPED, Hole.PIPED)
    for number, line in lines:
        if pattern.search(line):
            yield _found(hole, path, number, line)
    if kind == "dockerfile" and _RUNS_PYTHON.search(text) and (root := _runs_as_root(lines)):
        yield _found(Hole.ROOT, path, *root)


def _found(hole: Hole, path: str, number: int, line: str) -> Finding:
    return replace(hole.found(f"{line.strip()[:80]}", Location(path=path, line=number)), snippet=line)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, each with its number; what a backslash continues is one, with the number of its
    first."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#"):
            continue  # also between the lines of one that goes on
        whole, first = whole + line.removesuffix("\\"), first or number
        if not line.endswith("\\"):
            yield first, whole
            whole, first = "", 0
    if whole:
        yield first, whole


def _runs_as_root(lines: Iterable[tuple[int, str]]) -> tuple[int, str] | None:
    """The line that makes the last stage root: its USER, or its FROM where it has none. A stage begins as the one ended
    that it is made from; an image from elsewhere is root, unless its name says otherwise."""
    users: dict[str, str] = {}
    stage, user = "", "root"
    last: tuple[int, str] | None = None
    for number, line in lines:
        if made := _FROM.match(line):
            base, stage = made[1].lower(), (made[2] or "").lower()
            user, last = users.get(base, "other" if _NOT_ROOT.search(base) else "root"), (number, line)
        elif said := _USER.match(line):
            user, last = said[1].partition(":")[0], (number, line)
        users[stage] = user
    return last if user in {"root", "0"} else None
