"""The sockets by which only the operator comes in.

Threat: an operator who is shut out by his own ban, and an exemption that anybody can claim. So the operator is told by
the socket a connection was accepted on, which the server has from the kernel, and never by an address: everybody behind
a local proxy comes from loopback. A wildcard is no listener: a connection is accepted at one address.

Assumption: the server puts the socket's own name into `scope["server"]`, as uvicorn does (gunicorn's uvicorn workers
and hypercorn too). Adapters that make it up from the Host header do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TypeAlias

Listener: TypeAlias = tuple[str, int | None]


def parse_listeners(texts: Iterable[str]) -> frozenset[Listener]:
    """The listeners as servers name them: address and port, or a path and None. Raises ValueError."""
    return frozenset(parse_listener(text) for text in texts)


def parse_listener(text: str) -> Listener:
    """`127.0.0.1:9443`, `[::1]:9443` or `unix:/run/app/operator.sock`. Raises ValueError."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/"):
            raise ValueError("a Unix socket is named by its absolute path: unix:/run/app/operator.sock")
        return path, None
    host, _, port = text.rpartition(":")
    try:
        address = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        raise ValueError(f"{text!r} is no address with a port; write 127.0.0.1:9443") from None
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} names no port")
    if address.is_unspecified:
        raise ValueError(f"{text!r} is every address; name the one the operator connects to")
    return str(address), int(port)
