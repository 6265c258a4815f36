"""Text files: all of it text, and none that a browser or an interpreter takes for its own.

Threat: a page, an SVG, a script or a PDF under a text's name (CWE-434), bytes that terminals obey. A file is text when
no control characters stand in it; UTF-16 needs its byte order mark. Older 8-bit encodings pass. Active text is told by
how it begins, since browsers and interpreters go by that too; prose and source code *about* HTML are text.
Lets pass: text that another program runs when it is told to, such as Python; formulas in CSV.
"""

from __future__ import annotations

import codecs
import re
from functools import partial
from typing import BinaryIO, Final

from ..types_markup import sanitise
from .refused import UploadRefused, Why

_CHUNK: Final = 1024 * 1024
_CACHED: Final = 128 * 1024
_CONTROLS: Final = tuple(bytes([code]) for code in (*range(32), 0x7F) if code not in b"\t\n\f\r")
"""Each is looked for by itself, in pieces that stay in the processor's cache: memchr, twenty-nine times, is several
times as fast as a pattern and twice as fast as translating."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_ACTIVE: Final = re.compile(
    r"\s*+(?:<!--(?>.*?-->)\s*+)*+"  # possessive: a thousand comments must not be divided in all ways
    r"(?:<!doctype\s|<\?xml\b|<\?php\b|<\?=|<%|<(?:html|head|body|script|style|iframe|frameset|object|embed|svg|meta|"
    r"base|form|math|xsl:\w+)\b|#!|%PDF-|%!PS|\{\\rtf|MIME-Version:|@echo\s+off\b|\x1a?\[InternetShortcut\])",
    re.IGNORECASE | re.DOTALL,
)
_PDF: Final = re.compile(rb"%PDF-\d")
_FOUND: Final = frozenset(
    {"application/postscript", "application/x-mswinurl", "text/rtf", "text/x-msdos-batch", "text/x-shellscript"}
)
"""What the detector tells by the beginning. That it finds HTML or a PDF further down is prose about them."""
_MOST_HTML: Final = 2 * 1024 * 1024
_WIDE: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def has_controls(data: bytes | bytearray | memoryview) -> bool:
    """Whether bytes hold control characters."""
    for start in range(0, len(data), _CACHED):
        piece = bytes(data[start : start + _CACHED])
        if True in map(piece.__contains__, _CONTROLS):
            return True
    return False


def check_text(file: BinaryIO, found: str, controls: bool | None = None) -> None:
    """Raises `UploadRefused` unless all of `file` is text. `found` is the detector's answer, `controls` that of
    `has_controls` over the whole file, if it was asked already."""
    head = file.read(_CHUNK)
    encoding = _WIDE.get(head[:2], "")
    begin = head[:4096].decode(encoding or "utf-8", "replace").lstrip("\ufeff")
    if _ACTIVE.match(begin) or found in _FOUND:
        raise UploadRefused(Why.ACTIVE, f"text that is {found}")
    if _PDF.search(head[:1024]) and b"endobj" in head:
        raise UploadRefused(Why.ACTIVE, "text that is a PDF too")
    file.seek(0)
    if encoding:
        return _check_wide(file, encoding)
    if controls is None:
        controls = any(map(has_controls, iter(partial(file.read, _CACHED), b"")))
    if controls:
        raise UploadRefused(Why.DETECTED, "control characters in text")
    return None


def _check_wide(file: BinaryIO, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := file.read(_CHUNK):
            if _CONTROL.search(decoder.decode(chunk)):
                raise UploadRefused(Why.DETECTED, "control characters in text")
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        raise UploadRefused(Why.BROKEN, "no UTF-16") from None


def clean_html(file: BinaryIO) -> bytes:
    """`file` as a sanitised fragment, to be stored in its place. Raises `UploadRefused`."""
    data = file.read(_MOST_HTML + 1)
    if len(data) > _MOST_HTML:
        raise UploadRefused(Why.SIZE, "HTML is sanitised in memory")
    try:
        return sanitise(data.decode("utf-8-sig")).encode()
    except UnicodeDecodeError:
        raise UploadRefused(Why.BROKEN, "HTML has to be UTF-8") from None
