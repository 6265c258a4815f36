"""Secrets in a sealed file that is deployed with the application.

Threat and what it lets pass: as `sealed` (forging, moving, changing) and `seen` (rolling back). The identity that opens
it comes from an environment variable or a private file: that is the one secret the machine has to be given.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Final

from ..policy.reference import Reference, parse_reference
from ..policy.section_secrets import SecretsSection
from .age import NotOpened, open_sealed
from .errors import FileRefusedError, SecretMissing, SecretRefused
from .sealed import NotSealed, Sealed, parse_sealed
from .sealed_file import HOW_TO_JOIN, read_bytes
from .secret import Secret
from .seen import check_seen
from .source import Source, as_secret

_HOW_TO_MAKE: Final = "Make one with `garrison secrets init`, and write `secrets.file`, `identity` and `signers`."
_BAD: Final = "Take the last good one from version control, and see who wrote this."


class SealedSource:
    """`sealed:NAME`."""

    scheme = "sealed"

    def __init__(self, section: SecretsSection, sources: Sequence[Source], state: Path) -> None:
        self._section = section
        self._path = Path(section.file)
        self._sources = {source.scheme: source for source in sources}
        self._state = state
        self._lock = Lock()
        self._last: tuple[bytes, Sealed] | None = None

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`."""
        if not self._section.file:
            raise SecretMissing(f"the sealed file, under {reference.name}", _HOW_TO_MAKE)
        place = f"the sealed file {self._path}, under {reference.name}"
        entry = self._current().secrets.get(reference.name)
        how_to_set = f"Set it: `garrison secrets set {reference.name}`."
        if entry is None:
            raise SecretMissing(place, how_to_set)
        identity = parse_reference(self._section.identity)
        try:
            text = open_sealed(entry.now.sealed, self._sources[identity.scheme].read(identity).reveal())
        except NotOpened as error:
            raise SecretRefused(place, str(error), HOW_TO_JOIN) from None
        return as_secret(text, place, how_to_set)

    def _current(self) -> Sealed:
        """The file as it is now; bytes that were judged before are not judged again."""
        with self._lock:
            content = read_bytes(self._path)
            digest = sha256(content).digest()
            if self._last is None or self._last[0] != digest:
                self._last = (digest, self._judged(content))
            return self._last[1]

    def _judged(self, content: bytes) -> Sealed:
        place = f"the sealed file {self._path}"
        try:
            found = parse_sealed(content, self._section.signers)
            check_seen(found, self._path, self._state)
        except NotSealed as error:
            raise SecretRefused(place, str(error), _BAD) from None
        except FileRefusedError as error:
            raise SecretRefused(
                place, f"its last version can't be remembered ({error.message})", error.remedy
            ) from None
        return found
