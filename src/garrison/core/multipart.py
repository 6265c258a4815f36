"""A multipart form, judged and cut into parts as it streams by: bounded, one reading only (RFC 7578, RFC 2046 5.1).

Threat: forms that two parsers cut in different places, so that what was checked is not what is used (CWE-436): line
feeds alone around a boundary, text before the first or behind the last one, folded or repeated header lines, two names,
`filename*` beside `filename`, a transfer encoding; and forms that cost more than their bytes: thousands of parts,
header lines without end (CWE-770).

The layer `body` feeds it, and uploads take their file from the same reading: `parts` says where in the body each part's
content stands, so no byte is parsed twice and none is copied. A big piece is looked through once, for the boundary.

Takes what browsers and the usual clients send. Keeps the unfinished head of a part, and of each part its names. Lets
pass: a body of chunks without Content-Length that ends in the middle; any content of a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Protocol

Why = str
_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_PARAMETER: Final = re.compile(rb';[ \t]*([a-z*]{1,20})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]+))[ \t]*', re.I)
_QUOTED: Final = re.compile(rb'\\(["\\])')
_PLAIN: Final = frozenset({b"7bit", b"8bit", b"binary"})
_MOST_HEADERS: Final = 8
_LINE_END: Final = re.compile(rb"[\r\n]")


class FormLimits(Protocol):
    """Bounds of one form: numbers of parts without and with a file name, bytes of a field's name and value, and of the
    header lines of one part."""

    @property
    def fields(self) -> int: ...
    @property
    def files(self) -> int: ...
    @property
    def name(self) -> int: ...
    @property
    def value(self) -> int: ...
    @property
    def part_headers(self) -> int: ...


class Part:
    """One part: its `name`, its `filename` (None for a field), its `declared` type, and where in the body its content
    begins and ends. `end` is -1 until the end has come."""

    __slots__ = ("begin", "declared", "end", "filename", "name")

    def __init__(self, name: bytes, filename: bytes | None, declared: bytes, begin: int) -> None:
        self.name = name
        self.filename = filename
        self.declared = declared
        self.begin = begin
        self.end = -1


class _State(Enum):
    BOUNDARY = auto()
    HEADERS = auto()
    CONTENT = auto()
    END = auto()


class Multipart:
    """`feed(chunk)` gives the reason for which the form is refused, in a word, or nothing.

    `length` is what Content-Length announced, None without it: with it, a form that is cut off is refused too.
    `parts` are the parts so far, `settled` is how many bytes of the body are decided: those behind it, fewer than a
    boundary has, may be content or the next boundary. `why` is the reason of the first refusal, which is the last.
    """

    def __init__(self, boundary: bytes, limits: FormLimits, length: int | None = None) -> None:
        self._mark = b"--" + boundary
        self._delimiter = b"\r\n" + self._mark
        self._ways = (self._delimiter, b"\n" + self._mark, b"\r" + self._mark)
        self._lines = re.compile(rb"(?:\r\n?|\n)" + re.escape(self._mark))
        self._limits = limits
        self._length = length
        self._data = b""
        self._at = self._base = 0
        self._state = _State.BOUNDARY
        self._start = True
        self._fields = self._files = 0
        self._fresh = False
        self._steps: dict[_State, Callable[[], Why | None]] = {
            _State.BOUNDARY: self._boundary, _State.HEADERS: self._headers,
            _State.CONTENT: self._content, _State.END: self._end,
        }  # fmt: skip
        self.parts: list[Part] = []
        self.seen = 0
        self.why = ""

    @property
    def settled(self) -> int:
        return self._base + self._at

    @property
    def ended(self) -> bool:
        """Whether the last boundary has come."""
        return self._state is _State.END

    def feed(self, chunk: bytes) -> Why:
        """Linear in the chunk: what is kept between chunks is bounded by the header limit or the boundary."""
        if self.why:
            return self.why
        self.seen += len(chunk)
        self._base += self._at
        rest = self._data[self._at :]
        self._data, self._at = rest + chunk if rest else chunk, 0
        while (why := self._steps[self._state]()) == "":
            pass
        if why is None and self.seen == self._length and not self.ended and self.seen:
            why = "unterminated"
        self.why = why or ""
        # Nothing of the piece is held on to but what is undecided.
        self._data, self._base, self._at = self._data[self._at :], self._base + self._at, 0
        return self.why

    def _boundary(self) -> Why | None:
        """A boundary and what ends its line. None: more is needed; "" goes on."""
        mark = self._mark if self._start else self._delimiter
        found = self._data[self._at : self._at + len(mark) + 2]
        if len(found) < len(mark) + 2:
            return None if mark.startswith(found[: len(mark)]) else "preamble"
        if not found.startswith(mark):
            return "preamble"
        self._at += len(found)
        self._start = False
        if found.endswith(b"--"):
            self._state = _State.END
        elif found.endswith(b"\r\n"):
            self._state = _State.HEADERS
        else:
            return "boundary"
        return ""

    def _headers(self) -> Why | None:
        most = self._limits.part_headers + 4
        end = self._data.find(b"\r\n\r\n", self._at, self._at + most)
        if end < 0:
            return "part-headers" if len(self._data) - self._at >= most else None
        head, self._at = self._data[self._at : end], end + 4
        self._state, self._fresh = _State.CONTENT, True
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
        name, filename = parameters[b"name"], parameters.get(b"filename")
        if len(name) > self._limits.name:
            return "name"
        is_file = filename is not None
        self.parts.append(Part(name, filename, headers.get(b"content-type", b"") if is_file else b"", self.settled))
        self._files += is_file
        self._fields += not is_file
        if self._files > self._limits.files:
            return "files"
        return "fields" if self._fields > self._limits.fields else ""

    def _content(self) -> Why | None:
        if self._fresh:
            # A boundary right behind the headers ends an empty part for some parsers, and is content for others.
            first = self._data[self._at : self._at + len(self._mark)]
            if first == self._mark:
                return "boundary"
            if self._mark.startswith(first):
                return None
            self._fresh = False
        at = self._next_line()
        if at >= 0 and not self._data.startswith(self._delimiter, at):
            return "boundary"
        self._at = self._undecided() if at < 0 else at
        part = self.parts[-1]
        if part.filename is None and self.settled - part.begin > self._limits.value:
            return "value"
        if at < 0:
            return None
        part.end = self.settled
        self._state = _State.BOUNDARY
        return ""

    def _next_line(self) -> int:
        """Where the next line that begins with the boundary is ended before, by whatever ends lines; -1 for nowhere."""
        if self._data.find(self._mark, self._at) < 0:  # several times as fast as the pattern, and mostly the answer
            return -1
        match = self._lines.search(self._data, self._at)
        return match.start() if match else -1

    def _undecided(self) -> int:
        """Where a boundary may have begun that only the next chunk completes; the end of the data for nowhere."""
        data, at = self._data, max(self._at, len(self._data) - len(self._delimiter) + 1)
        while match := _LINE_END.search(data, at):
            at = match.start()
            rest = data[at:]
            if any(way.startswith(rest) for way in self._ways):
                return at
            at += 1
        return len(data)

    def _end(self) -> Why | None:
        return None if b"\r\n".startswith(self._data[self._at : self._at + 3]) else "epilogue"


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
        found[match[1].lower()] = _QUOTED.sub(rb"\1", match[2]) if match[2] is not None else match[3]
        at = match.end()
    return found
