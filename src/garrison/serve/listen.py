"""Listening sockets: those only this machine can reach, and those everybody can.

Threat: a development server on all interfaces; a browser that reaches another program at `localhost` over the
address family that was left out. Lets pass: every user and container that shares this machine's loopback
interface.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack
from ipaddress import ip_address

from .certificates import LOOPBACK_V4, LOOPBACK_V6
from .errors import BindRefusedError, OptionRefusedError, PortUnavailableError

BACKLOG = 1024
_NO_IPV6 = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_TRIES = 20


def loopback_addresses(host: str) -> tuple[str, ...]:
    """The addresses to listen on for `host`: `localhost` means both families, else one loopback address
    literal.

    Nothing is resolved: a name server or hosts file can't move the server. Raises `BindRefusedError` for
    everything else.
    """
    if host.lower() == "localhost":
        return ("127.0.0.1", "::1")
    try:
        address = ip_address(host)
    except ValueError:
        raise BindRefusedError(host) from None
    if address not in LOOPBACK_V4 and address != LOOPBACK_V6.network_address:
        raise BindRefusedError(host)
    return (str(address),)


def public_addresses(host: str) -> tuple[str, ...]:
    """The addresses to listen on for `host`: `*` means every address of both families, `localhost` loopback of both,
    else one address literal.

    Nothing is resolved. Raises `OptionRefusedError` for a name.
    """
    if host == "*":
        return ("0.0.0.0", "::")  # noqa: S104  asked for by name; one socket for each family
    if host.lower() == "localhost":
        return loopback_addresses(host)
    try:
        return (str(ip_address(host)),)
    except ValueError:
        remedy = "Use --host with an address of this machine, localhost, or * for all addresses."
        raise OptionRefusedError("host", f"{host!r} is no address.", remedy=remedy) from None


def open_listeners(addresses: tuple[str, ...], port: int, setting: str = "--port") -> list[socket.socket]:
    """Sockets that listen at `port` on every address; port 0 finds one that is free on all of them.

    `setting` is what the operator names the port with.

    A machine without IPv6 leaves `::1` out when it is not the only address. Raises `PortUnavailableError`
    when the port is taken or not allowed, `OptionRefusedError` when it is no port.
    """
    if not 0 <= port <= 65535:
        raise OptionRefusedError("port", f"{port} is not a port.", remedy="Use --port with a number from 1 to 65535.")
    for attempt in range(_TRIES):
        try:
            return _open_all(addresses, port, setting)
        except PortUnavailableError:
            if port or attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _open_all(addresses: tuple[str, ...], port: int, setting: str) -> list[socket.socket]:
    with ExitStack() as opened:
        listeners: list[socket.socket] = []
        for address in addresses:
            listener = _open(address, port, setting, optional=bool(listeners))
            if listener is not None:
                listeners.append(opened.enter_context(listener))
                port = listener.getsockname()[1]
        opened.pop_all()  # all are open: they stay so
    return listeners


def _open(address: str, port: int, setting: str, *, optional: bool) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener: socket.socket | None = None
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)  # here and not in the server: only listening tells whether the port is taken
    except OSError as error:
        if listener is not None:
            listener.close()
        if optional and error.errno in _NO_IPV6:
            return None
        raise PortUnavailableError(address, port, _why(error), _remedy(error, setting)) from error
    return listener


def _remedy(error: OSError, setting: str) -> str:
    first = {
        errno.EADDRINUSE: "End that program, or choose another port with",
        errno.EACCES: "Give the right to it (CAP_NET_BIND_SERVICE), or choose a port from 1024 on with",
    }
    return f"{first.get(error.errno or 0, 'Choose another with')} {setting}."


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program has it"
    if error.errno == errno.EACCES:
        return "this user may not use it"
    return os.strerror(error.errno) if error.errno else type(error).__name__
