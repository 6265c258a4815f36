"""A multipart form with one file, read piece by piece: nothing of the file is kept here.

Threat: forms of a thousand fields, parts or header lines, files nobody asked for, a form that ends in the middle, two
files under one name (RFC 7578; CWE-770). Fields and headers are bounded and few; there is one file, under the expected
name; what is repeated or cut is refused. Assumption: the body was bounded before (the layer `size`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...core.errors import DependencyError
from .refused import UploadRefused, Why

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_FIELDS: Final = 20
_FIELD_BYTES: Final = 64 * 1024
_HEADERS: Final = 8
_HEADER_BYTES: Final = 2048


@dataclass(frozen=True, slots=True)
class FileBegins:
    """The file: its name as sent (None where there is none) and its declared media type."""

    name: str | None
    declared: str


class FormReader:
    """Feed it the body with `read`; `fields` are the other fields. Raises `UploadRefused` for what is out of bounds."""

    def __init__(self, content_type: str, field: str) -> None:
        try:
            from python_multipart.exceptions import FormParserError
            from python_multipart.multipart import MultipartParser, parse_options_header
        except ImportError as error:
            raise DependencyError("Uploads need python-multipart.", remedy="pip install 'garrison[inputs]'") from error
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise UploadRefused(Why.MALFORMED, "no multipart form")
        self._options, self._error, self._wanted = parse_options_header, FormParserError, field
        self.fields: dict[str, str] = {}
        self._found: list[FileBegins | memoryview] = []
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._field: str | None = None
        self._text = bytearray()
        self._has_file = self._ended = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part,
            "on_header_field": self._on_header_name,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        try:
            self._parser = MultipartParser(
                options[b"boundary"], callbacks, max_header_count=_HEADERS, max_header_size=_HEADER_BYTES
            )
        except FormParserError:
            raise UploadRefused(Why.MALFORMED, "boundary") from None

    def read(self, chunk: bytes) -> list[FileBegins | memoryview]:
        """What of the file stands in the next piece of the body, in order: its beginning, and its content."""
        self._found = []
        try:
            self._parser.write(chunk)
        except self._error:
            raise UploadRefused(Why.MALFORMED) from None
        return self._found

    def finish(self) -> None:
        """The body is over: the form must be, too, and have held the file."""
        if not self._ended:
            raise UploadRefused(Why.MALFORMED, "the form is cut")
        if not self._has_file:
            raise UploadRefused(Why.MISSING)

    def _on_part(self) -> None:
        self._headers, self._name, self._value, self._field = {}, b"", b"", None
        self._text.clear()

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        name = self._name.lower()
        if name in self._headers:
            raise UploadRefused(Why.MALFORMED, "a header is repeated")
        self._headers[name] = self._value
        self._name = self._value = b""

    def _on_headers(self) -> None:
        kind, options = self._options(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise UploadRefused(Why.MALFORMED, "a part without a name")
        name = options[b"name"].decode("utf-8", "replace")
        if b"content-transfer-encoding" in self._headers:  # deprecated (RFC 7578, 4.7), and read in two ways
            raise UploadRefused(Why.MALFORMED, "a transfer encoding")
        if b"filename" not in options:
            if name in self.fields or name == self._wanted or len(self.fields) >= _FIELDS:
                raise UploadRefused(Why.MALFORMED, "a field is repeated, or there are too many")
            self._field = name
            return
        if self._has_file or name != self._wanted:
            raise UploadRefused(Why.MISSING, "a file that nobody asked for")
        self._has_file = True
        sent = options[b"filename"].decode("utf-8", "replace")
        self._found.append(FileBegins(sent or None, self._headers.get(b"content-type", b"").decode("latin-1")))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._found.append(memoryview(data)[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > _FIELD_BYTES:
            raise UploadRefused(Why.MALFORMED, "a field is too long")

    def _on_part_end(self) -> None:
        if self._field is not None:
            self.fields[self._field] = self._text.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self._ended = True
