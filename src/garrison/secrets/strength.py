"""From the text of a root key to its bytes, or the reason why it is not one.

Threat: a root key from a tutorial, a template or a keyboard. An attacker who tries such keys against one token holds
every session and every form of the application.

Lets pass: a key that looks random and is known to somebody: nobody can see that from the key.
"""

from __future__ import annotations

import base64
import re
from binascii import Error as BadBase64
from itertools import pairwise
from typing import Final

MIN_BYTES: Final = 32
"""256 bits: the strength of the functions that the key goes into (NIST SP 800-107r1, section 5.3.4)."""
MIN_TEXT: Final = 43
"""Characters of a text that is neither hexadecimal nor base64: what 32 random bytes take in base64."""
MIN_DISTINCT: Final = 16
"""Different bytes among 32 random ones: 30 on average, and below 16 less than once in 10**20."""

_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){32,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43,}={0,2}")
_WORDS: Final = (
    "changeme", "change-me", "change_me", "changethis", "change-this", "change_this", "example", "insecure",
    "placeholder", "password", "secretkey", "secret-key", "secret_key", "replaceme", "replace-me", "replace_me",
    "garrison", "0123456789", "abcdefghij", "qwertyuiop",
)  # fmt: skip
_PUBLISHED: Final = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # the FastAPI tutorial's
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",  # the Flask quick start's
    }
)


class Weak(ValueError):
    """Why a text is not a root key; the message never quotes it."""


def root_key(text: str) -> bytes:
    """The bytes of a key written as hexadecimal, base64 (either alphabet) or other text. Raises `Weak`."""
    if known_example(text):
        raise Weak("it is, or holds, a known example value")
    key = _decoded(text)
    if len(key) < MIN_BYTES or (key == text.encode() and len(text) < MIN_TEXT):
        raise Weak(f"it has less than {MIN_BYTES} bytes (or, as plain text, less than {MIN_TEXT} characters)")
    if len(set(key)) < MIN_DISTINCT or _regular(key):
        raise Weak("its bytes repeat or follow a pattern")
    return key


def known_example(text: str) -> bool:
    """Whether `text` is, or holds, a value that tutorials and templates are full of."""
    lowered = text.lower()
    return lowered in _PUBLISHED or any(word in lowered for word in _WORDS)


def _decoded(text: str) -> bytes:
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if _BASE64.fullmatch(text):
        bare = text.rstrip("=").replace("+", "-").replace("/", "_")
        try:
            return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
        except BadBase64:
            pass  # a length that base64 never has: it is a text in that alphabet
    return text.encode("utf-8", "surrogateescape")


def _regular(key: bytes) -> bool:
    """Whether `key` repeats a shorter piece, or nearly every byte lies at the same few distances from the next."""
    for period in range(1, len(key) // 2 + 1):
        if all(key[place] == key[place - period] for place in range(period, len(key))):
            return True
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    return len(steps) < MIN_DISTINCT // 2
