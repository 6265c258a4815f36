"""Which field names promise a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_STEMS: Final = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "authorization", "cookie", "apikey",
    "accesskey", "privatekey", "signingkey", "encryptionkey", "session", "csrf", "xsrf", "credential", "bearer",
)  # fmt: skip
"""Secret wherever they stand in a name, however it is written: `X-Api-Key`, `newPassword`, `SESSION_ID`."""

_WORDS: Final = frozenset(
    {"pass", "pwd", "pw", "pin", "otp", "totp", "jwt", "sid", "auth", "cvv", "cvc", "ssn", "iban"}
)
"""Secret only as a whole word: `pin` is, `shipping` is not."""

_MEASURES: Final = frozenset(
    {"count", "length", "len", "bytes", "size", "age", "seconds", "kind", "type", "version", "lifetime", "expires"}
)
"""A name that ends in one of these speaks about a secret, it does not hold it: `token_count`, `password_length`."""

_SPLIT: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_MOST: Final = 256


@lru_cache(maxsize=1024)
def promises_secret(name: str) -> bool:
    """Whether a value under `name` must not be written."""
    words = [word.lower() for word in _SPLIT.findall(name[:_MOST])]
    if not words or words[-1] in _MEASURES:
        return False
    joined = "".join(words)
    return any(stem in joined for stem in _STEMS) or not _WORDS.isdisjoint(words)


def squash(name: str) -> str:
    """`name` without case and separators, for comparing: `Card-Holder` and `card_holder` are one."""
    return re.sub(r"[^a-z0-9]", "", name[:_MOST].lower())


def squash_all(names: Iterable[str]) -> frozenset[str]:
    """The given names, squashed, without empty ones."""
    return frozenset(filter(None, map(squash, names)))
