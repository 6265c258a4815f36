"""Build `Facts` from an ASGI scope: the one place where a request is parsed.

Servers differ in what they leave out (`raw_path`, `client` over a Unix socket), so nothing is taken for granted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final
from urllib.parse import quote

from ..core.address import compile_client, forwarded_scheme
from ..core.drill import HEADER as DRILL
from ..core.drill import FindDrill
from ..core.facts import NO_DUPLICATES, Facts, Host
from ..core.host import parse_host
from ..core.listeners import parse_listeners
from ..core.memo import remember
from ..core.names import METHODS
from ..core.path import RouteTable, normalise
from ..policy.model import Policy, RouteClass
from .pools import RequestIds
from .types import Scope

_HOST_CACHE = 512
_PLACE_CACHE = 1024
_PLACE_BYTES = 128
_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_blank: Final = object.__new__
_SECURE = {"http": "https", "ws": "wss"}


class ReadFacts:
    """`read(scope) -> Facts` for one policy. Bounded work: one pass over the headers, caches of fixed size.

    `drill` finds the mark of a drill; without it, none is believed.
    """

    def __init__(self, policy: Policy, routes: Sequence[RouteClass], drill: FindDrill | None = None) -> None:
        self._drill = drill
        section = policy.client
        self._client = compile_client(
            policy.proxies,
            section.header,
            section.ipv6_prefix,
            allow_direct=section.allow_insecure_direct_proxy,
        )
        self._known = self._client.known
        self._forwarded = section.header.encode("ascii")
        self._proto = b"forwarded" if section.header == "forwarded" else b"x-forwarded-proto"
        self._routes = RouteTable([(route.paths, route.methods) for route in routes])
        self._hosts: dict[bytes | None, Host] = {}
        self._places: dict[tuple[bytes, str], tuple[str, str, int]] = {}
        self._ids = RequestIds()
        self._operator = parse_listeners(policy.operator.listen)

    def __call__(self, scope: Scope) -> Facts:
        raw = scope["headers"]
        headers: dict[bytes, bytes] = dict(raw)
        count = len(raw)
        if len(headers) == count:
            duplicates = NO_DUPLICATES
            host = self._hosts.get(headers.get(b"host"))
            size = len(b"".join(headers)) + len(b"".join(headers.values()))  # cheaper than adding up lengths
        else:
            duplicates = _duplicates(raw)
            host = None
            size = len(b"".join(chain.from_iterable(raw)))
        kind = scope["type"]
        method = scope["method"] if kind == "http" else "GET"
        raw_path: Any = scope.get("raw_path")
        place = self._places.get((raw_path, method))
        if place is None:
            raw_path = _raw_path(scope)
            place = self._places.get((raw_path, method)) or self._place(raw_path, method)
        peer = scope.get("client")
        forwarded = headers.get(self._forwarded)
        address = peer[0] if peer else None
        known = self._known
        if forwarded is None:
            client = known(address) or self._client(address, ())
        else:
            values = duplicates.get(self._forwarded, (forwarded,))
            client = known((address, values)) or self._client(address, values)
        scheme = scope.get("scheme") or ("http" if kind == "http" else "ws")
        if client.proxied and (proto := headers.get(self._proto)) is not None:
            told = forwarded_scheme(duplicates.get(self._proto, (proto,)))
            if told == "https":
                scheme = _SECURE.get(scheme, scheme)
        facts = _blank(Facts)  # filled in here: passing so many on to `__init__` costs as much as reading them
        facts.kind = kind
        facts.method = method
        facts.scheme = scheme
        facts.host = host or self._host(headers, duplicates)
        facts.path, facts.path_fault, facts.route = place
        facts.raw_path = raw_path
        facts.query = scope.get("query_string", b"")
        facts.headers = headers
        facts.duplicates = duplicates
        facts.header_count = count
        facts.header_bytes = size
        facts.client = client
        ids = self._ids
        count_up = ids.next
        facts.series = ids.prefix
        facts.number = count_up()
        facts.named = ""
        facts.certificate = "extensions" in scope and _has_certificate(scope)
        facts.operator = not client.proxied and _listener(scope) in self._operator if self._operator else False
        facts.drill = self._marked(method, headers, duplicates, raw_path, scope) if DRILL in headers else ""
        return facts

    def _marked(
        self,
        method: str,
        headers: Mapping[bytes, bytes],
        duplicates: Mapping[bytes, tuple[bytes, ...]],
        raw_path: bytes,
        scope: Scope,
    ) -> str:
        """The drill that the request says it is part of, if that holds."""
        if self._drill is None or DRILL in duplicates or b"host" in duplicates:
            return ""
        return self._drill(method, headers, raw_path, scope.get("query_string", b""))

    def _host(self, headers: Mapping[bytes, bytes], duplicates: Mapping[bytes, tuple[bytes, ...]]) -> Host | None:
        """The host where it was not seen before, or can't be read."""
        value = headers.get(b"host")
        if value is None or b"host" in duplicates:
            return None
        host = parse_host(value)
        if host is not None:
            remember(self._hosts, value, host, _HOST_CACHE)
        return host

    def _place(self, raw_path: bytes, method: str) -> tuple[str, str, int]:
        """Path, fault and route class. Kept for plain short paths: an application is asked for few of them often."""
        path, fault = normalise(raw_path)
        if fault:
            return path, fault, 0
        place = path, fault, self._routes.find(path, method)
        if len(raw_path) <= _PLACE_BYTES and method in METHODS:
            remember(self._places, (raw_path, method), place, _PLACE_CACHE)
        return place


def _raw_path(scope: Scope) -> bytes:
    raw = scope.get("raw_path")
    if raw is None:
        return quote(scope["path"], safe=_PATH_SAFE, errors="surrogateescape").encode("ascii")
    path: bytes = raw
    return path if b"?" not in path else path[: path.index(b"?")]


def _duplicates(raw: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, tuple[bytes, ...]]:
    grouped: dict[bytes, list[bytes]] = {}
    for name, value in raw:
        grouped.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in grouped.items() if len(values) > 1}


def _listener(scope: Scope) -> tuple[str, int | None] | None:
    """The socket a request came in by, as the server says: nothing the client sent goes into it."""
    server = scope.get("server")
    return (str(server[0]), server[1]) if server else None


def _has_certificate(scope: Scope) -> bool:
    extensions = scope.get("extensions")
    if not extensions:
        return False
    tls = extensions.get("tls")
    return bool(tls and tls.get("client_cert_chain"))
