"""The application's own source: which files are its own, and their text.

Own is the outermost package that holds the application's module or, without a package, its one file; and what these
import from the folder they lie in (`routers/` beside `main.py`). What is installed, and what else lies beside, may be
others'. Bounded in files and bytes; what was left out is said. Nothing is run.
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
    main = _main_source(reference)
    if main is None or len(main.places) != 1 or main.places[0].parent.name in _NOT_OURS:
        return main
    beside = _imported_beside(main)
    names = ", ".join(place.name for place in beside[:3]) + (" …" if len(beside) > 3 else "")
    return Own(f"{main.name} and {names}", (*main.places, *beside)) if beside else main


def _main_source(reference: str) -> Own | None:
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


def _imported_beside(main: Own) -> list[Path]:
    """Modules and packages in the folder of the source that its files import, and those that these import."""
    loaded = _loaded_in(main.places[0].parent)
    found: dict[str, Path] = {}
    waiting = list(main.places) if loaded.keys() - {main.places[0].stem} else []
    while waiting:
        for path in islice(Own("", (waiting.pop(),)).files(), MOST_FILES):
            for name in (_imports(path) & loaded.keys()) - found.keys() - {main.places[0].stem}:
                found[name] = loaded[name]
                waiting.append(loaded[name])
    return [found[name] for name in sorted(found)]


def _loaded_in(folder: Path) -> dict[str, Path]:
    """The loaded modules and packages that lie in `folder` itself, by their names."""
    places: dict[str, Path] = {}
    for name, module in list(sys.modules.items()):
        paths = [*getattr(module, "__path__", ()), getattr(module, "__file__", None)]  # a package's folder, or the file
        place = Path(str(paths[0])) if paths[0] and "." not in name else folder
        if place.parent == folder and (place.suffix == ".py" or place.is_dir()) and _is_ours(place):
            places[name] = place
    return places


def _imports(path: Path) -> set[str]:
    """The outermost names that a file imports; none for what can't be read, which is told when it is looked at."""
    try:
        nodes = list(ast.walk(parse(read(path))))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return set()
    names = [one.name for node in nodes if isinstance(node, ast.Import) for one in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names}


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
