"""The last version of a sealed file that was seen on this machine: a file that is older, or another, was exchanged.

Threat: who can write the file but not sign it brings back an old one, with a password that leaked and was replaced.
Assumption: `state` is this user's own. Lets pass: a roll-back before a machine has seen anything (a fresh container):
there only the store of the repository, or a pinned serial, tells.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Final

from .errors import SecretRefused
from .private_files import locked, private_folder, read_private, write_whole
from .sealed import Sealed

FILE_NAME: Final = "sealed.json"
_FOLDER: Final = "sealed"


def check_seen(sealed: Sealed, path: Path, state: Path) -> None:
    """Remember `sealed`, read from `path`. Raises `SecretRefused` for an older or another one, `FileRefusedError`."""
    folder = private_folder(state / _FOLDER)
    memory = folder / FILE_NAME
    key = str(path.absolute())
    now = {"id": sealed.id, "serial": sealed.serial, "digest": sha256(sealed.signed_bytes()).hexdigest()}
    with locked(folder):
        seen = _read(memory)
        before = seen.get(key)
        if before == now:
            return
        if before is not None and (why := _wrong(before, now)):
            remedy = f"Find out who changed it. If it is meant, remove {memory} and start again."
            raise SecretRefused(f"the sealed file {path}", why, remedy)
        write_whole(memory, json.dumps({**seen, key: now}).encode())


def _wrong(before: dict[str, object], now: dict[str, object]) -> str:
    if before["id"] != now["id"]:
        return "it is another file than the one seen here before"
    old, new = int(str(before["serial"])), int(str(now["serial"]))
    if new < old:
        return f"it was rolled back: serial {new}, and serial {old} was seen here before"
    return f"it is another serial {new} than the one seen here before" if new == old else ""


def _read(memory: Path) -> dict[str, dict[str, object]]:
    content = read_private(memory)
    if content is None:
        return {}
    try:
        found = json.loads(content)
        return {key: {name: one[name] for name in ("id", "serial", "digest")} for key, one in found.items()}
    except (ValueError, AttributeError, KeyError, TypeError):
        # It is written whole or not at all: somebody wrote this, and forgetting would open the door to a roll-back.
        raise SecretRefused(
            f"the memory {memory}", "it is damaged", f"Find out by whom, check the sealed file, and remove {memory}."
        ) from None
