"""Which bans must not be: those that would shut out the site itself.

Threat: a ban as a weapon. Whoever can cause bans (or mistypes one) bans a proxy and so everybody behind it, the whole
internet, or the machine's own health probes. So trusted proxies and what the allow-list holds can never be banned;
loopback and very wide networks only by somebody who insists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Final

from .address import parse_proxies
from .bans import Network, Target, TargetKind, parse_target
from .errors import OperatorError
from .exchange import Principal
from .facts import Client

_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_WIDE: Final = {4: 8, 6: 16}
"""Networks with fewer bits than this cover more than a 256th of IPv4, or more than IPv6's largest holders have."""


class BanRefused(OperatorError):
    """A ban that must not be. `target` is what it would have hit."""

    def __init__(self, target: Target, why: str, remedy: str) -> None:
        super().__init__(f"{target} is not banned: {why}.", remedy=remedy, reference="docs/layers/bans.md")
        self.target = target


class ProxyBanRefused(BanRefused):
    """A trusted proxy can't be banned: everybody behind it would be."""

    def __init__(self, target: Target, proxy: str) -> None:
        remedy = "Ban the client's own address, which the proxy tells in its forwarding header."
        super().__init__(target, f"the trusted proxy {proxy} is in it", remedy)
        self.proxy = proxy


class AllowedBanRefused(BanRefused):
    """The allow-list holds the target."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, "bans.allow holds it", "Take it out of bans.allow first.")


class WideBanRefused(BanRefused):
    """The target holds loopback, or so much of the internet that it is probably a mistake."""

    def __init__(self, target: Target, why: str) -> None:
        super().__init__(target, why, "If that is meant, say so: --force (force=True).")


class AllowList:
    """Who is never banned: networks and identities of `bans.allow`. Raises `BadTarget` for what it can't read."""

    __slots__ = ("_identities", "_networks")

    def __init__(self, entries: Iterable[str], ipv6_prefix: int = 64) -> None:
        targets = [parse_target(entry, ipv6_prefix) for entry in entries]
        self._networks = tuple(target.network for target in targets if target.network is not None)
        self._identities = frozenset((target.kind, target.name) for target in targets if target.network is None)

    def client(self, client: Client) -> bool:
        """Whether this client is never banned."""
        address = client.address
        return address is not None and any(address in network for network in self._networks)

    def principal(self, principal: Principal) -> bool:
        """Whether this principal is never banned."""
        return (TargetKind.PRINCIPAL, principal.id) in self._identities

    def holds(self, target: Target) -> bool:
        """Whether all of `target` is on the list."""
        if target.network is None:
            return (target.kind, target.name) in self._identities
        return any(_within(target.network, network) for network in self._networks)


class BanRules:
    """`check(target)` raises `BanRefused`. `proxies` and `allow` are those of the policy."""

    def __init__(self, proxies: Sequence[str], allow: AllowList) -> None:
        self._proxies = parse_proxies(proxies)[0]
        self._allow = allow

    def check(self, target: Target, *, force: bool = False) -> None:
        """Raises `ProxyBanRefused`, `AllowedBanRefused`, and without `force` `WideBanRefused`."""
        if self._allow.holds(target):
            raise AllowedBanRefused(target)
        network = target.network
        if network is None:
            return
        for proxy in self._proxies:
            if network.version == proxy.version and network.overlaps(proxy):
                raise ProxyBanRefused(target, str(proxy))
        if force:
            return
        if any(network.version == own.version and network.overlaps(own) for own in _LOOPBACK):
            raise WideBanRefused(target, "this machine's own loopback address is in it")
        if network.prefixlen < _WIDE[network.version]:
            raise WideBanRefused(target, "it is a large part of the internet")


def _within(inner: Network, outer: Network) -> bool:
    if inner.version != outer.version:
        return False
    return inner.prefixlen >= outer.prefixlen and inner.network_address in outer
