"""JSON, bounded before it is parsed: `loads` in the place of `json.loads`.

Threat: documents that cost more than their bytes. Depth (a stack overflow, CWE-674), millions of tiny values
(CWE-770), numbers of a megabyte (quadratic work), and documents that two parsers read differently: duplicate keys,
NaN, lone surrogates, bytes that are no UTF-8 (RFC 8259 section 4, RFC 7493; CWE-436).

How: values, keys and numbers are judged on the bytes, by counting where counting proves the document harmless, and
token by token where it does not. Then jiter parses, which refuses depths beyond 200, lone surrogates and bad UTF-8; the
depth allowed here and duplicate keys show in what it made. What it refuses, or counting can't tell, is read by the
standard library under the same bounds.

Assumption: the number of bytes is bounded before (the layer `size`). Lets pass: any document within the bounds,
whatever it says; keys that differ only in normalisation or case.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any, Final

from jiter import from_json

_BESIDE: Final = bytes(set(range(256)) - set(b'[]{}",:\\'))
"""All but the bones of a document: backslashes among them, so that two quotes side by side are one whole string."""
_CONTAINERS: Final = frozenset({dict, list})
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF: Final = re.compile(r"[\ud800-\udfff]")
_TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING: Final = re.compile(_TEXT, re.DOTALL)
_TOKEN: Final = re.compile(_TEXT + rb"|[\[\]{},:]|[-+.0-9][-+.0-9eE]*+|[A-Za-z]++|[^\s]", re.DOTALL)
_WORDS: Final = frozenset({b"true", b"false", b"null", b"NaN", b"Infinity"})
_SHAPES: Final = bytes(0x30 if byte in b"0123456789." else 0x65 if byte in b"eE" else 0x20 for byte in range(256))
"""Numbers as zeros and `e`, all else as spaces; signs are taken out."""
_NO_NUMBER: Final = b"+-" + bytes(range(0x80, 0x100)) + bytes(set(range(0x47, 0x5B)) | set(range(0x67, 0x7B)))
"""Signs, and bytes that stand in no number; the letters of hexadecimal digits stay, to keep such numbers apart."""


class JsonRefused(ValueError):
    """A document that is out of bounds or can be read in two ways. `why` is one word; nothing of the input is kept."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The JSON document is not accepted: {why}.")
        self.why = why


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """Bounds of one document.

    `size` in bytes, `depth` of nesting, `values` altogether (keys not counted), `keys` of all objects together,
    `digits` of one number. Integers beyond the bound cost quadratic time elsewhere too: in databases, in JavaScript.
    """

    size: int = 1024**2
    depth: int = 32
    values: int = 20_000
    keys: int = 10_000
    digits: int = 40

    def within(self, other: JsonLimits) -> bool:
        """Whether what is in these bounds, but for its size, is in `other`'s too."""
        return (
            self.depth <= other.depth
            and self.values <= other.values
            and self.keys <= other.keys
            and self.digits <= other.digits
        )


DEFAULT: Final = JsonLimits()


@dataclass(slots=True)
class Document:
    """A document that was judged, and its value, for who would parse the same bytes again.

    Nothing is trusted: the value goes out for these bytes alone, to bounds that are no narrower, and once, since it can
    be changed.
    """

    body: bytes
    value: Any
    limits: JsonLimits
    taken: bool = False

    def fits(self, body: bytes, limits: JsonLimits) -> bool:
        return not self.taken and len(body) <= limits.size and self.limits.within(limits) and self.body == body

    def take(self) -> Any:
        self.taken, value, self.value = True, self.value, None
        return value


def loads(data: bytes, limits: JsonLimits = DEFAULT) -> Any:
    """The value of `data`. Raises `JsonRefused`, and nothing else, for whatever a client sends."""
    if len(data) > limits.size:
        raise JsonRefused("size")
    bones = data.translate(_ONE_KIND, _BESIDE)
    if not _plainly_harmless(data, bones, limits):
        return _exactly(data, limits)
    opened, colons = bones.count(b"["), bones.count(b":")
    small = opened <= limits.depth
    # Where each colon follows a key, their number is that of the keys: comparing it is cheaper than looking for twins.
    clear = not small and colons == bones.count(b'"":')
    try:
        # Keys alone are kept in jiter's cache: values may be passwords.
        value = from_json(data, allow_inf_nan=False, catch_duplicate_keys=not clear, cache_mode="keys")
    except ValueError:
        return _exactly(data, limits)
    if small:
        return value
    keys = _measured(value, opened, limits.depth)
    return value if keys == colons or not clear else _exactly(data, limits)


