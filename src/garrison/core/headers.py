"""Response headers as the list that they are.

A dictionary would lose one of two `Set-Cookie` lines; overwriting `Vary` would break caches. `Edit` is the only way a
layer changes an answer's headers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .memo import remember

RawHeaders = list[tuple[bytes, bytes]]


def merge_vary(headers: Iterable[tuple[bytes, bytes]], tokens: Iterable[bytes]) -> RawHeaders:
    """`headers` with one `Vary` line that holds what was there and `tokens`, without repetitions (RFC 9110, 12.5.5)."""
    rest: RawHeaders = []
    merged: dict[bytes, bytes] = {}
    for name, value in headers:
        if name == b"vary":
            for token in value.split(b","):
                if token := token.strip():
                    merged.setdefault(token.lower(), token)
        else:
            rest.append((name, value))
    for token in tokens:
        merged.setdefault(token.lower(), token)
    if b"*" in merged:
        rest.append((b"vary", b"*"))
    elif merged:
        rest.append((b"vary", b", ".join(merged.values())))
    return rest


_PAGES: Final = (b"text/html", b"application/xhtml+xml")
_LONGEST: Final = 128
_REMEMBERED: Final = 128
_types: dict[bytes | None, bool] = {}
"""Content types that were looked at: applications have few."""


def _is_page(content_type: bytes | None) -> bool:
    """Whether an answer of that `Content-Type` is a page: a document with links, forms and scripts of its own."""
    page = content_type is not None and content_type[:21].lower().startswith(_PAGES)
    if content_type is None or len(content_type) <= _LONGEST:
        remember(_types, content_type, page, _REMEMBERED)
    return page


class Edit:
    """The headers of one answer while layers amend them. Names are lower-case bytes.

    `status` is the answer's status; `ours` is true when Garrison itself answers (a refusal, a preflight, a 500). `sent`
    is what was there before any layer amended it, of a repeated name the last value: made once, since most layers look
    for something in it. `page` tells whether that is a page, `varied` whether a layer has written `Vary`.
    """

    __slots__ = ("headers", "ours", "page", "sent", "status", "varied")

    def __init__(self, status: int, headers: RawHeaders, ours: bool = False) -> None:
        self.status = status
        self.headers = headers
        self.ours = ours
        self.sent = sent = dict(headers)
        content_type = sent.get(b"content-type")
        page = _types.get(content_type)
        self.page = _is_page(content_type) if page is None else page
        self.varied = False

    def get(self, name: bytes) -> bytes | None:
        """The first value of `name`, or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def add(self, name: bytes, value: bytes) -> None:
        """Append a line; existing lines of the same name stay."""
        self.headers.append((name, value))

    def put(self, name: bytes, value: bytes) -> None:
        """Replace every line of `name` by one."""
        self.headers = [pair for pair in self.headers if pair[0] != name]
        self.headers.append((name, value))

    def drop(self, name: bytes) -> None:
        """Remove every line of `name`."""
        self.headers = [pair for pair in self.headers if pair[0] != name]

    def vary(self, *tokens: bytes) -> None:
        """Merge `tokens` into `Vary`."""
        self.varied = True
        self.headers = merge_vary(self.headers, tokens)
