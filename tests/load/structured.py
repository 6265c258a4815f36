"""A strict parser of Structured Fields (RFC 9651), as far as RateLimit headers need it: lists of strings and integers
with parameters. Whatever the grammar does not allow is a ValueError."""

from __future__ import annotations

import re
from typing import NamedTuple

Bare = str | int

_STRING = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_INTEGER = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")


class Item(NamedTuple):
    """A bare item and its parameters."""

    value: Bare
    parameters: dict[str, Bare | bool]


def parse_list(text: str) -> list[Item]:
    """Section 4.2.1: members between commas, optional white space around them, no comma at the end."""
    items, rest = [], text.strip(" ")
    while rest:
        item, rest = _item(rest)
        items.append(item)
        rest = rest.lstrip(" \t")
        if not rest:
            return items
        if rest[0] != ",":
            raise ValueError(f"a comma is missing before {rest!r}")
        rest = rest[1:].lstrip(" \t")
        if not rest:
            raise ValueError("a comma at the end")
    return items


def _item(text: str) -> tuple[Item, str]:
    value, rest = _bare(text)
    parameters: dict[str, Bare | bool] = {}
    while rest.startswith(";"):
        rest = rest[1:].lstrip(" ")
        key = _KEY.match(rest)
        if key is None:
            raise ValueError(f"no key at {rest!r}")
        rest = rest[key.end() :]
        if rest.startswith("="):
            parameters[key[0]], rest = _bare(rest[1:])
        else:
            parameters[key[0]] = True
    return Item(value, parameters), rest


def _bare(text: str) -> tuple[Bare, str]:
    if (string := _STRING.match(text)) is not None:
        return re.sub(r"\\(.)", r"\1", string[1]), text[string.end() :]
    if (integer := _INTEGER.match(text)) is not None:
        return int(integer[0]), text[integer.end() :]
    raise ValueError(f"neither a string nor an integer: {text!r}")
