"""The data of a record as text, and the tokens it is found by.

A token stands for one field with one value: 128 bits of hash, so its length tells nothing and long values cost no
room. Numbers with a fraction have none: they are times, which change with every write and which nobody looks up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

from ..core.ports import Detail

_PLAIN: Final = (str, int, float, bool, type(None))


def check_plain(data: Mapping[str, Detail]) -> None:
    """Raises TypeError for a value that is not plain."""
    for value in data.values():
        if not isinstance(value, _PLAIN):
            raise TypeError(f"a record holds plain values, not {type(value).__name__}")


def to_text(data: Mapping[str, Detail]) -> str:
    """`data` as ASCII text. Raises TypeError for a value that is not plain."""
    check_plain(data)
    return json.dumps(dict(data), separators=(",", ":"))


def from_text(text: str | bytes) -> Mapping[str, Detail]:
    """What `to_text` was given; it can't be changed."""
    return MappingProxyType(json.loads(text))


def token(field: str, value: Detail) -> str:
    """The token of one field with one value."""
    text = json.dumps([field, value], separators=(",", ":"))
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def tokens(data: Mapping[str, Detail]) -> list[str]:
    """The tokens of all fields that have one, in order."""
    return sorted(token(field, value) for field, value in data.items() if not isinstance(value, float))