def _measured(value: Any, opened: int, deepest: int) -> int:
    """How many keys all objects have together, of which there are `opened` at most, lists among them.

    Raises `JsonRefused` where they nest deeper than `deepest`.
    """
    keys = depth = 0
    level = [value] if type(value) in _CONTAINERS else []
    unseen = opened - len(level)
    while level:
        depth += 1
        if depth > deepest:
            raise JsonRefused("depth")
        objects = [one for one in level if type(one) is dict]
        keys += sum(map(len, objects))
        if not unseen:
            break
        inner = list(chain.from_iterable(map(dict.values, objects)))
        if len(objects) < len(level):
            inner += chain.from_iterable(one for one in level if type(one) is list)
        level = list(compress(inner, map(_CONTAINERS.__contains__, map(type, inner))))
        unseen -= len(level)
    return keys


def _exactly(data: bytes, limits: JsonLimits) -> Any:
    text = inspect(data, limits)
    try:
        return _parse(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, JsonRefused):
            raise
        raise JsonRefused("malformed") from None


def inspect(data: bytes, limits: JsonLimits = DEFAULT) -> str:
    """The text of `data`, judged but for duplicate keys, NaN and grammar, without making one value.

    Raises `JsonRefused`.
    """
    if len(data) > limits.size:
        raise JsonRefused("size")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise JsonRefused("utf-8") from None
    if b"\\" in data and _SURROGATE.search(data):
        _refuse_halves(data)
    _walk(data, limits)
    return text


def _plainly_harmless(data: bytes, bones: bytes, limits: JsonLimits) -> bool:
    """Whether counting bytes proves the bounds, but for depth. What stands in strings is counted too."""
    if len(data) >= min(limits.values, limits.keys) and (
        bones.count(b",") + bones.count(b"[") >= limits.values or bones.count(b":") > limits.keys
    ):
        return False
    shapes = data.translate(_SHAPES, _NO_NUMBER)
    # A number beyond the bound has half of it before or behind its exponent.
    return not (b"0e000" in shapes or b"0" * (limits.digits // 2 - 2) in shapes)


def _walk(data: bytes, limits: JsonLimits) -> None:
    """Token by token: exact, and linear in the bytes."""
    depth = values = keys = 0
    for token in _TOKEN.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            depth += 1
            if depth > limits.depth:
                raise JsonRefused("depth")
        elif first in b"]}":
            depth -= 1
            continue
        elif first == 0x3A:  # the colon after a key, which was counted as a value
            keys += 1
            values -= 1
            if keys > limits.keys:
                raise JsonRefused("keys")
            continue
        elif first == 0x2C:
            continue
        elif first in b"-+.0123456789":
            _judge_number(token[0], limits.digits)
        elif first != 0x22 and token[0] not in _WORDS:
            raise JsonRefused("malformed")
        values += 1
        if values > limits.values + (first == 0x22):  # one more, while a string may still turn out to be a key
            raise JsonRefused("values")
    if values > limits.values:
        raise JsonRefused("values")


def _judge_number(text: bytes, digits: int) -> None:
    if len(text) > digits:
        raise JsonRefused("number")
    if b"e" in text or b"E" in text:
        try:
            finite = abs(float(text)) != float("inf")
        except ValueError:
            raise JsonRefused("malformed") from None
        if not finite:
            raise JsonRefused("number")


def _refuse_halves(data: bytes) -> None:
    """Escapes of surrogates are good in pairs only; the parser itself says which are pairs."""
    for text in _STRING.findall(data):
        if _SURROGATE.search(text):
            try:
                value = json.loads(text)
            except ValueError:
                raise JsonRefused("malformed") from None
            if _HALF.search(value):
                raise JsonRefused("surrogate")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonRefused("duplicate-key")
    return found


def _no_constant(name: str) -> Any:
    raise JsonRefused("not-a-number")


_parse: Final = json.JSONDecoder(object_pairs_hook=_no_duplicates, parse_constant=_no_constant).decode
