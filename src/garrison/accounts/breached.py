"""Breached passwords, offline: a Bloom filter in a file, built from a list you have.

The filter answers "certainly not on the list" or "probably on it". It never misses a listed password; of passwords that
are not listed it refuses the share chosen when it was built (one in a thousand unless told otherwise), and the person
chooses another. At that rate it takes 14.4 bits a password: 1.8 MB a million.

Format, all numbers big-endian: `GARRPW01`, hashes k (u32), bits m (u64), passwords n (u64), wall time built (u64); then
ceil(m / 8) bytes of bits, bit i at byte i // 8 from the lowest; then SHA-256 of all that. A password stands for k bits
(h1 + i * h2) mod m, where h1 and h2 are the first and second 8 bytes of SHA-1 of its NFC-normalised UTF-8, h2 made odd.
SHA-1 because published lists of breached passwords are lists of SHA-1; nothing secret depends on it.

Lets pass: passwords that are not on the list. The file tells nothing about single passwords, but who has it can test
guesses against it, as with the list itself.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil, exp, log
from pathlib import Path
from typing import Final

from ..core.clock import SYSTEM, Clock
from ..core.errors import OperatorError
from .passwords import prepare

_MAGIC: Final = b"GARRPW01"
_HEAD: Final = struct.Struct(">8sIQQQ")
_SUM: Final = 32
_SHA1_LINE: Final = re.compile(r"([0-9A-Fa-f]{40})(?::[0-9]+)?")
_LONGEST: Final = 4096


class BreachFilterUnreadable(OperatorError):
    """The file is missing, cut, changed or no filter."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"The filter of breached passwords {path} can't be used: {why}.", remedy="Build it again.")
        self.path = path


@dataclass(frozen=True, slots=True)
class FilterInfo:
    """What a filter holds: `passwords`, built at wall time `built`, in `size` bytes. `error` is the share of other
    passwords that it takes for listed ones."""

    passwords: int
    built: int
    size: int
    error: float


class BreachFilter:
    """`prepared in filter`: whether a password, as `passwords.prepare` gives it, is probably on the list."""

    def __init__(self, bits: memoryview, hashes: int, size: int, info: FilterInfo) -> None:
        self._bits = bits
        self._hashes = hashes
        self._size = size
        self.info = info

    @classmethod
    def load(cls, path: Path) -> BreachFilter:
        """Map the file into memory and check it whole. Raises `BreachFilterUnreadable`."""
        try:
            with path.open("rb") as file:
                data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError) as error:
            raise BreachFilterUnreadable(path, str(error) or type(error).__name__) from error
        if len(data) < _HEAD.size + _SUM or bytes(data[:8]) != _MAGIC:
            raise BreachFilterUnreadable(path, "it is no filter")
        _, hashes, size, count, built = _HEAD.unpack_from(data)
        if not hashes or not size or len(data) != _HEAD.size + ceil(size / 8) + _SUM:
            raise BreachFilterUnreadable(path, "its length does not fit")
        if hashlib.sha256(data[:-_SUM]).digest() != bytes(data[-_SUM:]):
            raise BreachFilterUnreadable(path, "it was changed")
        share = (1 - exp(-hashes * count / size)) ** hashes
        return cls(data[_HEAD.size : -_SUM], hashes, size, FilterInfo(count, built, len(data), share))

    def __contains__(self, prepared: bytes) -> bool:
        digest = hashlib.sha1(prepared, usedforsecurity=False).digest()
        return all(self._bits[bit >> 3] >> (bit & 7) & 1 for bit in _places(digest, self._hashes, self._size))


def build_filter(source: Path, target: Path, *, false_positives: float = 0.001, clock: Clock = SYSTEM) -> FilterInfo:
    """Build the filter `target` from the list `source`, a line a password.

    A line is a password, or 40 hexadecimal digits of SHA-1, with `:count` behind them or not, as published lists have
    it. Lines that no password can be (too long, no UTF-8) are left out. The list is read twice; a million lines take
    some twenty seconds. Raises ValueError for a rate outside 0.000001 to 0.5 or an empty list, OSError.
    """
    if not 1e-6 <= false_positives <= 0.5:
        raise ValueError("the rate of false positives must be between 0.000001 and 0.5")
    count = sum(1 for _ in _digests(source))
    if not count:
        raise ValueError("the list holds no password")
    size = ceil(-count * log(false_positives) / log(2) ** 2)
    hashes = max(1, round(size / count * log(2)))
    bits = bytearray(ceil(size / 8))
    for digest in _digests(source):
        for bit in _places(digest, hashes, size):
            bits[bit >> 3] |= 1 << (bit & 7)
    head = _HEAD.pack(_MAGIC, hashes, size, count, int(clock.wall()))
    whole = hashlib.sha256(head)
    whole.update(bits)
    part = target.with_name(target.name + ".part")
    with part.open("wb") as file:
        file.writelines((head, bits, whole.digest()))
    part.replace(target)
    return BreachFilter.load(target).info


def _places(digest: bytes, hashes: int, size: int) -> Iterator[int]:
    first, second = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big") | 1
    return ((first + index * second) % size for index in range(hashes))


def _digests(source: Path) -> Iterable[bytes]:
    with source.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for line in lines:
            text = line.rstrip("\r\n")
            if (match := _SHA1_LINE.fullmatch(text)) is not None:
                yield bytes.fromhex(match[1])
            elif text and (prepared := prepare(text, _LONGEST)) is not None:
                yield hashlib.sha1(prepared, usedforsecurity=False).digest()
