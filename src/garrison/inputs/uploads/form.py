"""The one file of a multipart form, piece by piece: nothing of the file is kept or copied here.

Threat: files nobody asked for, two files under one name, fields that fill the memory, a form that ends in the middle
(RFC 7578; CWE-770). The form itself is read by `core.multipart`, once: where the layer `body` judged it, its reading is
used, with the policy's bounds; where none did, the same reader is fed here. On top of those bounds there is one file,
under the expected name, and few fields, none twice. Assumption: the body was bounded before (the layer `size`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ...core.multipart import Multipart, Part
from .refused import UploadRefused, Why

_FIELDS: Final = 20
_FIELD_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileBegins:
    """The file: its name as sent (None where there is none) and its declared media type."""

    name: str | None
    declared: str


class FormReader:
    """Feed it the body with `read`; `fields` are the other fields. Raises `UploadRefused` for what is out of bounds.

    form     the reading of this body
    judged   whether somebody feeds `form` already; it is never behind what `read` is given then
    """

    def __init__(self, form: Multipart, field: str, *, judged: bool) -> None:
        self._form, self._wanted, self._judged = form, field, judged
        self.fields: dict[str, str] = {}
        self._rest = b""
        self._at = self._next = 0
        self._part: Part | None = None
        self._text = bytearray()
        self._has_file = False

    def read(self, chunk: bytes) -> list[FileBegins | memoryview]:
        """What of the file stands in the next piece of the body, in order: its beginning, and its content."""
        if not self._judged:
            self._form.feed(chunk)
        if self._form.why:
            raise UploadRefused(Why.MALFORMED, self._form.why)
        start, self._at = self._at - len(self._rest), self._at + len(chunk)
        if self._at > self._form.seen:  # somebody between the layer and us changed the body
            raise UploadRefused(Why.MALFORMED, "another body was judged")
        until = min(self._form.settled, self._at)
        found = list(self._walk(chunk, start, until))
        left = chunk if start + len(self._rest) <= until else self._rest + chunk
        self._rest = left[len(left) - (self._at - until) :]
        return found

    def finish(self) -> None:
        """The body is over: the form must be, too, and have held the file."""
        if not self._form.ended or self._at != self._form.seen:
            raise UploadRefused(Why.MALFORMED, "the form is cut")
        if not self._has_file:
            raise UploadRefused(Why.MISSING)

    def _walk(self, chunk: bytes, start: int, until: int) -> Iterator[FileBegins | memoryview]:
        """What stands between two places of the body; the undecided rest of earlier pieces comes before `chunk`."""
        at, parts = start, self._form.parts
        while at <= until:
            if self._part is None:
                if self._next >= len(parts) or parts[self._next].begin > until:
                    return
                self._part = parts[self._next]
                self._next += 1
                at = self._part.begin
                yield from self._begin(self._part)
            end = until if self._part.end < 0 else min(until, self._part.end)
            for piece in self._between(chunk, start, at, end):
                if self._part.filename is not None:
                    yield piece
                else:
                    self._add(piece)
            at = end
            if not 0 <= self._part.end <= until:
                return
            self._end(self._part)
            self._part = None

    def _between(self, chunk: bytes, start: int, begin: int, end: int) -> Iterator[memoryview]:
        border = start + len(self._rest)
        if begin < min(border, end):
            yield memoryview(self._rest)[begin - start : min(border, end) - start]
        if max(begin, border) < end:
            yield memoryview(chunk)[max(begin, border) - border : end - border]

    def _begin(self, part: Part) -> Iterator[FileBegins]:
        name = part.name.decode()
        if part.filename is None:
            if name in self.fields or name == self._wanted or len(self.fields) >= _FIELDS:
                raise UploadRefused(Why.MALFORMED, "a field is repeated, or there are too many")
            return
        if self._has_file or name != self._wanted:
            raise UploadRefused(Why.MISSING, "a file that nobody asked for")
        self._has_file = True
        yield FileBegins(part.filename.decode() or None, part.declared.decode("latin-1"))

    def _add(self, piece: memoryview) -> None:
        self._text += piece
        if len(self._text) > _FIELD_BYTES:
            raise UploadRefused(Why.MALFORMED, "a field is too long")

    def _end(self, part: Part) -> None:
        if part.filename is None:
            self.fields[part.name.decode()] = self._text.decode("utf-8", "replace")
            self._text.clear()
