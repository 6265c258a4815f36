"""Whether a peer takes what was written to it, as the kernel knows it.

Threat: a client that asks for much and reads next to nothing (the "slow read" attack), so that answers fill the memory
and connections never end. What the event loop says is not enough: with TLS its buffers empty into one another, and it
calls nobody. The kernel counts the bytes that the peer has acknowledged (`tcpi_bytes_acked`, RFC 4898
tcpEStatsAppHCThruOctetsAcked) and those that wait.

Assumption: Linux. Lets pass: elsewhere, and on sockets that are not TCP, every peer counts as reading.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from typing import Final

_TCP_INFO: Final = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_ACKED: Final = struct.Struct("=120xQ")
_WAITING: Final = struct.Struct("i")


class Progress:
    """Watches one connection's outgoing side. `rate` is in bytes per second, `grace` in seconds."""

    __slots__ = ("_acked", "_began", "_grace", "_rate", "_socket", "_waiting")

    def __init__(self, transport: asyncio.BaseTransport, grace: float, rate: int) -> None:
        self._socket: socket.socket | None = transport.get_extra_info("socket")
        self._grace = grace
        self._rate = rate
        self._began: float | None = None
        self._acked = 0
        self._waiting = 0

    def waiting(self) -> int:
        """Bytes in the kernel that the peer has not acknowledged."""
        if self._socket is None or _TCP_INFO is None:
            return 0
        try:
            found = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, _WAITING.pack(0))
        except (OSError, ValueError):  # closed in this moment, or no TCP
            return 0
        count: int = _WAITING.unpack(found)[0]
        return count

    def late(self, now: float) -> bool:
        """Whether the peer takes less than it owes. Asked again and again; it remembers since when something waits.

        In each stretch of `grace` seconds a peer takes as much as `rate` asks for, or all that waited when the stretch
        began. So a connection that always has a little under way is not late, and having been fast is no credit.
        """
        waiting = self.waiting()
        if not waiting:
            self._began = None
            return False
        acked = self._read_acked()
        if acked is None:
            return False
        if self._began is None or acked - self._acked >= self._waiting:
            self._began, self._acked, self._waiting = now, acked, waiting
            return False
        if now - self._began <= self._grace:
            return False
        if acked - self._acked < self._grace * self._rate:
            return True
        self._began, self._acked, self._waiting = now, acked, waiting
        return False

    def _read_acked(self) -> int | None:
        if self._socket is None or _TCP_INFO is None:
            return None
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
        except (OSError, ValueError):
            return None
        count: int | None = _ACKED.unpack_from(info)[0] if len(info) >= _ACKED.size else None
        return count
