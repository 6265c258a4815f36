"""JSON, bounded before it is parsed: `loads` in the place of `json.loads`.

Threat: documents that cost more than their bytes. Depth (a stack overflow, CWE-674), millions of tiny values
(CWE-770), numbers of a megabyte (quadratic work), and documents that two parsers read differently: duplicate keys,
NaN, lone surrogates, bytes that are no UTF-8 (RFC 8259 section 4, RFC 7493; CWE-436).

How: depth, values and numbers are judged on the bytes, by counting where counting proves the document harmless, and
token by token where it does not. Duplicate keys show while parsing, when the size of the work is known.

Assumption: the number of bytes is bounded before (the layer `size`). Lets pass: any document within the bounds,
whatever it says; keys that differ only in normalisation or case.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

_BESIDE: Final = bytes(set(range(256)) - set(b'[]{}"'))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF: Final = re.compile(r"[\ud800-\udfff]")
_TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING: Final = re.compile(_TEXT, re.DOTALL)
_TOKEN: Final = re.compile(_TEXT + rb"|[\[\]{},:]|[-+.0-9][-+.0-9eE]*+|[A-Za-z]++|[^\s]", re.DOTALL)
_WORDS: Final = frozenset({b"true", b"false", b"null", b"NaN", b"Infinity"})
_SHAPES: Final = bytes(0x30 if byte in b"0123456789." else 0x65 if byte in b"eE" else 0x20 for byte in range(256))
"""Numbers as zeros and `e`, all else as spaces; signs are taken out."""


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


DEFAULT: Final = JsonLimits()


def loads(data: bytes, limits: JsonLimits = DEFAULT) -> Any:
    """The value of `data`. Raises `JsonRefused`, and nothing else, for whatever a client sends."""
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
    if not _plainly_harmless(data, limits):
        _walk(data, limits)
    return text


def _plainly_harmless(data: bytes, limits: JsonLimits) -> bool:
    """Whether counting bytes proves the bounds. Each count is an upper bound: what stands in strings is counted too."""
    opened = data.count(b"[") + data.count(b"{")
    if len(data) >= min(limits.values, limits.keys) and (
        data.count(b",") + opened >= limits.values or data.count(b":") > limits.keys
    ):
        return False
    shapes = data.translate(_SHAPES, b"+-")
    if b"0e000" in shapes or b"0" * (limits.digits // 2 - 2) in shapes:
        return False  # a number beyond the bound has half of it before or behind its exponent
    return opened <= limits.depth or _shallow(data, limits.depth)


def _shallow(data: bytes, depth: int) -> bool:
    """Whether the brackets, with those in strings told apart, nest at most `depth` deep. False when in doubt.

    With backslash escapes out of the way, quotes come in pairs. What is left after taking out pairs that enclose no
    bracket has a quote in it exactly when some string holds a bracket: a run of quotes that begins outside a string
    is even as long as each of its strings is bracketless.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    bones = data.translate(_ONE_KIND, _BESIDE).replace(b'""', b"")
    if b'"' in bones:
        return False
    for _ in range(depth):
        if not bones:
            return True
        bones = bones.replace(b"[]", b"")  # one level: of one kind, so that no pass takes out two
    return not bones


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
