"""Output encoding: a value goes into a page, a script, a style sheet, an address, a header or a log as one inert value.

Threat: a value that ends the place it was put in (CWE-79, CWE-116; OWASP Cross Site Scripting Prevention Cheat Sheet),
splits a header (CWE-113) or a log line (CWE-117). Each place has its own grammar, so each has its own function, and
none is good for another's place. Assumption: pages are UTF-8, and attributes and strings stand in quotes.

What no page can hold is replaced by U+FFFD: NUL, and halves of surrogate pairs in HTML, CSS and addresses.
Lets pass: what the value says. A link that leads somewhere bad is a link; `safe_url` only sees that it runs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

_HALVES: Final = re.compile("[\ud800-\udfff]")
_TEXT: Final = {
    ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("'"): "&#39;", ord("\r"): "&#13;",
    0: "\ufffd",
}  # fmt: skip
_ATTRIBUTE: Final = _TEXT | {ord("`"): "&#96;", ord("="): "&#61;", ord("\n"): "&#10;", ord("\t"): "&#9;"}
_SCRIPT: Final = re.compile("[<>&'`\u2028\u2029\x7f]")
_CSS_SAFE: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_UNLOGGED: Final = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_IGNORED: Final = re.compile(r"[\x00-\x20\x7f-\x9f]+")
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_COLON_FIRST: Final = re.compile(r"[^/?#\\]*:")

SCHEMES: Final = frozenset({"http", "https", "mailto", "tel"})
"""Schemes of links that run nothing."""
REFUSED_URL: Final = "about:invalid#refused"
"""What stands in the place of an address that was not taken."""


def html_text(value: object) -> str:
    """Between tags, and in `<title>` and `<textarea>`."""
    return _whole(str(value)).translate(_TEXT)


def html_attribute(value: object) -> str:
    """In an attribute whose value stands in quotes, of either kind. Not for `style`, `on…`, `srcdoc` and addresses."""
    return _whole(str(value)).translate(_ATTRIBUTE)


def url_component(value: object) -> str:
    """As one value of a query, or in a fragment (RFC 3986, section 2.1): nothing reserved is left."""
    return quote(_whole(str(value)), safe="")


def url_segment(value: object) -> str:
    """As one segment of a path. Raises ValueError for "", "." and "..": browsers resolve them in any encoding."""
    text = str(value)
    if text in {"", ".", ".."}:
        raise ValueError("a segment of a path can't be empty or dots")
    return url_component(text)


def safe_url(value: object, schemes: Iterable[str] = SCHEMES) -> str:
    """A whole address, if it is relative or of one of `schemes`, else `REFUSED_URL`. Encode it for the attribute too.

    White space and control characters count as browsers count them: not at all (URL Standard, section 4.4).
    """
    text = _IGNORED.sub("", _whole(str(value)))
    scheme = _SCHEME.match(text)
    if scheme is None:
        return REFUSED_URL if _COLON_FIRST.match(text) else text
    return text if scheme[1].lower() in set(schemes) else REFUSED_URL


def js_string(value: object) -> str:
    """A JavaScript string with its quotes, for `<script>` (ECMA-262, section 12.9.4); no `</script>`, no `<!--`."""
    return _in_script(json.dumps(str(value)))


def json_in_script(value: Any) -> str:
    """JSON inside `<script>`, of any type, also as a JavaScript expression. Raises ValueError for numbers that are not
    finite and TypeError for what JSON has no word for."""
    return _in_script(json.dumps(value, allow_nan=False))


def css_string(value: object) -> str:
    """A CSS string with its quotes, for `<style>` (CSS Syntax, section 4.3.7): escapes but for letters and digits."""
    return '"' + "".join(char if char in _CSS_SAFE else f"\\{ord(char):06x}" for char in _whole(str(value))) + '"'


def header_value(value: object) -> str:
    """A field value (RFC 9110, section 5.5): visible ASCII and spaces. Controls become spaces, other characters are
    percent-encoded, as is `%`, so that two values never become one."""
    text = "".join(" " if char < " " or char == "\x7f" else char for char in _whole(str(value)))
    return quote(text, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~").strip(" ")


def log_text(value: object) -> str:
    """On one line of a log: line breaks, controls, bidi marks and backslashes as escapes, unambiguously."""
    return _UNLOGGED.sub(_escaped, str(value))


def _escaped(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"


def _whole(text: str) -> str:
    return _HALVES.sub("\ufffd", text)


def _in_script(literal: str) -> str:
    return _SCRIPT.sub(lambda found: f"\\u{ord(found[0]):04x}", literal)
