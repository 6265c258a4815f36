"""What the commands of `garrison audit` work on: the folder, the keys, checkpoints in files, an export."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import OperatorError
from .options import load_policy, state_folder
from .output import Usage

if TYPE_CHECKING:
    from ..events.audit.log import AuditLog
    from ..events.audit.note import Checkpoint, Signs, VerifierKey
    from ..policy.model import Policy
    from ..secrets.transit import Ed25519


class LogUnusable(OperatorError):
    """The audit log can't be opened."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"The audit log {folder} can't be used: {why}.", remedy="Run this as the application's user.")
        self.folder = folder


class VerifierKeyMissing(OperatorError):
    """Nothing says who may have signed: no key was named, and this machine has no root key to make it from."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing says who may have signed.",
            remedy="Give --key what `garrison audit key` prints where the log is written.",
            reference="docs/audit.md",
        )


def log_folder(policy: Path | None, state: Path | None) -> Path:
    """The folder of the policy's log, or of the one in the state folder `state`."""
    from ..events.audit.log import FOLDER

    return state_folder(policy, state) / FOLDER


def keys_for(given: list[str] | None, policy: Path | None, origins: Iterable[str]) -> list[VerifierKey]:
    """The keys that were named, else those made of the policy's root keys for logs of these `origins`; where a key of
    transit signs, its versions and no others: who takes the machine over has the root key.

    Raises what reading them raises.
    """
    from ..events.audit.build import signers
    from ..events.audit.note import VerifierKey
    from ..secrets.errors import KeyMissing

    if given:
        return [VerifierKey.parse(text) for text in given]
    loaded = load_policy(policy).policy
    with _elsewhere(loaded) as remote:
        if remote is not None:
            publics = remote.publics()
            return [VerifierKey(origin, public) for origin in origins for public in publics]
    try:
        made = signers(_seeds(loaded), "")
    except KeyMissing:
        raise VerifierKeyMissing from None
    return [signer.public.of(origin) for origin in origins for signer in made]


def origin_at(path: Path) -> str:
    """What the log, export or proof at `path` is of; empty when that can't be read. Raises `NoLog`."""
    from ..events.audit.note import Checkpoint
    from ..events.audit.proof import read_proof
    from ..events.audit.source import origin_in

    proof = read_proof(path) if path.is_file() else None
    if proof is None:
        return origin_in(path)
    try:
        return Checkpoint.parse(str(proof.get("checkpoint"))).origin
    except ValueError:
        return ""


def checkpoints_in(files: list[Path]) -> list[Checkpoint]:
    """All checkpoints in `files`. Raises `Usage`."""
    from ..events.audit.note import parse_notes

    found = []
    for path in files:
        try:
            found += parse_notes(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Usage(f"{path} holds no checkpoints: {error}.") from None
    return found


@contextmanager
def open_log(policy: Path | None, state: Path | None, *, signing: bool) -> Iterator[AuditLog]:
    """The log, to write into it. Raises `LogUnusable` and `NoLog`."""
    import sqlite3

    from ..core.clock import SYSTEM
    from ..core.ports import silent  # what a command does to the log stands in the log itself
    from ..events.audit.build import build_audit
    from ..events.audit.segment import segments
    from ..events.audit.source import NoLog

    loaded = load_policy(policy).policy
    if state is not None:
        loaded = loaded.model_copy(update={"state": str(state)})
    folder = log_folder(policy, state)
    if not segments(folder):
        raise NoLog(folder)
    with _elsewhere(loaded) if signing else nullcontext() as remote:
        seeds = _seeds(loaded) if signing and remote is None else ()
        log = build_audit(loaded, SYSTEM, seeds, silent, remote=remote.ask if remote else None)
        try:
            log.open()
            yield log
        except (OSError, sqlite3.Error) as error:
            raise LogUnusable(folder, str(error)) from error
        finally:
            log.close()


@contextmanager
def own_signer(policy: Path | None) -> Iterator[Signs]:
    """Who signs for this application: the log's current key."""
    from ..events.audit.build import signers
    from ..events.audit.note import RemoteSigner

    loaded = load_policy(policy).policy
    with _elsewhere(loaded) as remote:
        yield RemoteSigner(remote.ask) if remote else signers(_seeds(loaded), "")[0]


@contextmanager
def _elsewhere(policy: Policy) -> Iterator[Ed25519 | None]:
    """What signs with a key that is not here, if the policy wants that; its log-in ends with the block."""
    from ..core.ports import silent
    from ..recording import audit_signer
    from ..secrets.resolver import Resolver

    resolver = Resolver.from_policy(policy, os.environ)
    try:
        yield audit_signer(policy, resolver, silent)
    finally:
        resolver.close()


def newest_note(folder: Path) -> str:
    """The newest checkpoint in the log, empty without one."""
    notes = [note for _, note in _notes(folder)]
    return notes[-1] if notes else ""


def export_log(folder: Path, output: Path) -> int:
    """Write the log into the new file `output` (0600); how many entries. Raises `Usage`, `NoLog`."""
    from ..events.audit.note import Checkpoint
    from ..events.audit.source import Part, Unreadable, export_head, export_line, parts_of

    checkpoints = [Checkpoint.parse(note) for _, note in _notes(folder)]
    count = 0
    with parts_of(folder) as parts:
        first = next(parts)
        if isinstance(first, Unreadable):
            raise LogUnusable(folder, first.why)
        size = max([first.state.size, *(one.size for one in checkpoints)])
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Usage(f"{output} can't be written: {error.strerror}.") from None
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(export_head(first.state.origin, first.state, size, checkpoints) + "\n")
            part: Part | Unreadable | None = first
            while part is not None:
                if isinstance(part, Unreadable):
                    raise LogUnusable(folder, part.why)
                for row in part.rows:
                    file.write(export_line(row) + "\n")
                    count += 1
                part = next(parts, None)
    return count


def _notes(folder: Path) -> list[tuple[str, str]]:
    from ..events.audit.source import Part, parts_of

    with parts_of(folder) as parts:
        return [(part.name, note) for part in parts if isinstance(part, Part) for note in part.notes]


def _seeds(policy: Policy) -> tuple[bytes, ...]:
    from ..core.clock import SYSTEM
    from ..events.audit.build import PURPOSE
    from ..secrets.keyring import Keyring

    return Keyring.from_policy(policy, os.environ, Path(policy.state), SYSTEM).derive_all(PURPOSE, 32)
