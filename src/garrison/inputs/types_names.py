"""Identifiers and choices: slugs, codes, ids, file names, SQL identifiers, sort keys.

Threat: a name that means something to whoever resolves it: a path (`../`, `C:`, `CON`), a column that was not meant to
be sorted by, a piece of SQL where no parameter can stand (CWE-22, CWE-89). A file name is one component on every
system; SQL identifiers come from a list, so what reaches the query is the list's own constant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .text import OWN, SelfBounded, compile_clean
from .types_net import Parsed

_FORBIDDEN: Final = re.compile(r'[/\\:*?"<>|\u2044\u2215\uff0f\uff3c]')
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_ROW_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_]{0,62})?")
_one_line = compile_clean(255)


def parse_file_name(text: str) -> str:
    """One component of a path, good on every file system, at most 255 bytes in UTF-8 and NFC. Refused: separators and
    their look-alikes, `:`, wildcards, quotes, control and bidi characters (`gpj.exe` shown as `exe.jpg`), a leading
    dot or hyphen (hidden files, options), a trailing dot or space, Windows' device names."""
    name = _one_line(text)
    if (
        _FORBIDDEN.search(name)
        or name.startswith((".", "-", "~"))
        or name.endswith((".", " "))
        or _DEVICES.fullmatch(name)
        or len(name.encode()) > 255
    ):
        raise PydanticCustomError("file_name", "Not a plain file name")
    return name


@dataclass(frozen=True, slots=True)
class OneOf:
    """Annotation for `str`: one of `names`, and the answer is the listed constant itself. Raises `ValueError` for a
    list that is empty or holds what is no SQL identifier (`column` or `table.column`): the mistake is the developer's.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or not all(map(_IDENTIFIER.fullmatch, self.names)):
            raise ValueError("names must be SQL identifiers: letters, digits and _, with at most one dot")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(self.names), metadata=dict(OWN))


@dataclass(frozen=True, slots=True)
class SortBy:
    """One key to sort by."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class SortKeys:
    """Annotation for `tuple[SortBy, ...]`: `-created,title` where every name is one of `names`, none twice.

    At most `most` keys: each is work for the database. Refused: expressions, directions in words, unknown names.
    """

    names: tuple[str, ...]
    most: int = 3

    def __post_init__(self) -> None:
        OneOf(self.names)

    def parse(self, text: str) -> tuple[SortBy, ...]:
        """The keys in their order. Raises `PydanticCustomError`."""
        known = {name: name for name in self.names}
        words = text.split(",")
        keys = [SortBy(known.get(word.removeprefix("-"), ""), word.startswith("-")) for word in words[: self.most + 1]]
        names = [key.name for key in keys]
        if len(words) > self.most or "" in names or len(set(names)) < len(names):
            raise PydanticCustomError("sort", "Sort by {names}, each once", {"names": ", ".join(self.names)})
        return tuple(keys)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        parsed = Parsed(self.parse, 64 * (self.most + 1), "sort", _sort_text)
        return parsed.__get_pydantic_core_schema__(source, handler)


def _sort_text(keys: tuple[SortBy, ...]) -> str:
    return ",".join(f"-{key.name}" if key.descending else key.name for key in keys)


def _row_number(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _ROW_NUMBER.fullmatch(value):
        raise PydanticCustomError("row_number", "Write a number in digits")
    return int(value)


Slug = Annotated[
    str, StringConstraints(min_length=1, max_length=80, pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$"), SelfBounded()
]
"""A word for a URL: lower-case ASCII letters, digits, single hyphens between them, 1 to 80. Nothing to escape."""

Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$"), SelfBounded()]
"""An opaque identifier of another system: ASCII letters, digits, `_` and `-`, 1 to 64."""

RowId = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]
"""A row's number: 1 to 2**63 - 1 (`bigint`). Refused: `true`, `1.0`, `"1"`. For JSON; in a path and
a query it is `PathId`. Prefer UUIDs where ids are shown."""

PathId = Annotated[int, BeforeValidator(_row_number), Field(strict=True, ge=1, le=2**63 - 1)]
"""A row's number in a path or a query, where all is text: 1 to 2**63 - 1, in digits. Refused: what overflows an
integer of the database, and other spellings of a number (`+1`, `01`, `1.0`, `1_0`, digits of other scripts), so that
each row has one address."""

FileName = Annotated[str, Parsed(parse_file_name, 255, "file-name")]
"""See `parse_file_name`."""
