"""HTTP/1.1 of the development server: uvicorn's httptools protocol with the strict reading of production.

Threat: a request that two parsers read differently (CWE-444), such as `GET https://other.example/` beside another Host,
is served here and refused in production. Assumption: loopback only. Lets pass: slow clients and many of them; deadlines
and caps are `protocol_http`'s.
"""

from __future__ import annotations

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import strict
from .handshake import handshake_fault


class StrictHttp(HttpToolsProtocol):
    """One connection. What `strict` refuses is answered 400, as what the parser refuses."""

    _framing: list[tuple[bytes, bytes]]

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._framing = []

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if (low := name.lower()) in strict.FRAMING:
            self._framing.append((low, value))

    def on_headers_complete(self) -> None:
        parser = self.parser
        method, version, upgrade = parser.get_method(), parser.get_http_version(), parser.should_upgrade()
        wrong = strict.fault(method, self.url, version, self._framing, upgrade)
        if wrong:
            raise httptools.HttpParserError(wrong)  # the parser hands it on as an error of its own
        if upgrade and self._should_upgrade():
            no = handshake_fault(method, self.url, version, self.headers)
            if no is not None:
                raise httptools.HttpParserError(no[1])
        super().on_headers_complete()
