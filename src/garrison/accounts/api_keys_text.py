"""The text of an API key: `garrison_<id>_<secret><checksum>`.

The prefix says whose key it is and the checksum (CRC-32 in base 62) that it is one, so that scanners of repositories
and logs find a leaked key by pattern alone, and almost never anything else. The id is public and names the key in lists
and logs. The secret has 256 random bits. Nothing but letters, digits and `_`: a double click selects it whole.

The checksum is no signature: anybody can make a text that holds it. It keeps typing errors and noise from the store.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

PATTERN: Final = r"\b[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}\b"
"""Finds keys of any prefix in running text; ask `is_key` about what it found."""

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID: Final = 12
_SECRET: Final = 43
_SUM: Final = 6
_KEY: Final = re.compile(r"([a-z][a-z0-9]{1,15})_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key's parts. `whole` is the secret text; the rest may be shown."""

    prefix: str
    id: str
    whole: str = field(repr=False)


def make_key(prefix: str) -> KeyText:
    """A new random key."""
    identifier = _random(_ID)
    body = f"{prefix}_{identifier}_{_random(_SECRET)}"
    return KeyText(prefix, identifier, body + checksum(body))


def parse_key(text: str) -> KeyText | None:
    """The parts of `text`, if it has the form of a key and its checksum holds."""
    found = _KEY.fullmatch(text)
    if found is None or checksum(text[:-_SUM]) != found[4]:  # public: computed from what the client sent
        return None
    return KeyText(found[1], found[2], text)


def is_key(text: str) -> bool:
    """Whether `text` is a key of some prefix, leaked or not: for scanners."""
    return parse_key(text) is not None


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def checksum(body: str) -> str:
    """The six characters that end a key which begins with `body`."""
    number, digits = zlib.crc32(body.encode("ascii")), ""
    while len(digits) < _SUM:
        number, place = divmod(number, 62)
        digits = _ALPHABET[place] + digits
    return digits
