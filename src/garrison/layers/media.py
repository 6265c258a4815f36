"""`Content-Type`, parsed strictly (RFC 9110 section 8.3): a type and its parameters, or nothing.

Threat: a type that one parser reads as harmless and another as something else (CWE-436). Names and the type are
lower-cased, quotes are taken off, a repeated parameter makes the whole header unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE: Final = re.compile(rf"({_NAME}/{_NAME})[ \t]*").match
_PARAMETER: Final = re.compile(
    rf';[ \t]*(?:({_NAME})=(?:({_NAME})|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t -~\x80-\xff])*+)")[ \t]*)?'
).match
_PATTERN: Final = re.compile(rf"{_NAME}/{_NAME}").fullmatch
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]").fullmatch
_LONGEST: Final = 255  # RFC 6838 section 4.2: two names of 127 characters
_ANY: Final = "[!#$%&'*+.^_`|~0-9a-z-]+"


@dataclass(frozen=True, slots=True)
class MediaType:
    """`name` is `type/subtype` in lower case; `parameters` have lower-case names and unquoted values."""

    name: str
    parameters: dict[str, str]


def parse_media_type(value: bytes) -> MediaType | None:
    """The media type in `value`, or None when it is malformed. Never raises; takes time linear in the length."""
    text = value.decode("latin-1").strip(" \t")
    match = _TYPE(text)
    if match is None or len(match[1]) > _LONGEST:
        return None
    name, at = match[1].lower(), match.end()
    parameters: dict[str, str] = {}
    while at < len(text):
        match = _PARAMETER(text, at)
        if match is None:
            return None
        key, token, quoted = match.groups()
        if key is not None:
            if key.lower() in parameters:
                return None
            parameters[key.lower()] = token if token is not None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
    return MediaType(name, parameters)


def sane_boundary(media: MediaType) -> bool:
    """Whether a multipart type has a boundary that RFC 2046 section 5.1.1 allows: 1 to 70 of its characters."""
    return _BOUNDARY(media.parameters.get("boundary", "")) is not None


def compile_types(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a lower-case `type/subtype` is one of `patterns`; a `*` in the subtype stands for any part of it.

    Raises ValueError for a pattern that is no type, or that would match every type.
    """
    for pattern in patterns:
        if _PATTERN(pattern) is None:
            raise ValueError(f"{pattern!r} is no media type; write it like 'application/json' or 'image/*'")
        if "*" in pattern.partition("/")[0]:
            raise ValueError(f"{pattern!r} matches every type; list the types that are really read")
    matchers = [re.escape(pattern.lower()).replace(r"\*", _ANY) for pattern in patterns]
    match = re.compile("|".join(matchers) or r"(?!)").fullmatch
    return lambda name: match(name) is not None
