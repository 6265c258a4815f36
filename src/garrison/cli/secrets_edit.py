"""`garrison secrets edit`: all secrets in an editor, in memory only.

Threat: what an editor writes to a disk stays there, in its own copies too. The file is made in a private folder on a
file system that lives in memory (tmpfs), and the folder is removed; without such a file system the command refuses.
Lets pass: swap (encrypt it), and editors that keep copies elsewhere.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..core.errors import OperatorError
from .options import PolicyFile
from .output import Usage, err, safe
from .secrets_sealed import File, Keys, checked, workshop

_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def edit(policy: PolicyFile = None, file: File = None, keys: Keys = None) -> None:
    """Open all secrets in $VISUAL or $EDITOR, as JSON, and seal what was changed. A name taken out is removed."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not editor:
        raise Usage("There is no editor to open.", remedy="Set EDITOR, or use `garrison secrets set NAME`.")
    work = workshop(policy, file, keys)
    before = work.all()
    after = _edited(editor, before)
    changed = {checked(name): value for name, value in after.items() if before.get(name) != value}
    removed = [name for name in before if name not in after]
    if changed:
        work.set(changed)
    if removed:
        work.remove(removed)
    err().print(safe(f"{len(changed)} set, {len(removed)} removed."))


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """What ends this process (a terminal that is closed) lets it remove the file that is in clear."""
    signals = (signal.SIGHUP, signal.SIGTERM)
    before = [signal.signal(one, lambda number, frame: sys.exit(128 + number)) for one in signals]
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


@_ended_by_signals()
def _edited(editor: list[str], values: dict[str, str]) -> dict[str, str]:
    folder = Path(tempfile.mkdtemp(prefix="garrison-", dir=memory_folder(Path("/proc/self/mounts").read_text("utf-8"))))
    try:
        path = folder / "secrets.json"
        path.touch(0o600)
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", "utf-8")
        done = subprocess.run([*editor, str(path)], check=False)  # noqa: S603 - the operator's own editor
        if done.returncode:
            raise OperatorError("The editor failed; nothing was changed.", remedy="Edit again.")
        return _values(path.read_bytes())
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise OperatorError(
            f"The editor can't be run, or took the file away ({why}); nothing was changed.",
            remedy="See to EDITOR, and to the space in memory.",
        ) from None
    finally:
        with suppress(FileNotFoundError):  # the editor may have taken it away
            shutil.rmtree(folder)


def _values(content: bytes) -> dict[str, str]:
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise OperatorError(
            "That is no JSON object of texts, with each name once; nothing was changed.", remedy="Edit again."
        )
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def memory_folder(mounts: str) -> Path:
    """A writable folder on a file system in memory, by the text of /proc/self/mounts. Raises OperatorError."""
    kinds = {Path(parts[1]): parts[2] for parts in map(str.split, mounts.splitlines()) if len(parts) > 2}
    for name in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108 - a private folder is made in it
        folder = Path(name)
        if not name or not folder.is_dir() or not os.access(folder, os.W_OK):
            continue
        mount = next(one for one in (folder.resolve(), *folder.resolve().parents) if one in kinds or one == Path("/"))
        if kinds.get(mount) in _IN_MEMORY:
            return folder
    raise OperatorError(
        "There is no file system in memory (tmpfs) to edit secrets on.",
        remedy="Mount a tmpfs at /dev/shm, or use `garrison secrets set NAME`, which writes no file in clear.",
    )
