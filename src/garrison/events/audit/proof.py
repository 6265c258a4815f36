"""One entry with everything it takes to check it elsewhere: its inclusion proof and a signed checkpoint.

The receiver needs the verifier key from somebody they trust, and nothing else: not the log, not this machine.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ...core.errors import OperatorError
from ..event import Event
from .entry import Row, commit, entry_bytes, join
from .note import Checkpoint, VerifierKey
from .source import NoLog, Part, parts_of
from .tree import Frontier, inclusion, leaf_hash, root_from

FORMAT: Final = "garrison audit proof 1"
_LARGEST: Final = 1024**2
"""Bytes of a file that can be a proof: one event and at most 64 hashes."""


class NotProvable(OperatorError):
    """There is no proof for entry `index`."""

    def __init__(self, index: int, why: str) -> None:
        super().__init__(f"Entry {index} can't be proved: {why}.", remedy="Run `garrison audit checkpoint`, or verify.")
        self.index = index


class ProofWrong(OperatorError):
    """A proof does not hold; `why` says where."""

    exit_code = 1

    def __init__(self, why: str) -> None:
        super().__init__(f"The proof does not hold: {why}.", remedy="Don't rely on what it says.")
        self.why = why


def prove(path: Path, index: int, *, personal: bool = True) -> dict[str, Any]:
    """The proof for entry `index` of the log at `path`, ready for JSON. Raises `NoLog`, `NotProvable`."""
    leaves: list[bytes] = []
    wanted: Row | None = None
    begin: Frontier | None = None
    newest: Checkpoint | None = None
    with parts_of(path) as parts:
        for part in parts:
            if not isinstance(part, Part):
                raise NotProvable(index, f"{part.name} can't be read")
            begin = begin or Frontier(part.state.start, part.state.start_nodes)
            for row in part.rows:
                leaves.append(row.leaf)
                wanted = row if row.id == index else wanted
            newest = max([*map(Checkpoint.parse, part.notes), *([newest] if newest else [])], key=_size, default=None)
    if begin is None:
        raise NoLog(path)
    if wanted is None or newest is None or newest.size <= index:
        raise NotProvable(index, "no such entry" if wanted is None else "no checkpoint covers it yet")
    hashes = inclusion(index, newest.size, _leaf(leaves, begin.size), begin.subtrees())
    return _proof(wanted if personal else wanted._replace(personal=None, salt=None), newest, hashes)


def check_proof(proof: dict[str, Any], keys: list[VerifierKey]) -> tuple[Event, Checkpoint]:
    """The event that `proof` proves, and the checkpoint it stands under. Raises `ProofWrong`."""
    try:
        if proof["format"] != FORMAT:
            raise ProofWrong("it is of another format")
        index, public, personal = int(proof["index"]), proof["public"], proof.get("personal")
        commitment, salt = bytes.fromhex(proof["commitment"]), bytes.fromhex(proof.get("salt") or "")
        checkpoint = Checkpoint.parse(proof["checkpoint"])
        hashes = [base64.b64decode(one, validate=True) for one in proof["hashes"]]
        if checkpoint.signed_by(keys) is None:
            raise ProofWrong("its checkpoint is not signed by the given key")
        if personal is not None and commit(personal, salt) != commitment:
            raise ProofWrong("the personal fields are not those that were recorded")
        leaf = leaf_hash(entry_bytes(index, int(proof["at"]), public, commitment))
        if index >= checkpoint.size or root_from(index, checkpoint.size, leaf, hashes) != checkpoint.root:
            raise ProofWrong("the entry is not in the signed tree")
        return join(public, personal), checkpoint
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise ProofWrong(f"it is malformed ({type(error).__name__})") from error


def read_proof(path: Path) -> dict[str, Any] | None:
    """The proof in the file `path`; None when it holds something else."""
    try:
        if path.stat().st_size > _LARGEST:  # an export, of any size: not to be read whole just to see that
            return None
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and data.get("format") == FORMAT else None


def _size(checkpoint: Checkpoint) -> int:
    return checkpoint.size


def _leaf(leaves: list[bytes], start: int) -> Callable[[int], bytes]:
    return lambda index: leaves[index - start]


def _proof(row: Row, checkpoint: Checkpoint, hashes: list[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "format": FORMAT, "index": row.id, "at": row.at, "public": row.public, "commitment": row.commitment.hex(),
    }  # fmt: skip
    if row.personal is not None:
        found |= {"personal": row.personal, "salt": (row.salt or b"").hex()}
    encoded = [base64.b64encode(one).decode("ascii") for one in hashes]
    return found | {"hashes": encoded, "checkpoint": checkpoint.note}
