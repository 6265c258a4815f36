"""Text that came from outside, made safe to show on one line of any log, terminal or page.

Threat: new lines forge records (CWE-117); escape sequences drive a terminal (CWE-150); bidirectional and invisible
characters make a record read as something else (Unicode TR 36); lone surrogates make a writer or a strict reader fail.
Each character that does not show becomes its spelled escape (``\\x0a``, ``\\u202e``). Markup is left to those who write
markup. Lets pass: look-alike letters, which are text somebody may mean.
"""

from __future__ import annotations

from typing import Final

# Printable by category, yet drawn as nothing: joiners, fillers, variation selectors.
_INVISIBLE: Final = frozenset(
    [*map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0))]
    + [chr(code) for low, high in ((0x180B, 0x1810), (0xFE00, 0xFE10), (0xE0100, 0xE01F0)) for code in range(low, high)]
)


def clean(text: str) -> str:
    """`text` on one line, with everything that does not show spelled out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isprintable() and one not in _INVISIBLE else _spell(one) for one in text)


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of `text`; the last one is an ellipsis when something was left out."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def clip_head(text: str, limit: int) -> str:
    """As `clip`, but the end of `text` is kept: the frames nearest to an error stand last in its trace."""
    return text if len(text) <= limit else f"…{text[-(limit - 1) :]}"


def _spell(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
