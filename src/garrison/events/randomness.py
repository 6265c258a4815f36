"""Does a word look like a key or a session id, or like a name somebody chose?

Random tokens change between capitals, small letters and digits every two or three characters; names, slugs, paths and
order numbers do so rarely. Identifiers people need in a log stay readable: UUIDs, ULIDs, git commits, SHA-256 digests
written with their prefix, numbers. Measured on tokens of `secrets` (16 bytes and more) and on 32,000 long identifiers
of Python libraries; `tests/events/test_randomness.py` holds the rates.
Lets pass: short tokens (under 20 characters), tokens made of words, random small letters without any digit.
"""

from __future__ import annotations

import re
from typing import Final

SHORTEST: Final = 20
WORD: Final = re.compile(r"[A-Za-z0-9_+~-]{20,}+={0,2}")
"""A word worth judging. Not a slash: the segments of a path are judged one by one."""

_READABLE: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"  # UUID (RFC 9562)
    r"|[0-9a-f]{12}[1-8][0-9a-f]{3}[89ab][0-9a-f]{15}"  # the same without hyphens
    r"|[0-9a-f]{40}"  # a git commit
    r"|01[0-9A-HJKMNP-TV-Z]{24}"  # ULID
    r")(?![A-Za-z0-9])"
)
_HEX: Final = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})")
_RUN: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_PIECE: Final = re.compile(r"[A-Za-z0-9]+")
_AVERAGE_RUN: Final = 3.0
_AVERAGE_RUN_OF_LETTERS: Final = 2.2  # camelCase words are longer
_SLUG_PIECE: Final = 8


def looks_random(word: str) -> bool:
    """Whether `word` (a match of `WORD`) looks like a secret."""
    word = _READABLE.sub("", word)
    if len(word) < SHORTEST:
        return False
    if _HEX.search(word) and not word.isdigit():
        return True
    pieces = _PIECE.findall(word)
    longest = max(map(len, pieces), default=0)
    if longest <= _SLUG_PIECE:
        return False
    average = sum(map(len, pieces)) / max(1, len(_RUN.findall(word)))
    digits = len(_DIGITS.findall(word))
    return average <= (_AVERAGE_RUN if digits else _AVERAGE_RUN_OF_LETTERS) or (longest >= SHORTEST and digits >= 3)
