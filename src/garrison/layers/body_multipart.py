"""A multipart form, judged as it streams by: bounded parts, one reading only (RFC 7578, RFC 2046 section 5.1).

Threat: forms that two parsers cut in different places, so that what was checked is not what is used (CWE-436): line
feeds alone around a boundary, text before the first or behind the last one, folded or repeated header lines, two names,
`filename*` beside `filename`, a transfer encoding; and forms that cost more than their bytes: thousands of parts,
header lines without end (CWE-770).

Takes what browsers and the usual clients send. Keeps nothing but the unfinished head of a part. Lets pass: a body of
chunks without Content-Length that ends in the middle; any content of a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from ..policy.section_body import BodySection

Why = str
_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_PARAMETER: Final = re.compile(rb';[ \t]*([a-z*]{1,20})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]+))[ \t]*', re.I)
_PLAIN: Final = frozenset({b"7bit", b"8bit", b"binary"})
_MOST_HEADERS: Final = 8


class _State(Enum):
    BOUNDARY = auto()
    HEADERS = auto()
    CONTENT = auto()
    END = auto()


class Multipart:
    """`feed(chunk)` gives the reason for which the form is refused, in a word, or nothing.

    `length` is what Content-Length announced, None without it: with it, a form that is cut off is refused too.
    """

    def __init__(self, boundary: bytes, limits: BodySection, length: int | None = None) -> None:
        self._mark = b"--" + boundary
        self._delimiter = b"\r\n" + self._mark
        self._loose = re.compile(rb"(?<!\r)\n" + re.escape(self._mark) + rb"|\r" + re.escape(self._mark))
        self._limits = limits
        self._length = length
        self._rest = b""
        self._state = _State.BOUNDARY
        self._start = True
        self._fields = self._files = self._size = self._seen = 0
        self._is_file = self._fresh = False

    def feed(self, chunk: bytes) -> Why:
        """Linear in the chunk: what is kept between chunks is bounded by the header limit or the boundary."""
        self._seen += len(chunk)
        self._rest += chunk
        steps: dict[_State, Callable[[], Why | None]] = {
            _State.BOUNDARY: self._boundary, _State.HEADERS: self._headers,
            _State.CONTENT: self._content, _State.END: self._end,
        }  # fmt: skip
        while (why := steps[self._state]()) == "":
            pass
        if why is None and self._seen == self._length and self._state is not _State.END and self._seen:
            return "unterminated"
        return why or ""

    def _boundary(self) -> Why | None:
        """A boundary and what ends its line. None: more is needed; "" goes on."""
        mark = self._mark if self._start else self._delimiter
        if len(self._rest) < len(mark) + 2:
            return None if mark.startswith(self._rest[: len(mark)]) else "preamble"
        if not self._rest.startswith(mark):
            return "preamble"
        ending = self._rest[len(mark) : len(mark) + 2]
        self._rest = self._rest[len(mark) + 2 :]
        self._start = False
        if ending == b"--":
            self._state = _State.END
        elif ending == b"\r\n":
            self._state = _State.HEADERS
        else:
            return "boundary"
        return ""

    def _headers(self) -> Why | None:
        end = self._rest.find(b"\r\n\r\n", 0, self._limits.part_headers + 4)
        if end < 0:
            return "part-headers" if len(self._rest) >= self._limits.part_headers + 4 else None
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        self._state, self._size, self._fresh = _State.CONTENT, 0, True
        return self._part(head)

    def _part(self, head: bytes) -> Why:
        headers = _header_lines(head)
        if headers is None:
            return "part-headers"
        parameters = _disposition(headers.get(b"content-disposition", b""))
        if parameters is None or b"name" not in parameters or b"filename*" in parameters:
            return "disposition"
        if headers.get(b"content-transfer-encoding", b"binary").lower() not in _PLAIN:
            return "transfer-encoding"
        if len(parameters[b"name"]) > self._limits.name:
            return "name"
        self._is_file = b"filename" in parameters
        if self._is_file:
            self._files += 1
            return "files" if self._files > self._limits.files else ""
        self._fields += 1
        return "fields" if self._fields > self._limits.fields else ""

    def _content(self) -> Why | None:
        if self._fresh:
            # A boundary right behind the headers ends an empty part for some parsers, and is content for others.
            if len(self._rest) < len(self._mark) and self._mark.startswith(self._rest):
                return None
            if self._rest.startswith(self._mark):
                return "boundary"
            self._fresh = False
        at = self._rest.find(self._delimiter)
        looked = self._rest if at < 0 else self._rest[:at]
        if self._mark in looked and self._loose.search(looked):
            return "boundary"
        keep = len(self._delimiter) if at < 0 else 0
        taken = max(0, len(looked) - keep)
        self._size += taken
        if not self._is_file and self._size > self._limits.value:
            return "value"
        self._rest = self._rest[taken:] if at < 0 else self._rest[at:]
        if at < 0:
            return None
        self._state = _State.BOUNDARY
        return ""

    def _end(self) -> Why | None:
        return None if b"\r\n".startswith(self._rest) else "epilogue"


def _header_lines(head: bytes) -> dict[bytes, bytes] | None:
    """The header lines of a part; None where one is folded, repeated or can't be read."""
    found: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n"):
        match = _LINE.fullmatch(line)
        if match is None or match[1].lower() in found or len(found) == _MOST_HEADERS:
            return None
        found[match[1].lower()] = match[2].strip()
    return found


def _disposition(value: bytes) -> dict[bytes, bytes] | None:
    """The parameters of `form-data`; None where it is something else, not UTF-8, or names one twice."""
    kind, semicolon, _ = value.partition(b";")
    try:
        value.decode()
    except UnicodeDecodeError:
        return None
    if kind.strip().lower() != b"form-data":
        return None
    found: dict[bytes, bytes] = {}
    at = len(kind)
    while semicolon and at < len(value):
        match = _PARAMETER.match(value, at)
        if match is None or match[1].lower() in found:
            return None
        found[match[1].lower()] = match[2] if match[2] is not None else match[3]
        at = match.end()
    return found
