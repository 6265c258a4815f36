"""Which files of a project are scanned, by kind, and which are left out and why.

Links are not followed, folders of others (environments, caches, packages) not entered; a link that leads out of the
project, and a folder that is only called like one of others, are named. Test code is shown to the scan for secrets
only: it breaks rules on purpose. Bounded in files and bytes; what was left out for its size is named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from ..core.errors import OperatorError
from .code_files import kind_of
from .lockfiles import is_lock
from .source_files import LARGEST

MOST_FILES: Final = 20_000
_OTHERS: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
_FOREIGN: Final = _OTHERS | {"dist", "build", "site", "venv"}
_TESTS: Final = re.compile(r"(?:^|/)(?:tests?/|conftest\.py$|test_[^/]*\.py$|[^/]*_test\.py$)")
_TEXTS: Final = (
    ".py", ".pyi", ".toml", ".ini", ".cfg", ".conf", ".env", ".json", ".yml", ".yaml", ".txt", ".sh", ".md", ".js",
    ".ts", ".html", ".xml", ".properties", ".pem", ".key", ".tf", ".service", ".socket",
)  # fmt: skip


class NothingThere(OperatorError):
    """The path to scan is no folder."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Project:
    """A folder to scan. All paths are relative to `root`, with `/`, sorted."""

    root: Path
    python: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    """Requirements and Dockerfiles: what the code rules read besides Python."""
    locks: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    """Everything in which secrets are looked for."""
    left_out: tuple[str, ...] = ()
    """Too large, or beyond the limit of files: named, because nobody looked at them."""
    excluded: int = 0
    passed: tuple[str, ...] = ()
    """Links out of the project, and folders with Python of their own under a name such as `build`."""


def is_test(path: str) -> bool:
    """Whether a file is test code, by its place or name."""
    return _TESTS.search(path) is not None


def read_project(root: Path, exclude: Sequence[str] = ()) -> Project:
    """The files of `root`. `exclude`: patterns of relative paths. Raises `NothingThere`."""
    if not root.is_dir():
        raise NothingThere(f"{root} is no folder.", remedy="Name the folder of the project: garrison scan PATH.")
    python: list[str] = []
    other: list[str] = []
    locks: list[str] = []
    texts: list[str] = []
    left_out: list[str] = []
    passed: list[str] = []
    excluded = count = 0
    for place, folders, names in os.walk(root):
        passed += [f"{Path(place, one).relative_to(root).as_posix()}/" for one in folders if _is_odd(root, place, one)]
        folders[:] = sorted(one for one in folders if _is_ours(Path(place, one)))
        for name in sorted(names):
            path = Path(place, name)
            relative = path.relative_to(root).as_posix()
            if path.is_symlink() or not path.is_file():
                passed += [relative] if (name.endswith(".py") or is_lock(name)) and _leads_out(root, path) else []
                continue
            if _is_excluded(relative, exclude):
                excluded += 1
                continue
            if is_lock(relative):
                locks.append(relative)
            wanted = name.endswith(_TEXTS) or name.startswith(".env") or bool(kind_of(relative))
            if not wanted or (is_lock(relative) and not kind_of(relative)):
                continue
            count += 1
            if path.stat().st_size > LARGEST or count > MOST_FILES:
                left_out.append(relative)
                continue
            texts.append(relative)
            if is_test(relative):
                continue
            if name.endswith((".py", ".pyi")):
                python.append(relative)
            elif kind_of(relative):
                other.append(relative)
    return Project(
        root,
        tuple(python),
        tuple(other),
        tuple(locks),
        tuple(texts),
        tuple(left_out),
        excluded,
        _wanted(passed, exclude),
    )


def _is_excluded(relative: str, exclude: Sequence[str]) -> bool:
    return any(fnmatch(relative, one) or fnmatch(relative, f"{one.rstrip('/')}/*") for one in exclude)


def _wanted(passed: Sequence[str], exclude: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(one for one in passed if not _is_excluded(one, exclude)))


def _leads_out(root: Path, path: Path) -> bool:
    """Whether a link leads out of the project; where it leads within, it is looked at there."""
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _is_odd(root: Path, place: str, name: str) -> bool:
    """Whether a folder that is not entered may be the project's own: builds hold no Python at their top."""
    folder = Path(place, name)
    if name.startswith(".") or name in _OTHERS or (folder / "pyvenv.cfg").exists():
        return False
    return _leads_out(root, folder) or (name in _FOREIGN and not folder.is_symlink() and any(folder.glob("*.py")))


def _is_ours(folder: Path) -> bool:
    if folder.name in _FOREIGN or folder.is_symlink() or (folder / "pyvenv.cfg").exists():
        return False
    return not folder.name.startswith(".") or folder.name == ".github"
