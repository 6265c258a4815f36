"""Which requests to upgrade are a WebSocket handshake: decided before the connection is handed over.

Threat: the WebSocket library answers what it does not like by itself, below every layer and with the input in the
answer; and what is beyond its own sizes (a line of 8 KB, 128 lines) it never answers, so that the connection is held
without end. Lets pass: what the library takes. Source: RFC 6455 section 4.2.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

LINE: Final = 8192
"""Bytes of one line, its end included."""
LINES: Final = 128
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==").fullmatch
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TOKENS: Final = re.compile(rb"[ \t]*%b[ \t]*(?:,[ \t]*%b[ \t]*)*" % (_TOKEN, _TOKEN)).fullmatch
_END: Final = len(b": \r\n")


def handshake_fault(
    method: bytes, target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]
) -> tuple[int, str] | None:
    """Status and reason for what is no handshake, though it asks for one; None for a good one.

    `headers` have lower-case names.
    """
    longest = max(len(method) + len(target) + len(b"  HTTP/1.1\r\n"), *(len(n) + len(v) + _END for n, v in headers))
    if longest > LINE or len(headers) > LINES:
        return 431, "a WebSocket handshake too large"
    once = {name: _values(headers, name) for name in (b"upgrade", b"sec-websocket-key", b"sec-websocket-version")}
    good = (
        method == b"GET"
        and version == "1.1"
        and all(len(values) == 1 for values in once.values())
        and _KEY(once[b"sec-websocket-key"][0]) is not None
        and once[b"sec-websocket-version"][0] == b"13"
        and all(length == b"0" for length in _values(headers, b"content-length"))
        and all(_TOKENS(value) for value in _values(headers, b"connection"))
        and all(_TOKENS(value) for value in _values(headers, b"sec-websocket-protocol"))
    )
    return None if good else (400, "no WebSocket handshake")


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for other, value in headers if other == name]
