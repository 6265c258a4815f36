"""What a change did to each file, from Git: the text before and after, and the mode.

Threat: a name of a revision that is an option of git, a repository whose configuration runs programs, a change without
end. So revisions are resolved first, hooks and external diffs are off, files and bytes are bounded, and what is left
out is named. Lets pass: what is not committed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
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
_MOST_MEGABYTES: Final = 256


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
    parts = raw.split("\0")
    entries = [(meta.lstrip(":").split(" "), path) for meta, path in zip(parts[::2], parts[1::2], strict=False)]
    files: list[Change] = []
    left_out = [path for _, path in entries[MOST_FILES:]]
    texts = _texts(root, [(blob, path) for (_, _, old, new, _), path in entries[:MOST_FILES] for blob in (old, new)])
    for (old_mode, mode, old, new, _), path in entries[:MOST_FILES]:
        before, after = texts.get(old), texts.get(new)
        if before is None or after is None or _LINK in {old_mode, mode}:
            left_out.append(path)
        else:
            files.append(Change(path, before, after, old_mode, mode))
    return Changes(tuple(files), tuple(left_out), parted, head)


def _commit(root: Path, name: str) -> str:
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
    except GitMissing as error:
        raise UnknownRevision(f"{name!r} is no revision here.", remedy="Was the repository fetched whole?") from error


def _texts(root: Path, wanted: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The text of each blob, by its name; missing is what is too large or no text. Two runs of git, however many."""
    found = {blob: "" for blob, _ in wanted if not blob.strip("0")}
    asked = {blob: path for blob, path in wanted if blob not in found}
    sizes = _git(root, "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", given=_lines(asked))
    small = []
    for line in sizes.decode().splitlines():
        blob, kind, *size = line.split(" ")
        if kind == "blob" and int(size[0]) <= _LARGEST[asked[blob].endswith((".lock", ".txt", "lock.json"))]:
            small.append((blob, int(size[0])))
    content, at = _git(root, "cat-file", "--batch", given=_lines(blob for blob, _ in small)), 0
    for blob, size_ in small:
        at = content.index(b"\n", at) + 1
        text = content[at : at + size_]
        at += size_ + 1
        with suppress(UnicodeDecodeError):  # no text: left out, and named by who asked
            if b"\0" not in text:
                found[blob] = text.decode("utf-8")
    return found


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def _git(root: Path, *words: str, given: bytes = b"") -> bytes:
    program = shutil.which("git")
    if program is None:
        raise GitMissing("There is no git here.", remedy="Install git.")
    safe: Sequence[str] = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "diff.external=")
    extra = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    ended = run_bounded([program, *safe, *words], root, Limits(60, output=_MOST_MEGABYTES), given=given, extra=extra)
    if why := ended.crash(0):
        raise GitMissing(f"git {words[0]} {why}", remedy="Is this a whole clone?")
    return ended.output
