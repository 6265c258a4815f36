"""Who is at the other end: the client's address, found behind trusted proxies and nowhere else.

Threat: a client that writes its own `X-Forwarded-For` and so chooses the address that limits, bans and logs see
(CWE-290, CWE-348); a chain that is misread, so that the proxy itself is charged and everybody behind it is shut out.
So the header is read only when the socket's peer is a configured proxy, from the right: each proxy appends the address
it saw, hence the first untrusted one is the last that a trusted proxy vouches for. What stands left of it was written
by the client and is never looked at. (RFC 7239 section 8.1; OWASP ASVS 5.0 V4.)

Assumes that every configured proxy appends to (or replaces) the header. Lets pass: junk in the untrusted part of an
X-Forwarded-For. In a `Forwarded` line, whose quoted strings cannot be read backwards, such junk makes the line
unusable: the client is refused, never mistaken for another. A request that trusted machines alone took part in has the
leftmost of them as address and no key: nobody is charged for it.

A peer that is no IP address (test clients say "testclient") is its own key: the text comes from the server, not from
the client. A peer that is None (a Unix socket) is nobody unless "unix" is among the proxies: a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from .errors import OperatorError
from .facts import Address, Client
from .forwarded import MalformedForwarded, forwarded_scheme, parse_forwarded
from .memo import remember

__all__ = [
    "MALFORMED",
    "MAX_BYTES",
    "MAX_HOPS",
    "MISSING",
    "TOO_LONG",
    "UNKNOWN_PEER",
    "ClientFinder",
    "client_key",
    "compile_client",
    "forwarded_scheme",
    "parse_address",
    "parse_peer",
    "parse_proxies",
]

MALFORMED: Final = "chain-malformed"
MISSING: Final = "chain-missing"
TOO_LONG: Final = "chain-too-long"
UNKNOWN_PEER: Final = "peer-unknown"

MAX_HOPS: Final = 32
"""Trusted proxies that may stand between a client and us."""
MAX_BYTES: Final = 8192
"""Length of all the forwarding lines together; a client that sends more is refused."""
_CACHE: Final = 4096
_CACHED_BYTES: Final = 128

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_V4_PORT: Final = re.compile(r"([0-9.]{7,15})(?::[0-9]{1,5})?").fullmatch
_V6_PORT: Final = re.compile(r"\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]{1,44})\](?::[0-9]{1,5})?").fullmatch


class BadProxy(OperatorError, ValueError):
    """`proxies` has an entry that is no network, or that trusts everybody. `fault` says which, and what to write."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"In `proxies`: {fault}.", remedy="List your proxies' networks, or 'unix'.")
        self.fault = fault


def parse_address(text: str) -> Address | None:
    """An IP address, with or without a port (`192.0.2.1:80`, `[2001:db8::1]:80`), out of its IPv4-mapped form.

    None for anything else: names, obfuscated identifiers, zone identifiers. Never raises.
    """
    bare = text.strip(" \t")
    if (match := _V4_PORT(bare) or _V6_PORT(bare)) is not None:
        bare = match[1]
    if "%" in bare:
        return None
    try:
        return _unmapped(ip_address(bare))
    except ValueError:
        return None


def _unmapped(address: Address) -> Address:
    if isinstance(address, IPv6Address) and (inner := address.ipv4_mapped) is not None:
        return inner
    return address


def client_key(address: Address, ipv6_prefix: int = 64) -> str:
    """What limits and bans are keyed by: the address, for IPv6 its network of `ipv6_prefix` bits."""
    if isinstance(address, IPv4Address) or ipv6_prefix == 128:
        return str(address)
    kept = int(address) >> (128 - ipv6_prefix) << (128 - ipv6_prefix)
    return f"{IPv6Address(kept)}/{ipv6_prefix}"


def parse_proxies(proxies: Sequence[str]) -> tuple[tuple[IPv4Network | IPv6Network, ...], bool]:
    """The networks of `proxies`, and whether "unix" is among them. Raises `BadProxy`."""
    networks = [_network(text) for text in proxies if text != "unix"]
    return tuple(networks), "unix" in proxies


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise BadProxy(f"the proxy {text!r} is no network; write it like '10.0.0.0/8' or '192.0.2.7'") from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        inner = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        return _network(f"{inner}/{network.prefixlen - 96}")
    if network.prefixlen == 0:
        raise BadProxy(f"the proxy {text!r} trusts everybody, so every client could choose its own address")
    if "/" in text and str(network.network_address) != str(ip_address(text.partition("/")[0])):
        raise BadProxy(f"the proxy {text!r} has bits outside its network; write {str(network)!r}")
    return network


