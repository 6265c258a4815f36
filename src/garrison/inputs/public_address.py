"""Which addresses are of the public internet: what inputs may name, and outgoing requests connect to. Pure.

Threat: an address that leads inside under another form: IPv4 within IPv6 (mapped, compatible, 6to4, NAT64, Teredo),
metadata services (169.254.169.254, fd00:ec2::254, 168.63.129.16), carrier-grade NAT. Lets pass: an inside host that has
a public address; only its own firewall knows.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_SPECIAL: Final = tuple(
    ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "2002::/16", "2001::/32", "192.88.99.0/24", "192.0.0.0/24",
                 "3fff::/20", "168.63.129.16/32")
)  # fmt: skip
"""Ways to IPv4 addresses behind a translator or tunnel; blocks that older Pythons take for public; and Azure's host,
which has a public address and answers with a machine's configuration."""


def is_public(address: Address) -> bool:
    """Whether the address is reachable from everywhere and is not a way to one that is not (RFC 6890)."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.is_site_local:
            return False
    if any(address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified
