"""The bans in force, compiled so that a request is judged by a look-up or two.

Clients are looked up by their key, then by a search among the networks. A ban that has run out is passed over; it
leaves with the next table. Every table holds one ban that no client can meet: the self-test's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from typing import Final, TypeAlias

from .address import client_key
from .bans import Ban, Network, Target, TargetKind
from .exchange import Principal
from .facts import Address, Client

SELFTEST_KEY: Final = "\0selftest"
"""A client's key that comes from no address and no server."""
_SELFTEST: Final = Ban(Target(TargetKind.PRINCIPAL, "selftest"), 0.0, reason="self-test")

_Segments: TypeAlias = tuple[list[int], list[tuple[Ban, ...]]]


class Networks:
    """Is an address in one of these networks, and what stands there?

    The networks, which are nested or apart, are cut into segments; a search among their beginnings finds the one an
    address lies in, and the networks it belongs to, smallest first. Dictionaries of masked integers would be slower
    with many prefix lengths, and integers with zeros at their ends collide there.
    """

    __slots__ = ("_v4", "_v6")

    def __init__(self, entries: Iterable[tuple[Network, Ban]]) -> None:
        sides: dict[int, list[tuple[Network, Ban]]] = {4: [], 6: []}
        for entry in entries:
            sides[entry[0].version].append(entry)
        self._v4 = _segments(sides[4])
        self._v6 = _segments(sides[6])

    def find(self, address: Address, holds: Callable[[Ban], bool]) -> Ban | None:
        """The ban of the smallest network around `address` that `holds`."""
        starts, bans = self._v4 if isinstance(address, IPv4Address) else self._v6
        for ban in bans[bisect_right(starts, int(address)) - 1]:
            if holds(ban):
                return ban
        return None


def _segments(entries: list[tuple[Network, Ban]]) -> _Segments:
    """Beginnings in ascending order, and the bans that hold from each on. The last holds none: so does what is before
    the first, which a search finds as number -1."""
    starts: list[int] = []
    bans: list[tuple[Ban, ...]] = []
    open_: list[tuple[int, Ban]] = []  # the networks around this place, widest first, with their ends

    def cut(at: int) -> None:
        here = tuple(ban for _, ban in reversed(open_))
        if starts and starts[-1] == at:
            bans[-1] = here
        else:
            starts.append(at)
            bans.append(here)

    def close_before(at: int | None) -> None:
        while open_ and (at is None or open_[-1][0] < at):
            end, _ = open_.pop()
            cut(end + 1)

    for network, ban in sorted(entries, key=lambda entry: (int(entry[0].network_address), entry[0].prefixlen)):
        close_before(int(network.network_address))
        open_.append((int(network.broadcast_address), ban))
        cut(int(network.network_address))
    close_before(None)
    return starts, bans or [()]


class BanTable:
    """See the module. `clients` tells whether any address or network is banned, `identities` whether any principal,
    API key or session is.

    bans         what is in force; of one target the last
    now          wall time
    ipv6_prefix  bits of an IPv6 client's key
    """

    __slots__ = ("_apart", "_exact", "_names", "_networks", "_now", "bans", "clients", "identities", "sessions")

    def __init__(self, bans: Iterable[Ban], now: Callable[[], float], ipv6_prefix: int = 64) -> None:
        self.bans: Mapping[str, Ban] = {ban.id: ban for ban in bans}
        self._now = now
        self._exact: dict[str, Ban] = {SELFTEST_KEY: _SELFTEST}
        self._names: dict[tuple[TargetKind, str], Ban] = {}
        apart = []
        for ban in self.bans.values():
            network = ban.target.network
            if network is None:
                self._names[ban.target.kind, ban.target.name] = ban
            elif network.prefixlen == (32 if network.version == 4 else ipv6_prefix):
                self._exact[client_key(network.network_address, ipv6_prefix)] = ban
            else:
                apart.append((network, ban))
        self._apart = bool(apart)
        self.clients = self._apart or len(self._exact) > 1  # the self-test's is always there
        self._networks = Networks(apart)
        self.identities = bool(self._names)
        self.sessions = any(kind is TargetKind.SESSION for kind, _ in self._names)

    def __len__(self) -> int:
        return len(self.bans)

    def client(self, client: Client) -> Ban | None:
        """The ban that `client` is under. One without a key is nobody's, and under none."""
        ban = self._exact.get(client.key)
        if ban is None:
            if not self._apart:
                return None
        elif self.holds(ban):
            return ban
        address = client.address
        if address is not None and client.key:
            return self._networks.find(address, self.holds)
        return None

    def principal(self, principal: Principal) -> Ban | None:
        """The ban that a principal or its API key is under."""
        ban = self._names.get((TargetKind.PRINCIPAL, principal.id))
        if ban is not None and self.holds(ban):
            return ban
        if principal.kind != "api-key":
            return None
        ban = self._names.get((TargetKind.API_KEY, principal.credential or principal.id))
        return ban if ban is not None and self.holds(ban) else None

    def session(self, handle: str) -> Ban | None:
        """The ban that the session called `handle` is under."""
        ban = self._names.get((TargetKind.SESSION, handle))
        return ban if ban is not None and self.holds(ban) else None

    def holds(self, ban: Ban) -> bool:
        """Whether `ban` has not run out."""
        return ban.until is None or ban.until > self._now()
