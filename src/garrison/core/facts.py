"""What a request is: built once by `asgi/`, read by every layer, changed by nobody.

Hand-written slots classes, because one is made per request: a frozen dataclass costs five times as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Final, Literal

Address = IPv4Address | IPv6Address
NO_DUPLICATES: Final[Mapping[bytes, tuple[bytes, ...]]] = MappingProxyType({})


_SCATTER: Final = 2654435761
_STEP: Final = 167
"""Odd multipliers: they make consecutive numbers look unrelated."""


class Client:
    """Who is at the other end, as far as the network tells.

    `address` is the parsed client address, or None (a Unix socket, or a chain that could not be used). `key` is what
    limits and bans are keyed by: the address, or its /64 for IPv6; empty when nobody may be charged, as for a trusted
    proxy itself. `fault` names what was wrong with the forwarding chain, or is empty. `proxied` tells whether a
    trusted proxy spoke for the client.
    """

    __slots__ = ("address", "fault", "key", "proxied")

    def __init__(self, address: Address | None, key: str, fault: str = "", *, proxied: bool = False) -> None:
        self.address = address
        self.key = key
        self.fault = fault
        self.proxied = proxied

    def __repr__(self) -> str:
        return f"Client({self.address}, key={self.key!r}, fault={self.fault!r}, proxied={self.proxied})"


class Host:
    """A parsed Host header: `name` lower-case without port or trailing dot (A-labels; IPv6 without brackets).

    `own` tells that it is a name that somebody owns: neither an address nor this machine itself.
    """

    __slots__ = ("ip", "name", "own", "port")

    def __init__(self, name: str, port: int | None, *, ip: bool) -> None:
        self.name = name
        self.port = port
        self.ip = ip
        self.own = not ip and not name.endswith("localhost")

    def __repr__(self) -> str:
        return f"Host({self.name!r}, {self.port}, ip={self.ip})"


class Facts:
    """One request or WebSocket handshake.

    kind        "http" or "websocket"
    method      upper-case as sent; "GET" for WebSocket handshakes
    scheme      "https", "http", "wss" or "ws", after trusted proxies
    host        the parsed Host, or None when it is missing, duplicated or malformed
    path        the one normalised path: decoded once; used for route classes, exemptions, limits and logs
    raw_path    the path as sent, without the query
    path_fault  what keeps `path` from being plain (see `core.path`), or empty
    query       the raw query string
    headers     lower-case name to value; of a repeated name the last value: ask `duplicates` where it matters
    duplicates  name to all values, for the names that came more than once
    header_count, header_bytes   sizes of the header block as received, in lines and bytes
    client      the client identity
    route       index of the route class in the compiled policy; 0 is the default class
    series, number   what the request's id is made of; `named` is that id once somebody has asked for it
    certificate true when the connection carries a verified client certificate
    operator    true when the request came in over the operator's own listener, and not through a proxy
    drill       the id of the drill the request is part of, by a mark that holds (`core.drill`); else empty
    """

    __slots__ = (
        "certificate",
        "client",
        "drill",
        "duplicates",
        "header_bytes",
        "header_count",
        "headers",
        "host",
        "kind",
        "method",
        "named",
        "number",
        "operator",
        "path",
        "path_fault",
        "query",
        "raw_path",
        "route",
        "scheme",
        "series",
    )

    def __init__(
        self,
        kind: Literal["http", "websocket"],
        method: str,
        scheme: str,
        host: Host | None,
        path: str,
        raw_path: bytes,
        path_fault: str,
        query: bytes,
        headers: dict[bytes, bytes],
        duplicates: Mapping[bytes, tuple[bytes, ...]],
        header_count: int,
        header_bytes: int,
        client: Client,
        route: int,
        request_id: str,
        certificate: bool,
        operator: bool = False,
        drill: str = "",
    ) -> None:
        self.kind = kind
        self.method = method
        self.scheme = scheme
        self.host = host
        self.path = path
        self.raw_path = raw_path
        self.path_fault = path_fault
        self.query = query
        self.headers = headers
        self.duplicates = duplicates
        self.header_count = header_count
        self.header_bytes = header_bytes
        self.client = client
        self.route = route
        self.named = request_id
        self.series = ""
        self.number = 0
        self.certificate = certificate
        self.operator = operator
        self.drill = drill

    @property
    def request_id(self) -> str:
        """Unique among processes and their starts, and safe to show. Made when it is asked for: few requests need it.

        The number is scattered, so that an id does not tell how busy the service is.
        """
        if not self.named:
            number = self.number
            self.named = f"{self.series}{(number >> 8) * _SCATTER & 0xFFFFFF:06x}{number * _STEP & 0xFF:02x}"
        return self.named

    def values(self, name: bytes) -> tuple[bytes, ...]:
        """All values of the header `name`, in order; empty when it is absent."""
        repeated = self.duplicates.get(name)
        if repeated is not None:
            return repeated
        value = self.headers.get(name)
        return () if value is None else (value,)
