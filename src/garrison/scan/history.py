"""What a change did to each file, from Git: the text before and after, and the mode.

Threat: a name of a revision that is an option of git, a repository whose configuration runs programs, a change without
end. So revisions are resolved first, hooks and external diffs are off, files and bytes are bounded, and what is left
out is named. Lets pass: what is not committed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..core.errors import DependencyError, OperatorError
from .adapter import Limits
from .process import run_bounded
from .source_files import LARGEST

MOST_FILES: Final = 1000
_LARGEST: Final = {True: 8 * LARGEST, False: LARGEST}
_LINK: Final = "120000"


class UnknownRevision(OperatorError):
    """No such revision, or no repository."""

    exit_code = 2


class GitMissing(DependencyError):
    """There is no git, or it failed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One file of a change. Texts are empty where there is (or was) no file; modes are git's (`100755`)."""

    path: str
    before: str
    after: str
    old_mode: str = "000000"
    mode: str = "100644"

    @property
    def is_new(self) -> bool:
        """Whether the file was not there."""
        return self.old_mode == "000000"


@dataclass(frozen=True, slots=True)
class Changes:
    """The files of a change, and those that nobody looked at: too large, no text, or too many."""

    files: tuple[Change, ...]
    left_out: tuple[str, ...]
    base: str
    head: str


def read_changes(root: Path, span: str) -> Changes:
    """What `BASE..HEAD` changed since both parted. Raises `UnknownRevision`, `GitMissing`."""
    first, dots, second = span.partition("..")
    if not dots or not first.strip("."):
        raise UnknownRevision(f"{span!r} is no BASE..HEAD.", remedy="Name two revisions: main..HEAD.")
    base, head = _commit(root, first), _commit(root, second.lstrip(".") or "HEAD")
    parted = _git(root, "merge-base", base, head).decode().strip()
    raw = _git(root, "diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", parted, head).decode(
        "utf-8", "surrogateescape"
    )
    files: list[Change] = []
    left_out: list[str] = []
    parts = raw.split("\0")
    for meta, path in zip(parts[::2], parts[1::2], strict=False):
        old_mode, mode, old, new, _ = meta.lstrip(":").split(" ")
        if len(files) >= MOST_FILES or _LINK in {old_mode, mode}:
            left_out.append(path)
            continue
        texts = [_text(root, one, path) for one in (old, new)]
        if None in texts:
            left_out.append(path)
            continue
        files.append(Change(path, texts[0] or "", texts[1] or "", old_mode, mode))
    return Changes(tuple(files), tuple(left_out), parted, head)


def _commit(root: Path, name: str) -> str:
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
    except GitMissing as error:
        raise UnknownRevision(f"{name!r} is no revision here.", remedy="Was the repository fetched whole?") from error


def _text(root: Path, blob: str, path: str) -> str | None:
    if not blob.strip("0"):
        return ""
    size = int(_git(root, "cat-file", "-s", blob))
    if size > _LARGEST[path.endswith((".lock", ".txt", "lock.json"))]:
        return None
    content = _git(root, "cat-file", "blob", blob)
    try:
        return None if b"\0" in content else content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _git(root: Path, *words: str) -> bytes:
    program = shutil.which("git")
    if program is None:
        raise GitMissing("There is no git here.", remedy="Install git.")
    safe: Sequence[str] = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "diff.external=")
    extra = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    ended = run_bounded([program, *safe, *words], root, Limits(60), extra=extra)
    if why := ended.crash(0):
        raise GitMissing(f"git {words[0]} {why}", remedy="Is this a whole clone?")
    return ended.output
