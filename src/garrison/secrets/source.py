"""What a source of secrets is. To add one: a class of this shape, its scheme in `policy/reference.py`, a line in
`resolver.py`, and a `Hand` in `tests/contracts/test_sources.py`; docs/secrets/adding.md walks through one."""

from __future__ import annotations

from typing import Final, Protocol

from ..policy.reference import Reference
from .errors import SecretMissing, SecretRefused
from .secret import Secret

MAX_BYTES: Final = 16 * 1024
"""A secret is no longer than this; what is longer is something else."""


class Source(Protocol):
    """A place that secrets are read from.

    `read` gives the value as it is now; a copy kept from before is nobody's answer. It is text: valid UTF-8, without
    NUL, not empty, at most `MAX_BYTES`, and one line end at its end is not part of it. It may block (a bounded time),
    is called in threads, and by several at once.

    Raises `SecretMissing` (the source has no such secret), `SecretRefused` (it must not be used) and `SourceAway` (it
    can't be told now). Nothing else, and no error's text, cause or context holds any part of a secret.
    """

    scheme: str

    def read(self, reference: Reference) -> Secret[str]: ...


def as_secret(text: str, place: str, how_to_set: str) -> Secret[str]:
    """What every source owes, of the `text` it has found. Raises `SecretMissing` and `SecretRefused`."""
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SecretMissing(place, how_to_set)
    if "\0" in text or not _is_utf8(text):
        raise SecretRefused(place, "it is not text in UTF-8", "Write it in base64, and decode it where it is used.")
    if len(text.encode()) > MAX_BYTES:
        raise SecretRefused(place, f"it has more than {MAX_BYTES} bytes", "Keep one secret in it, and nothing else.")
    return Secret(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
