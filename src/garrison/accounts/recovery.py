"""Recovery codes: the way back in for who lost the device that makes one-time codes (NIST SP 800-63B-4, section 3.1.2).

Threat: a stolen store; a code used twice; a code guessed. A code has 120 random bits, so its hash need be neither slow
nor salted (3.1.2.2 asks that below 112 bits), and only hashes are stored. A used code's hash is taken away.

Lets pass: whoever reads the sheet of paper. Codes survive the rotation of root keys, which sealed secrets may not.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from .compare import same

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U."""
_LOOKALIKES: Final = str.maketrans("OIL", "011", " -\t")
_LENGTH: Final = 24
_GROUP: Final = 6


def make_codes(count: int) -> tuple[str, ...]:
    """`count` new codes as people are shown them: `7KQ2M9-…`. Show them once, and store `hash_code` of each."""
    return tuple(_grouped("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))) for _ in range(count))


def hash_code(code: str) -> str:
    """What is stored of a code. The way it was typed (case, spaces, dashes, O for 0) makes no difference."""
    return hashlib.sha256(_squashed(code).encode("utf-8", "surrogatepass")).hexdigest()


def looks_like_code(typed: str) -> bool:
    """Whether `typed` has a code's length and alphabet, whatever its worth."""
    squashed = _squashed(typed)
    return len(squashed) == _LENGTH and set(squashed) <= set(_ALPHABET)


def without(hashes: Sequence[str], typed: str) -> list[str] | None:
    """The hashes that are left once `typed` is used; None when it is none of them. Looks at every hash."""
    wanted = hash_code(typed)
    left = [one for one in hashes if not same(one, wanted)]
    return left if len(left) < len(hashes) else None


def _squashed(code: str) -> str:
    return code.upper().translate(_LOOKALIKES)


def _grouped(code: str) -> str:
    return "-".join(code[place : place + _GROUP] for place in range(0, _LENGTH, _GROUP))