_Asked: TypeAlias = str | tuple[str | None, tuple[bytes, ...]] | None


class ClientFinder:
    """`finder(peer, values) -> Client`; see the module and `compile_client`. Never raises."""

    __slots__ = ("_allow_direct", "_cache", "_forwarded", "_networks", "_prefix", "_unix", "known")

    def __init__(self, proxies: Sequence[str], *, forwarded: bool, ipv6_prefix: int, allow_direct: bool) -> None:
        self._networks, self._unix = parse_proxies(proxies)
        self._forwarded = forwarded
        self._prefix = ipv6_prefix
        self._allow_direct = allow_direct
        self._cache: dict[_Asked, Client] = {}
        self.known = self._cache.get
        """The client if it was asked for before: `known(peer)`, or `known((peer, values))` where there are values."""

    def __call__(self, peer: str | None, values: tuple[bytes, ...]) -> Client:
        """The client behind the socket's `peer`, with all `values` of the forwarding header in order."""
        asked = (peer, values) if values else peer
        found = self._cache.get(asked)
        if found is not None:
            return found
        client = self._find(peer, values)
        if sum(map(len, values)) <= _CACHED_BYTES and len(values) <= 2:
            remember(self._cache, asked, client, _CACHE)
        return client

    def trusts(self, peer: str | None) -> bool:
        """Whether the socket's peer is a configured proxy, whose headers may be believed."""
        if peer is None:
            return self._unix
        address = parse_peer(peer)
        return address is not None and self._trusted(address)

    def _trusted(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def _find(self, peer: str | None, values: tuple[bytes, ...]) -> Client:
        address = parse_peer(peer) if peer is not None else None
        if not self.trusts(peer):
            if peer is None:
                return Client(None, "", UNKNOWN_PEER)
            return Client(address, client_key(address, self._prefix) if address is not None else peer)
        if not values:
            return Client(address, "") if self._allow_direct else Client(None, "", MISSING)
        if sum(map(len, values)) > MAX_BYTES:
            return Client(None, "", TOO_LONG, proxied=True)
        return self._behind(values)

    def _behind(self, values: tuple[bytes, ...]) -> Client:
        address: Address | None = None
        try:
            for hops, node in enumerate(_nodes(values, forwarded=self._forwarded), 1):
                address = parse_address(node)
                if address is None:
                    return Client(None, "", MALFORMED, proxied=True)
                if not self._trusted(address):
                    return Client(address, client_key(address, self._prefix), proxied=True)
                if hops >= MAX_HOPS:
                    return Client(None, "", TOO_LONG, proxied=True)
        except MalformedForwarded:
            return Client(None, "", MALFORMED, proxied=True)
        return Client(address, "", proxied=True)


def parse_peer(text: str) -> Address | None:
    """The address of a socket's peer as the server gives it; None when it is no IP address."""
    bare = text.partition("%")[0]
    try:
        # Not `ip_address`, which tries IPv4 on every IPv6 address and catches what that raises.
        return _unmapped(IPv6Address(bare)) if ":" in bare else IPv4Address(bare)
    except ValueError:
        return None


def compile_client(proxies: Sequence[str], header: str, ipv6_prefix: int, allow_direct: bool = False) -> ClientFinder:
    """Prepare finding clients behind `proxies` (networks, or "unix").

    `header` is "x-forwarded-for" or "forwarded"; `allow_direct` accepts a proxy's own requests without that header.
    A `Client` with a fault has no key: nobody is charged for it. Raises ValueError for a malformed setting.
    """
    if header not in {"x-forwarded-for", "forwarded"}:
        raise ValueError(f"the forwarding header {header!r} is unknown; use 'x-forwarded-for' or 'forwarded'")
    if not 1 <= ipv6_prefix <= 128:
        raise ValueError("the prefix of an IPv6 key is between 1 and 128 bits")
    return ClientFinder(proxies, forwarded=header == "forwarded", ipv6_prefix=ipv6_prefix, allow_direct=allow_direct)


def _nodes(values: tuple[bytes, ...], *, forwarded: bool) -> Iterator[str]:
    """The addresses of the chain as written, from the right. Lines are taken one by one, so that a broken line is
    never reached when a later one has the answer."""
    for line in reversed(values):
        text = line.decode("latin-1")
        if forwarded:
            for element in reversed(parse_forwarded(text)):
                yield element.get("for", "")
        else:
            yield from _backwards(text)


def _backwards(text: str) -> Iterator[str]:
    mark = ","
    while mark:
        text, mark, node = text.rpartition(",")
        yield node
