"""How many connections each client has, from before its TLS handshake until the last byte.

Threat: one machine that opens every connection the process can hold. Assumption: a trusted proxy bounds its own
clients. Lets pass: many machines at once; the number of file descriptors bounds those.
"""

from __future__ import annotations

from ..core.address import ClientFinder, client_key, parse_peer


class Clients:
    """Counts connections by client: the address, for IPv6 its network. Trusted proxies are not counted."""

    __slots__ = ("_counts", "_finder", "_most", "_prefix", "refused")

    def __init__(self, most: int, finder: ClientFinder, ipv6_prefix: int) -> None:
        self._most = most
        self._finder = finder
        self._prefix = ipv6_prefix
        self._counts: dict[str, int] = {}
        self.refused = 0

    def take(self, peer: str | None) -> str | None:
        """The key to give back later ("" for who is not counted), or None when this client has enough."""
        if peer is None or self._finder.trusts(peer):
            return ""
        address = parse_peer(peer)
        key = client_key(address, self._prefix) if address is not None else peer
        held = self._counts.get(key, 0)
        if held >= self._most:
            self.refused += 1
            return None
        self._counts[key] = held + 1
        return key

    def give(self, key: str) -> None:
        """A connection taken under `key` has ended."""
        held = self._counts.get(key, 0)
        if held > 1:
            self._counts[key] = held - 1
        else:
            self._counts.pop(key, None)

    def held(self, key: str) -> int:
        return self._counts.get(key, 0)
