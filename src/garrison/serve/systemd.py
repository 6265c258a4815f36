"""systemd's two small protocols: sockets it opened for us, and telling it how we are.

Assumption: the variables come from systemd (or a test), and are taken out of the environment once they are read, so
that no child believes they were meant for it. Source: sd_listen_fds(3), sd_notify(3).
"""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Final

from .errors import OptionRefusedError

FIRST: Final = 3
HTTP: Final = "http"
"""`FileDescriptorName=` of the socket that answers challenges and redirects; all others are for https."""


def activated(environ: MutableMapping[str, str]) -> list[tuple[str, socket.socket]]:
    """Names and sockets that systemd opened for this process; none without socket activation.

    Raises `OptionRefusedError` when one of them is no listening stream socket.
    """
    pid, count, names = (environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    given = names.split(":")
    found = []
    for number in range(int(count)):
        name = given[number] if number < len(given) else ""
        found.append((name, _listener(FIRST + number, name)))
    return found


def _listener(number: int, name: str) -> socket.socket:
    why = "it is no socket"
    with suppress(OSError):
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            found = socket.socket(fileno=number)
            if found.type == socket.SOCK_STREAM and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                os.set_inheritable(number, False)
                return found
            found.detach()
            why = "it does not listen for streams"
    raise OptionRefusedError(
        "socket", f"The socket {name or number} that systemd passed can't be used: {why}.",
        remedy="Use ListenStream= and Accept=no in the socket unit.",
    )  # fmt: skip


class Notify:
    """Tells systemd; does nothing where nobody listens. Failing to tell is never a reason not to serve."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        address = environ.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, status: str) -> None:
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=Reloading")

    def stopping(self) -> None:
        self._send("STOPPING=1\nSTATUS=Stopping")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(1.0)
            out.sendto(text.encode(), self._address)
