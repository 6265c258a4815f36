"""The application's own source: which files are its own, and their text.

Own is the outermost package that holds the application's module or, without a package, its one file. What is installed,
and what lies beside, may be others'. Bounded in files and bytes; what was left out is said. Nothing is run.
"""

from __future__ import annotations

import ast
import os
import sys
import tokenize
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from ..findings.report import ToolStatus

MOST_FILES: Final = 2000
LARGEST: Final = 512 * 1024
"""Bytes of one file; a larger one is generated or data."""
_NOT_OURS: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Own:
    """What the source is called, the folders or the one file it consists of, and its Python files in a steady order."""

    name: str
    places: tuple[Path, ...]

    def files(self) -> Iterator[Path]:
        for place in self.places:
            yield from _walk(place) if place.is_dir() else [place]

    def holds(self, path: Path) -> bool:
        """Whether `path` is the application's own, by the same rules as the walk."""
        for place in self.places:
            if path == place:
                return True
            if place.is_dir() and path.is_relative_to(place):
                return _NOT_OURS.isdisjoint(path.relative_to(place).parts)
        return False


def own_source(reference: str) -> Own | None:
    """The source of the loaded application `reference` (module:attribute); None if it is not on disk."""
    parts = reference.partition(":")[0].split(".")
    for one in (".".join(parts[: count + 1]) for count in range(len(parts))):
        module = sys.modules.get(one)
        file, places = getattr(module, "__file__", None), [Path(place) for place in getattr(module, "__path__", ())]
        # A package without a file of its own may be spread over folders of different owners.
        if places and (file or (len(places) == 1 and places[0].is_relative_to(Path.cwd()))):
            return Own(one, tuple(places))
        if not places and file and file.endswith(".py"):
            return Own(Path(file).name, (Path(file),))
    return None


def read_all(
    tool: str, reference: str, look: Callable[[Path, str], Iterable[_Found]]
) -> tuple[list[_Found], ToolStatus]:
    """What `look(path, text)` finds in each own file, and how far the source was read.

    `look` may raise SyntaxError, ValueError or RecursionError for what it can't read: that file is left out and told.
    """
    own = own_source(reference)
    if own is None:
        return [], ToolStatus.skipped(tool, f"the source of {reference} is not on disk", required=False)
    chosen = list(islice(own.files(), MOST_FILES + 1))
    skipped = [f"files beyond the first {MOST_FILES:,}"] if len(chosen) > MOST_FILES else []
    found: list[_Found] = []
    for path in chosen[:MOST_FILES]:
        try:
            found += look(path, read(path))
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            skipped.append(f"{path.name} ({type(error).__name__})")
    count = min(len(chosen), MOST_FILES)
    examined = f"{count} source file{'' if count == 1 else 's'} of {own.name}"
    if skipped:
        return found, ToolStatus.incomplete(tool, f"left out: {', '.join(skipped[:5])}", examined, required=False)
    return found, ToolStatus.ran(tool, examined)


def read(path: Path) -> str:
    """The text of a source file as Python decodes it. Raises OSError, SyntaxError, ValueError."""
    if path.stat().st_size > LARGEST:
        raise ValueError("too large")
    with tokenize.open(path) as file:
        return file.read(LARGEST)


def parse(text: str) -> ast.Module:
    """The tree of a source file, without its warnings: those are the application's own matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        return ast.parse(text)


def _walk(folder: Path) -> Iterator[Path]:
    """Python files below, in a steady order. Links are not followed: they may lead out, or in circles."""
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if _is_ours(Path(place, name)))
        paths = (Path(place, name) for name in sorted(names) if name.endswith(".py"))
        yield from (path for path in paths if not path.is_symlink())


def _is_ours(folder: Path) -> bool:
    return not (folder.name.startswith(".") or folder.name in _NOT_OURS or (folder / "pyvenv.cfg").exists())
