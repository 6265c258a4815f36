"""ClamAV's daemon, asked over its own protocol (INSTREAM). Whatever is not a plain "OK" refuses the file.

Threat: known malware (CWE-434). Assumption: the daemon is ours, behind a Unix socket or on loopback: its protocol has
neither encryption nor passwords. Lets pass: what its signatures do not know.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import BinaryIO, Final

from ...core.errors import OperatorError
from .refused import UploadRefused, Why

_CHUNK: Final = 256 * 1024
_ANSWER: Final = 4096
EICAR: Final = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""What every scanner has to find (eicar.org), in two pieces, so that this file is not found itself."""


class ScannerAddress(OperatorError):
    """An address of the scanner that can't be used."""


@dataclass(frozen=True, slots=True)
class Clamd:
    """The daemon at `address`: "unix:/run/clamav/clamd.ctl" or "tcp:127.0.0.1:3310"; `seconds` for each step.

    Raises `ScannerAddress`, also for an address off loopback: files would travel unencrypted and unauthenticated.
    """

    address: str
    seconds: float = 30.0

    def __post_init__(self) -> None:
        scheme, _, rest = self.address.partition(":")
        host, _, port = rest.rpartition(":")
        if scheme == "unix" and rest.startswith("/"):
            return
        try:
            if scheme == "tcp" and ip_address(host.strip("[]")).is_loopback and 0 < int(port) < 65536:
                return
        except ValueError:
            pass  # no address or no number: said below
        raise ScannerAddress(
            f"{self.address!r} is no address of a scanner.", remedy="Take unix:/path or tcp:127.0.0.1:3310."
        )

    def ping(self) -> None:
        """Raises `UploadRefused` unless the daemon answers PONG. Blocks."""
        answer = self._ask(lambda link: link.sendall(b"zPING\0"))
        if answer != "PONG":
            raise UploadRefused(Why.SCANNER, f"PING answered {answer[:50]!r}")

    def scan(self, file: BinaryIO) -> None:
        """Raises `UploadRefused`: `Why.INFECTED` for what the scanner finds, `Why.SCANNER` for everything that is no
        answer. Blocks: call it in a thread."""

        def send(link: socket.socket) -> None:
            link.sendall(b"zINSTREAM\0")
            while chunk := file.read(_CHUNK):
                link.sendall(struct.pack("!L", len(chunk)) + chunk)
            link.sendall(struct.pack("!L", 0))

        answer = self._ask(send)
        if answer == "stream: OK":
            return
        if answer.endswith(" FOUND"):
            raise UploadRefused(Why.INFECTED, answer.removeprefix("stream: ")[:100])
        raise UploadRefused(Why.SCANNER, answer[:100])

    def _ask(self, say: Callable[[socket.socket], None]) -> str:
        try:
            with self._connect() as link:
                say(link)
                return self._read(link)
        except OSError as error:  # refused, hung, closed in the middle
            raise UploadRefused(Why.SCANNER, type(error).__name__) from None

    def _connect(self) -> socket.socket:
        scheme, _, rest = self.address.partition(":")
        if scheme == "tcp":
            host, _, port = rest.rpartition(":")
            return socket.create_connection((host.strip("[]"), int(port)), self.seconds)
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(self.seconds)
        try:
            link.connect(rest)
        except OSError:
            link.close()
            raise
        return link

    @staticmethod
    def _read(link: socket.socket) -> str:
        answer = b""
        while b"\0" not in answer and len(answer) < _ANSWER and (data := link.recv(_ANSWER)):
            answer += data
        return answer.partition(b"\0")[0].decode("ascii", "replace").strip() if b"\0" in answer else ""
