"""Content negotiation between a page and problem+json (RFC 9110, section 12.5.1), bounded.

Threat: a huge or malformed `Accept` makes refusing dearer than answering. Only the first 512 bytes and 32 ranges count.
Lets pass: nothing; whatever can't be read asks for nothing, and JSON is the answer to who asks for nothing.
"""

from __future__ import annotations

import re
from typing import Final

_BYTES: Final = 512
_RANGES: Final = 32
_QUALITY = re.compile(rb"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
_HTML: Final = frozenset({b"text/html", b"application/xhtml+xml"})
_JSON: Final = frozenset({b"application/problem+json", b"application/json"})
_ANY: Final = frozenset({b"*/*", b"application/*"})


def prefers_html(accept: bytes) -> bool:
    """Whether `accept` names HTML with a higher quality than JSON; a wildcard counts for JSON only below HTML."""
    if len(accept) > _BYTES:
        accept = accept[: accept.rfind(b",", 0, _BYTES) + 1]
    accept = accept.lower()
    if b"html" not in accept:
        return False
    html = json = anything = 0.0
    for text in accept.split(b",", _RANGES)[:_RANGES]:
        kind, quality = _range(text)
        if kind in _HTML:
            html = max(html, quality)
        elif kind in _JSON:
            json = max(json, quality)
        elif kind in _ANY:
            anything = max(anything, quality)
    return html > json and html >= anything


def _range(text: bytes) -> tuple[bytes, float]:
    """A media range and its quality; 0 when the quality is malformed."""
    kind, *parameters = text.split(b";")
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"q":
            value = value.strip()
            return kind.strip(), float(value) if _QUALITY.fullmatch(value) else 0.0
    return kind.strip(), 1.0
