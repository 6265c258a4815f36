"""What a project depends on, from its lock files: uv, Poetry, PDM, pip and Pipfile.

Lets pass: what is installed without standing in a lock. A line without an exact version is not guessed at: it is named.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

_PIN: Final = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(===?\s*([^\s;#\\]+))?")


@dataclass(frozen=True, slots=True)
class Dependency:
    """One package in one file. `version` is empty where the file does not pin it."""

    name: str
    version: str
    path: str
    line: int = 1


def is_lock(path: str) -> bool:
    """Whether a file says which versions are installed."""
    name = PurePosixPath(path).name
    return name in {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml"} or (
        name.endswith(".txt") and ("requirements" in name or PurePosixPath(path).parent.name == "requirements")
    )


def read_lock(root: Path, path: str) -> list[Dependency]:
    """The dependencies of a lock file. Raises OSError, ValueError for what can't be read."""
    text = (root / path).read_text(encoding="utf-8")
    if path.endswith(".txt"):
        return list(_requirements(path, text))
    if path.endswith("Pipfile.lock"):
        return list(_pipfile(path, json.loads(text)))
    return list(_tables(path, text))


def plain(name: str) -> str:
    """The normal form of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements(path: str, text: str) -> Iterator[Dependency]:
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "-")) or line.startswith((" ", "\t")):
            continue
        match = _PIN.match(line)
        if match:
            yield Dependency(plain(match[1]), match[3] or "", path, number)


def _tables(path: str, text: str) -> Iterator[Dependency]:
    data = tomllib.loads(text)
    lines = text.splitlines()
    for one in [*data.get("package", []), *data.get("packages", [])]:
        name, version = str(one.get("name", "")), str(one.get("version", ""))
        own = isinstance(one.get("source"), dict) and bool({"editable", "virtual", "directory"} & set(one["source"]))
        if name and not own:
            marked = f'name = "{name}"'
            line = next((number for number, text_ in enumerate(lines, start=1) if text_.strip() == marked), 1)
            yield Dependency(plain(name), version, path, line)


def _pipfile(path: str, data: dict[str, Any]) -> Iterator[Dependency]:
    for group in ("default", "develop"):
        for name, one in data.get(group, {}).items():
            yield Dependency(plain(name), str(one.get("version", "")).removeprefix("=="), path)
