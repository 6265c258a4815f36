"""What stands where the application would: it answers with the bytes it was sent, so that nothing hides.

A WebSocket that is asked for is opened, with the key of RFC 6455 section 1.3, and closed at once; like the
application's, that answer has none of the header lines that a proxy would have to take away.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
_OPENED: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_MOST: Final = 1 << 20


@dataclass
class Seen:
    """The header blocks that came through, whole, in the order they came."""

    heads: list[bytes] = field(default_factory=list)


@contextmanager
def stand_in(path: Path, answer: Sequence[str] = ()) -> Iterator[Seen]:
    """Listen on the Unix socket `path`; `answer` are header lines of every answer, whose body is the request's head."""
    seen = Seen()
    lines = "".join(f"{line}\r\n" for line in answer).encode("ascii")

    class Handler(socketserver.StreamRequestHandler):
        timeout = 10.0

        def handle(self) -> None:
            head = bytearray()
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline(_MOST)
                if not line or len(head) > _MOST:
                    return
                head += line
            seen.heads.append(bytes(head))
            if b"\r\nupgrade: websocket\r\n" in head.lower():
                self.wfile.write(_OPENED)
                return
            start = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
            self.wfile.write(start + lines + b"Content-Length: %d\r\n\r\n" % len(head) + head)

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            """A proxy that hangs up is no news."""

    with Server(str(path), Handler) as server:
        path.chmod(0o666)  # in a trial's private folder: the server under trial may have another user
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
