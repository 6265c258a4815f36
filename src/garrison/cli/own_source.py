"""A001: the application's own source compares a secret with `==`.

Reads the files of the package that `--app` leads into, and never runs them; of a module without a package, its one
file. What is installed, and what lies beside, may be others'. Bounded in files and bytes; what was left out is said.
What the search itself lets pass stands in `accounts.compare`.
"""

from __future__ import annotations

import os
import sys
import tokenize
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from ..accounts.compare import NaiveComparison, find_naive_comparisons
from ..findings.record import Finding, Location
from ..findings.report import ToolStatus
from ..findings.severity import Confidence, Severity

MOST_FILES: Final = 2000
LARGEST: Final = 512 * 1024
"""Bytes of one file; a larger one is generated or data."""
_TOOL: Final = "source"
_NOT_OURS: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages"})


def examine_source(reference: str) -> tuple[list[Finding], ToolStatus]:
    """What the loaded application `reference` (module:attribute) has in its source, and how far it was read."""
    root, files = _own(reference.partition(":")[0])
    if root is None:
        return [], ToolStatus.skipped(_TOOL, f"the source of {reference} is not on disk", required=False)
    chosen = list(islice(files, MOST_FILES + 1))
    skipped = [f"files beyond the first {MOST_FILES:,}"] if len(chosen) > MOST_FILES else []
    findings: list[Finding] = []
    for path in chosen[:MOST_FILES]:
        try:
            findings += _in_file(path)
        except (OSError, SyntaxError, ValueError, RecursionError) as error:
            skipped.append(f"{path.name} ({type(error).__name__})")
    count = min(len(chosen), MOST_FILES)
    examined = f"{count} source file{'' if count == 1 else 's'} of {root}"
    if skipped:
        return findings, ToolStatus.incomplete(_TOOL, f"left out: {', '.join(skipped[:5])}", examined, required=False)
    return findings, ToolStatus.ran(_TOOL, examined)


def _own(name: str) -> tuple[str | None, Iterator[Path]]:
    """What the source is called, and its files: those of the outermost package, or the one module."""
    parts = name.split(".")
    for one in (".".join(parts[: count + 1]) for count in range(len(parts))):
        module = sys.modules.get(one)
        file, places = getattr(module, "__file__", None), [Path(place) for place in getattr(module, "__path__", ())]
        # A package without a file of its own may be spread over folders of different owners.
        if places and (file or (len(places) == 1 and places[0].is_relative_to(Path.cwd()))):
            return one, (path for place in places for path in _walk(place))
        if not places and file and file.endswith(".py"):
            return Path(file).name, iter([Path(file)])
    return None, iter(())


def _walk(folder: Path) -> Iterator[Path]:
    """Python files below, in a steady order. Links are not followed: they may lead out, or in circles."""
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if _is_ours(Path(place, name)))
        paths = (Path(place, name) for name in sorted(names) if name.endswith(".py"))
        yield from (path for path in paths if not path.is_symlink())


def _is_ours(folder: Path) -> bool:
    return not (folder.name.startswith(".") or folder.name in _NOT_OURS or (folder / "pyvenv.cfg").exists())


def _in_file(path: Path) -> Iterator[Finding]:
    """Raises OSError, SyntaxError, ValueError for what can't be read, and RecursionError for what nests too deep."""
    if path.stat().st_size > LARGEST:
        raise ValueError("too large")
    with tokenize.open(path) as file:  # as Python itself decodes it
        text = file.read(LARGEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # the application's own matter
        return (_finding(path, one) for one in find_naive_comparisons(text))


def _finding(path: Path, found: NaiveComparison) -> Finding:
    return Finding(
        id="A001",
        title="Secret compared with ==",
        severity=Severity.MEDIUM,
        message=f"{found.name!r} is compared with ==, != or in.",
        consequence="The time it takes tells how much of a guess is right, so a secret can be guessed piece by piece.",
        remedy="Compare with garrison.accounts.same(a, b), or hmac.compare_digest.",
        reference="CWE-208; docs/accounts/authorisation.md",
        location=Location.within(Path(), path, line=found.line),
        source=_TOOL,
        cwe=(208,),
        confidence=Confidence.MEDIUM,
        # Not the line: it may hold the secret itself, and the hash of a short one can be guessed.
        snippet=found.name,
    )
