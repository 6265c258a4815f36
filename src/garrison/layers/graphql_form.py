"""The GraphQL request inside a multipart form, taken out as the form streams by (GraphQL multipart request, version 2).

Threat: a document that a guard of JSON bodies never sees, because it comes beside a file; or one that is put together
after it was judged: `map` may say that a part of the form belongs at `query`.

Takes the fields `operations`, `map` and `query`, each once and none of them a file; paths in `map` lead below
`variables`. Assumption: the layer `body` has judged the form, so that it can be cut in one way only. Keeps these three
fields and nothing else. Lets pass: whatever the files hold.
"""

from __future__ import annotations

from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..core.json_guard import JsonLimits, JsonRefused, loads
from .graphql_document import GraphqlRefused

_TAKEN: Final = frozenset({b"operations", b"map", b"query"})
_MOST_HEADER: Final = 16 * 1024


class FormFields:
    """`feed(chunk)` as often as there is more; `fields` then holds what was taken. Raises `GraphqlRefused`."""

    def __init__(self, boundary: bytes, most: int) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.done: list[bytes] = []
        self._most = most
        self._field, self._header, self._value = b"", bytearray(), bytearray()
        self._disposition = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._headers,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except MultipartParseError:
            raise GraphqlRefused("form") from None

    def _begin(self) -> None:
        self._field, self._disposition = b"", b""
        self._header.clear()
        self._value.clear()

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header, data[start:end])

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._value, data[start:end])

    def _grow(self, into: bytearray, more: bytes) -> None:
        into += more
        if len(into) > _MOST_HEADER:
            raise GraphqlRefused("form")

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"")
        if name not in _TAKEN:
            return
        if name in self.fields or b"filename" in options:
            raise GraphqlRefused("form")
        self._field = name
        self.fields[name] = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._field:
            return
        self.fields[self._field] += data[start:end]
        if len(self.fields[self._field]) > self._most:
            raise GraphqlRefused("document")

    def _end(self) -> None:
        if self._field:
            self.done.append(self._field)
            self._field = b""


def judge_map(data: bytes, limits: JsonLimits) -> None:
    """Raise `GraphqlRefused` where a path of `map` leads elsewhere than below the variables of an operation."""
    try:
        value = loads(data, limits)
    except JsonRefused:
        raise GraphqlRefused("form") from None
    paths = list(value.values()) if isinstance(value, dict) else [None]
    for path in (one for each in paths for one in (each if isinstance(each, list) else [None])):
        steps = path.split(".") if isinstance(path, str) else []
        if steps[:1] and steps[0].isdecimal():
            steps = steps[1:]
        if len(steps) < 2 or steps[0] != "variables":
            raise GraphqlRefused("form")
