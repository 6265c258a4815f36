"""Send something to a web address: one POST, no redirects, bounded in time and answer.

Threat: a receiver that hangs, sends without end, or points elsewhere; a plaintext link that others read and change.
Blocks: for background threads only. Lets pass: what the machine's own certificate store trusts is trusted.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

TIMEOUT: Final = 5.0
_ANSWER: Final = 4096


class Refused(OSError):
    """The receiver answered with something other than success. `status` is what it said."""

    def __init__(self, host: str, status: int) -> None:
        super().__init__(f"{host} answered {status}")
        self.status = status


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    context: ssl.SSLContext | None = None,
    timeout: float = TIMEOUT,
) -> None:
    """POST `body` to `url` (http or https, already checked). Raises OSError, `Refused`, http.client.HTTPException."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        trusted = context or ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=trusted)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    with closing(connection):
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {"User-Agent": "garrison", **headers})
        answer = connection.getresponse()
        answer.read(_ANSWER)
        if not 200 <= answer.status < 300:
            raise Refused(host, answer.status)
