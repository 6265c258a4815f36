"""What is kept of issuing: account keys, the set in use, what went wrong lately, and the history.

A crash at any point leaves a working set: certificate, chain and key stand in one file that is replaced in one rename,
and each other file is replaced whole. Folders are 0700, files 0600.

    accounts/<authority>.json      account key and address; needed by the issuer alone
    sets/<first name>/live.pem     what is served
    sets/<first name>/issue.json   failures in a row, the time of the next try, the authority's suggestion
    sets/<first name>/history      a line of JSON for each issue and each failure, the newest last
    sets/<first name>/renew        somebody asked for a renewal at once

They stand beside the policy's `state` and not in it: workers write there, and need none of this but `live.pem`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509

from ...secrets.errors import LockHeld
from ...secrets.private_files import locked, private_folder, read_private, write_whole
from ..certificates import names_of
from ..errors import FileRefusedError
from .errors import StateBroken

KEPT: Final = 100
"""Lines of history."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How issuing goes. `next_try` and `suggested` are seconds since 1970, 0 for none; `ask_again` is when the
    authority wants to be asked for its suggestion again."""

    failures: int = 0
    next_try: float = 0.0
    suggested: float = 0.0
    ask_again: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Set:
    """One certificate as it is kept. `names` are lower case."""

    certificate: x509.Certificate
    pem: bytes

    @property
    def names(self) -> frozenset[str]:
        return frozenset(str(name) for name in names_of(self.certificate))

    @property
    def begins(self) -> datetime:
        return self.certificate.not_valid_before_utc

    @property
    def ends(self) -> datetime:
        return self.certificate.not_valid_after_utc


class Accounts:
    """The keys that this machine is known by to authorities, one file for each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "accounts"

    def read(self, directory: str) -> dict[str, str] | None:
        """What `write` kept for that authority. Raises `StateBroken` and `FileRefusedError`."""
        path = self._path(directory)
        content = read_private(path)
        if content is None:
            return None
        found = _object(path, content)
        return {str(key): str(value) for key, value in found.items()}

    def write(self, directory: str, account: Mapping[str, str]) -> None:
        private_folder(self._folder)
        write_whole(self._path(directory), json.dumps(dict(account), indent=1).encode())

    def _path(self, directory: str) -> Path:
        return self._folder / f"{sha256(directory.encode()).hexdigest()[:16]}.json"


class Sets:
    """The folder of one set of names."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder / "sets" / name
        self.live = self.folder / "live.pem"

    @staticmethod
    def all(folder: Path) -> list[Sets]:
        """The sets that are kept below `folder`."""
        try:
            return [Sets(folder, path.name) for path in sorted((folder / "sets").iterdir()) if path.is_dir()]
        except FileNotFoundError:
            return []

    def open(self) -> Sets:
        """Make the folder, or check that it is private. Raises `FileRefusedError`."""
        private_folder(self.folder)
        return self

    @contextmanager
    def only_one(self) -> Iterator[bool]:
        """Whether this process is the one that issues; it is until the end of the block, or its death.

        Raises `FileRefusedError` where there can be no lock: that another one issues must not be made of a full disk.
        """
        lock = locked(self.folder, patience=0.0)
        try:
            lock.__enter__()
        except LockHeld:
            yield False
            return
        try:
            yield True
        finally:
            lock.__exit__(None, None, None)

    def read(self) -> Set | None:
        """The set in use. Raises `StateBroken` and `FileRefusedError`."""
        content = read_private(self.live)
        if content is None:
            return None
        try:
            return Set(x509.load_pem_x509_certificates(content)[0], content)
        except ValueError as error:
            raise StateBroken(self.live, "it holds no certificate") from error

    def write(self, pem: bytes) -> None:
        """Put key, certificate and chain to use, all at once."""
        write_whole(self.live, pem)

    def progress(self) -> Progress:
        """How issuing went so far; what can't be read counts for nothing, since it only spares the authority."""
        with suppress(StateBroken, FileRefusedError, ValueError):
            path = self.folder / "issue.json"
            content = read_private(path)
            if content is not None:
                found = _object(path, content)
                times = (float(str(found.get(name, 0))) for name in ("next_try", "suggested", "ask_again"))
                next_try, suggested, again = times
                failures, error = int(str(found.get("failures", 0))), str(found.get("error", ""))
                return Progress(failures, next_try, suggested, again, error)
        return Progress()

    def write_progress(self, progress: Progress) -> None:
        write_whole(self.folder / "issue.json", json.dumps(asdict(progress)).encode())

    def history(self) -> list[dict[str, object]]:
        """Issues and failures, the oldest first. Lines that can't be read are left out."""
        found: list[dict[str, object]] = []
        for line in (read_private(self.folder / "history") or b"").splitlines():
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    found.append(entry)
        return found

    def note(self, what: str, now: datetime, **details: object) -> None:
        """Add to the history."""
        entry = {"time": now.astimezone(UTC).isoformat(timespec="seconds"), "what": what, **details}
        lines = [json.dumps(one) for one in (*self.history()[1 - KEPT :], entry)]
        write_whole(self.folder / "history", ("\n".join(lines) + "\n").encode())

    def ask(self) -> None:
        """Ask the process that issues to renew now."""
        write_whole(self.folder / "renew", b"")

    def asked(self) -> bool:
        """Whether somebody asked, once for each time."""
        with suppress(FileNotFoundError):
            (self.folder / "renew").unlink()
            return True
        return False


def _object(path: Path, content: bytes) -> dict[str, object]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise StateBroken(path, "it is not JSON") from error
    if not isinstance(found, dict):
        raise StateBroken(path, "it is not a JSON object")
    return found
