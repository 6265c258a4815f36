"""The sealed file on disk: read whole, changed under a lock, replaced at once."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .age import NotOpened, open_sealed, recipients_of, seal
from .errors import KeyFileRefused, KeyMissing, SecretMissing, SecretRefused
from .keyfile import read_key_file
from .private_files import read_open, write_whole
from .sealed import MAX_BYTES, Entry, NotSealed, Sealed, Version, parse_sealed, public_text, signing_key, write_sealed
from .source import as_secret

_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_PATIENCE: Final = 10.0


def read_sealed(path: Path, signers: Sequence[str]) -> Sealed:
    """The sealed file at `path`. It may be public: it is encrypted and signed. Raises `SecretError`."""
    place = f"the sealed file {path}"
    try:
        return parse_sealed(read_bytes(path), signers)
    except NotSealed as error:
        raise SecretRefused(
            place, str(error), "Take the last good one from version control, and see who wrote this."
        ) from None


def read_bytes(path: Path) -> bytes:
    """The file's bytes, as far as a sealed file goes. Raises `SecretError`."""
    place = f"the sealed file {path}"

    def check(found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise SecretRefused(place, "it is not a plain file", "Name a plain file.")

    try:
        return read_open(os.open(path, _OPEN), MAX_BYTES + 1, check)
    except FileNotFoundError:
        raise SecretMissing(place, "Make one with `garrison secrets init`, or correct `secrets.file`.") from None
    except OSError as error:
        why = error.strerror or errno.errorcode.get(error.errno or 0, "it can't be opened")
        raise SecretRefused(place, why, "Check its owner and mode.") from None


@dataclass(frozen=True, slots=True)
class Workshop:
    """Who may change a sealed file: its path, and the folder with `identity.key` and `signing.key`.

    `signers` are the public keys that the policy pins: then the file may be signed by any of these, and who changes it
    has to be one of them. Without them this signing key alone counts.
    """

    path: Path
    keys: Path
    signers: Sequence[str] = ()

    def identity(self) -> str:
        """The age identities, secret. Raises `SecretError`."""
        return _key(self.keys / "identity.key")

    def read(self) -> Sealed:
        """The file, signed by who may sign it. Raises `SecretError`."""
        return read_sealed(self.path, self.signers or [public_text(self.signing())])

    def make(self) -> None:
        """A new, empty file for this identity. Raises `SecretError`, `FileRefusedError`."""
        mine = recipients_of(self.identity())[:1]
        with _locked(self.path.parent):
            if os.path.lexists(self.path):
                remedy = (
                    f"To be let in, hand over what is public of your keys: {mine[0]} for `garrison secrets seal-for`, "
                    f"and, if you may change values, {public_text(self.signing())} for `secrets.signers`."
                )
                raise SecretRefused(f"the sealed file {self.path}", "it is there already", remedy)
            empty = Sealed(id=secrets.token_hex(16), serial=1, recipients=tuple(mine))
            write_whole(self.path, write_sealed(empty, self.signing()), mode=0o644)

    def set(self, values: dict[str, str]) -> Sealed:
        """New values for the names in `values`. No identity is needed: who may sign may set without reading."""
        now = datetime.now(UTC).isoformat(timespec="seconds")

        def change(old: Sealed) -> Sealed:
            new = old
            for name, value in values.items():
                text = as_secret(value, f"what is to be set as {name}", "Give a value by standard input.").reveal()
                new = new.with_value(name, _sealed(text, old.recipients), now)
            return new

        return self._change(change)

    def remove(self, names: Sequence[str]) -> Sealed:
        """The file without `names`."""
        return self._change(lambda old: old.with_secrets({k: v for k, v in old.secrets.items() if k not in names}))

    def get(self, name: str, version: int | None = None) -> str:
        """The value of `name`, now or in an earlier version. Raises `SecretError`."""
        entry = self.read().secrets.get(name)
        found = [one for one in (entry.now, *entry.before) if version in {None, one.version}] if entry else []
        if not found:
            place = f"the sealed file {self.path}, under {name}" + (f" version {version}" if version else "")
            raise SecretMissing(place, "`garrison secrets list` prints what is there.")
        return self._opened(found[0], self.identity())

    def all(self) -> dict[str, str]:
        """Every value. Raises `SecretError`."""
        identity = self.identity()
        return {name: self._opened(entry.now, identity) for name, entry in self.read().secrets.items()}

    def reseal(self, recipients: Callable[[Sequence[str]], Sequence[str]], *, history: bool = True) -> Sealed:
        """Everything sealed anew, for the recipients that `recipients` makes of those before."""
        identity = self.identity()

        def change(old: Sealed) -> Sealed:
            new = recipients(old.recipients)

            def again(one: Version) -> Version:
                return Version(
                    version=one.version, changed=one.changed, sealed=_sealed(self._opened(one, identity), new)
                )

            entries = {
                name: Entry(now=again(entry.now), before=tuple(map(again, entry.before)) if history else ())
                for name, entry in old.secrets.items()
            }
            return old.with_secrets(entries, new)

        return self._change(change)

    def _change(self, change: Callable[[Sealed], Sealed]) -> Sealed:
        with _locked(self.path.parent):
            if self.path.is_symlink():  # replacing it would leave the file behind it as it is
                raise SecretRefused(f"the sealed file {self.path}", "it is a symbolic link", "Name the file itself.")
            signing = self.signing()
            if self.signers and public_text(signing) not in self.signers:
                why = "your signing key is not among the policy's `secrets.signers`: no server would take the file"
                remedy = (
                    f'Let somebody who reviews the policy add "{public_text(signing)}" there, or use another --keys.'
                )
                raise SecretRefused(f"the sealed file {self.path}", why, remedy)
            new = change(self.read())
            write_whole(self.path, write_sealed(new, signing), mode=0o644)
            return new

    def _opened(self, version: Version, identity: str) -> str:
        try:
            return open_sealed(version.sealed, identity)
        except NotOpened as error:
            raise SecretRefused(f"the sealed file {self.path}", str(error), HOW_TO_JOIN) from None

    def signing(self) -> Ed25519PrivateKey:
        """The signing key. Raises `SecretError`."""
        path = self.keys / "signing.key"
        try:
            return signing_key(_key(path))
        except NotSealed as error:
            raise SecretRefused(f"the file {path}", str(error), "Put the signing key there again.") from None


HOW_TO_JOIN: Final = "Somebody who can open it runs `garrison secrets seal-for` with your recipient."


def _sealed(value: str, recipients: Sequence[str]) -> str:
    try:
        return seal(value.encode(), recipients)
    except NotOpened as error:
        raise SecretRefused("the sealed file", str(error), "Write a recipient as `age-keygen -y` prints it.") from None


def _key(path: Path) -> str:
    try:
        return read_key_file(path)
    except KeyMissing:
        raise SecretMissing(f"the file {path}", "Name the folder with your keys: --keys FOLDER.") from None
    except KeyFileRefused as error:
        raise SecretRefused(f"the file {path}", error.why, error.remedy) from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder itself: no lock file is left in a repository."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deadline = time.monotonic() + _PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SecretRefused(f"the folder {folder}", "another process holds it", "Try again.") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
