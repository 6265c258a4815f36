"""Making foreign text harmless before any writer shows it.

Threat: a finding quotes what an attacker wrote: a file name, a header, a route, a line of code. Escape
sequences in it drive the reader's terminal, bidirectional controls and invisible characters make the text
read as something else, new lines forge rows of a report. (CWE-116, CWE-117, CWE-150; Unicode TR 36; Trojan
Source, CVE-2021-42574.) Here every character that does not show becomes its spelled escape (``\\x1b``,
``\\u202e``). Markup characters are left to each writer, which knows its own syntax.
Let pass: look-alike letters (Cyrillic а), which are text somebody may mean.
"""

import re
import unicodedata

# Printable by category, yet drawn as nothing: fillers, joiners, the selectors used to smuggle data in text.
_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(map(chr, range(0xE0100, 0xE01F0)))
_URL = re.compile(r"https?://[A-Za-z0-9.\-]+(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%\-]*)?")


def one_line(text: str) -> str:
    """The text on one line: line breaks and tabs become blanks, whatever else does not show is spelled
    out."""
    return _shown(text.replace("\r\n", " ").replace("\n", " ").replace("\t", " "), keep="")


def lines(text: str) -> str:
    """The text with its line feeds and tabs kept (CR LF becomes LF); whatever else does not show is spelled
    out."""
    return _shown(text.replace("\r\n", "\n"), keep="\n\t")


def clip(text: str, limit: int) -> str:
    """At most ``limit`` characters, and the number left out said plainly."""
    return text if len(text) <= limit else f"{text[:limit]}… (+{len(text) - limit} characters)"


def is_web_url(text: str) -> bool:
    """Whether this may become a link: an http or https URL in plain ASCII (RFC 3986), without user and
    password."""
    return _URL.fullmatch(text) is not None


def _shown(text: str, *, keep: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if character in keep else _shown_character(character) for character in text)


def _shown_character(character: str) -> str:
    if character.isprintable() and character not in _HIDDEN:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode("ascii")
