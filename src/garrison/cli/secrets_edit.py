"""`garrison secrets edit`: all secrets in an editor, in memory only.

Threat: what an editor writes to a disk stays there, in its own copies too. The file is made in a private folder on a
file system that lives in memory (tmpfs), and the folder is removed, if not by this command, then by the next; without
such a file system it refuses. Lets pass: swap (encrypt it), and editors that keep copies elsewhere.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.errors import OperatorError
from .options import PolicyFile
from .output import Usage, err, safe
from .secrets_sealed import File, Keys, checked, workshop


def edit(policy: PolicyFile = None, file: File = None, keys: Keys = None) -> None:
    """Open all secrets in $VISUAL or $EDITOR, as JSON, and seal what was changed. A name taken out is removed."""
    from ..secrets.in_memory import remove_leftovers

    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not editor:
        raise Usage("There is no editor to open.", remedy="Set EDITOR, or use `garrison secrets set NAME`.")
    for left in remove_leftovers():
        err().print(safe(f"{left} is removed: an edit that was killed left secrets in clear there.", "yellow"))
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
    from ..secrets.in_memory import folder_in_memory

    with folder_in_memory() as (folder, lock):
        path = folder / "secrets.json"
        try:
            path.touch(0o600)
            path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", "utf-8")
            command = [*editor, str(path)]
            done = subprocess.run(command, check=False, pass_fds=[lock])  # noqa: S603 - the operator's own editor
            if done.returncode:
                raise OperatorError("The editor failed; nothing was changed.", remedy="Edit again.")
            return _values(path.read_bytes())
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise OperatorError(
                f"The editor can't be run, or took the file away ({why}); nothing was changed.",
                remedy="See to EDITOR, and to the space in memory.",
            ) from None


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
