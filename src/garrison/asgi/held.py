"""An answer that is kept back until it is known whether it may go out as it is.

A 422 may repeat what the client sent, a 500 may show what broke. Both are short in practice. What outgrows `LIMIT` is
judged by what is there: a validation answer goes out without its list of errors, anything else streams on unchanged.
"""

from __future__ import annotations

from ..layers.errors import safe_validation
from .types import Message

LIMIT = 64 * 1024
"""Bytes of a body that are kept back."""

_JSON = b"application/json"
_TIED_TO_BODY = frozenset({b"content-type", b"content-length", b"content-encoding", b"etag", b"transfer-encoding"})
"""Headers that describe the body which is replaced."""


class Held:
    """One answer: its start, and the parts of its body so far."""

    __slots__ = ("_size", "body", "start")

    def __init__(self, start: Message) -> None:
        self.start = start
        self.body: list[Message] = []
        self._size = 0

    def keep(self, part: Message) -> bool:
        """Add a part of the body. True when nothing is gained by waiting for more."""
        self.body.append(part)
        self._size += len(part.get("body", b""))
        if self._size > LIMIT:
            return True
        return bool(self.start["status"] == 422 and not part.get("more_body", False))

    def without_input(self, request_id: str) -> bool:
        """Replace a validation answer by one that does not repeat the input. False for any other answer."""
        if self.start["status"] != 422:
            return False
        headers = [(name.lower(), value) for name, value in self.start.get("headers", ())]
        if not _one(headers, b"content-type").lower().startswith(_JSON):
            return False
        body = b"".join(part.get("body", b"") for part in self.body)
        safe = safe_validation(body, request_id, encoding=_one(headers, b"content-encoding"))
        if safe is None:
            return False
        kept = [pair for pair in headers if pair[0] not in _TIED_TO_BODY]
        kept.append((b"content-type", b"application/problem+json"))
        kept.append((b"content-length", b"%d" % len(safe)))
        self.start = {"type": "http.response.start", "status": 422, "headers": kept}
        self.body = [{"type": "http.response.body", "body": safe}]
        return True


def _one(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes:
    return next((value for key, value in headers if key == name), b"")
