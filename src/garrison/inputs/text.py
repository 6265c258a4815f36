"""Text in any language, in one form and without characters that act.

Threat: characters that do something instead of saying something. Control characters forge log lines and break
terminals and PostgreSQL (NUL); bidirectional overrides show another text than is stored (CVE-2021-42574); tag
characters carry text nobody sees; two spellings of one name make two accounts (Unicode TR 36, CWE-176, CWE-116).

Assumption: text is encoded where it is written into a page, a query or a command. So apostrophes, angle brackets,
code, SQL and emoji pass: refusing them protects nothing and turns O'Brien away.
Lets pass: look-alike letters of other scripts (compare skeletons where that matters), and directional *marks*, the
zero-width joiner and non-joiner, which Arabic, Hebrew, Persian and emoji need.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast
from unicodedata import normalize

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

Clean = Callable[[str], str]

OWN: Final = {"garrison": "checked"}
"""Metadata of schemas that bound themselves: the strict model leaves them alone."""

_CONTROLS: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029"
BIDI: Final = r"\u202a-\u202e\u2066-\u2069"
"""Bidi overrides, embeddings and isolates, for a class of a pattern."""
SILENT: Final = r"\ud800-\udfff\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e001f"
"""What is no text: halves of pairs, non-characters, language tags; for a class of a pattern."""
_TAGS: Final = r"(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]"
"""Tag characters outside the flag emoji that are made of them (England, Scotland, Wales)."""
_UNSEEN: Final = frozenset(
    chr(code)
    for first, last in (
        (0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160),
        (0x1680, 0x1680), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F),
        (0x2800, 0x2800), (0x3000, 0x3000), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
        (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
    )
    for code in range(first, last + 1)
)  # fmt: skip
"""What shows nothing: spaces, Unicode's Default_Ignorable_Code_Point, the blank of Braille."""
_LATIN: Final = "\u034e"
"""No printable character up to here shows nothing."""


def compile_clean(
    most: int, *, least: int = 0, lines: bool = False, controls: bool = False, bidi: bool = False, bounded: bool = True
) -> Clean:
    """A function that gives text back in NFC, or raises `PydanticCustomError` naming what is wrong.

    `most`: characters after normalisation, which can make text longer. `least`: above 0, one must be seen. `lines`:
    tabs and line breaks are allowed, and CRLF becomes LF (forms send it). `controls`, `bidi`: allow what acts; ask for
    it only where it is the content.
    `bounded`: what comes has at most `most` characters already, so that plain ASCII need not be counted.
    """
    acting = ("" if controls else _CONTROLS + ("" if lines else r"\t\n\r")) + ("" if bidi else BIDI)
    bad = re.compile(f"[{acting}{SILENT}]|{_TAGS}")

    def clean(text: str) -> str:
        # Printable text holds no character of the categories C and Z but the space: nothing that acts, nothing silent.
        if text.isprintable() or (lines and text.replace("\n", "").isprintable()):
            if not text.isascii():
                text = normalize("NFC", text)
                if text > _LATIN and least and text[0] in _UNSEEN:
                    _look(text)
            elif bounded:
                return text
        else:
            text = _searched(normalize("NFC", text), bad, lines=lines)
            if least:
                _look(text)
        if len(text) > most:
            raise PydanticCustomError("string_too_long", "Text should have at most {most} characters", {"most": most})
        return text

    return clean


def _look(text: str) -> None:
    if _UNSEEN.issuperset(text):
        raise PydanticCustomError("text_unseen", "Text should have a character that can be seen")


def _searched(text: str, bad: re.Pattern[str], *, lines: bool) -> str:
    if lines and "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if found := bad.search(text):
        raise PydanticCustomError(
            "text_character",
            "Character {code} at position {position} is not allowed",
            {"code": f"U+{ord(found[0]):04X}", "position": found.start()},
        )
    return text


@dataclass(frozen=True, slots=True)
class Text:
    """Annotation for `str`: at least `least` and at most `most` characters, stripped, NFC, nothing that acts.

    `Annotated[str, Text(most=80)]` is one line; `lines=True` takes line breaks and tabs. `controls=True` and
    `bidi=True` let through what is refused otherwise (see the module for why it is).
    """

    most: int = 200
    least: int = 0
    lines: bool = False
    controls: bool = False
    bidi: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        clean = compile_clean(
            self.most,
            least=self.least,
            lines=self.lines,
            controls=self.controls,
            bidi=self.bidi,
            bounded=not self.lines,
        )
        # CRLF counts as two characters on the way in and as one afterwards: `clean` has the last word on length.
        most = self.most * 2 if self.lines else self.most
        inner = core_schema.str_schema(min_length=self.least, max_length=most, strip_whitespace=True)
        return core_schema.no_info_after_validator_function(clean, inner, metadata=dict(OWN))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), "maxLength": self.most}


@dataclass(frozen=True, slots=True)
class SelfBounded:
    """Annotation that tells the strict model to leave a type alone: its pattern lets through nothing to look for."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: dict[str, Any] = dict(handler(source))
        schema["metadata"] = {**(schema.get("metadata") or {}), **OWN}
        return cast("CoreSchema", schema)


Name = Annotated[str, Text(least=1, most=80)]
"""What people and things are called: one line of 1 to 80 characters in any language. `O'Brien`, `Łukasz`, `李小龍`
and `مُحَمَّد` pass; a name that is empty or can't be seen, a line break, a control or bidi-override character do not."""

Title = Annotated[str, Text(least=1, most=200)]
"""A heading: one line of 1 to 200 characters. Markup in it is text, to be encoded on the way out."""

Prose = Annotated[str, Text(most=20_000, lines=True)]
"""Paragraphs in any language, to 20,000 characters, with tabs and line breaks (CRLF becomes LF). Code, SQL, URLs and
emoji are prose; control and bidi-override characters are not."""

SearchText = Annotated[str, Text(most=100)]
"""What someone types into a search field: one line, to 100 characters, possibly empty."""
