"""A ban: who may not come in, until when, why, and who said so.

A target is written as people write it: `203.0.113.7`, `203.0.113.0/24`, `2001:db8:1:2::/64`, `principal:alice`,
`api-key:k3xq7`, `session:9f0c…` (the handle of a session list, never its id). One address of IPv6 stands for its
/64, since whoever has one address there has them all; write `/128` for that address alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from .address import parse_peer
from .errors import OperatorError

if TYPE_CHECKING:
    from .ban_table import BanTable

Network: TypeAlias = IPv4Network | IPv6Network

MAX_NAME: Final = 200
"""Characters of a principal, API key or session handle."""
_MAPPED: Final = IPv6Network("::ffff:0:0/96")


class TargetKind(StrEnum):
    """What is banned. The three with a name are identities; they are met once the principal is known."""

    NETWORK = "network"
    PRINCIPAL = "principal"
    API_KEY = "api-key"
    SESSION = "session"


IDENTITIES: Final = tuple(kind for kind in TargetKind if kind is not TargetKind.NETWORK)


class BadTarget(OperatorError):
    """`text` names nobody who could be banned."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(
            f"{text[:MAX_NAME]!r} can't be banned: {why}.",
            remedy="Write an address, a network like 203.0.113.0/24, or principal:ID, api-key:ID, session:HANDLE.",
            reference="docs/layers/bans.md",
        )


@dataclass(frozen=True, slots=True)
class Target:
    """Who is banned. `network` is set for the kind `network` and for no other; `name` is the identity, else empty.

    `id` names a ban of this target: one target has at most one ban. `text` is the target as it is written.
    """

    kind: TargetKind
    name: str = ""
    network: Network | None = None
    text: str = field(init=False, compare=False)
    id: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Worked out once: a flood of refusals tells both each time.
        object.__setattr__(self, "text", self._text())
        digest = hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=6)
        object.__setattr__(self, "id", f"b{digest.hexdigest()}")

    def __str__(self) -> str:
        return self.text

    def _text(self) -> str:
        if self.network is None:
            return f"{self.kind}:{self.name}"
        alone = self.network.version == 4 and self.network.prefixlen == 32
        return str(self.network.network_address if alone else self.network)


@dataclass(frozen=True, slots=True)
class Ban:
    """One ban. `since` and `until` are wall time in seconds; `until` None holds until it is lifted.

    `by` says who or what set it ("cli:alice", "detection:credential-stuffing"), `batch` names the import it came with.
    """

    target: Target
    since: float
    until: float | None = None
    reason: str = ""
    by: str = ""
    batch: str = ""

    @property
    def id(self) -> str:
        return self.target.id

    def outlasts(self, other: Ban) -> bool:
        """Whether this one ends later than `other`."""
        return other.until is not None and (self.until is None or self.until > other.until)


class BanBook(Protocol):
    """The bans in force, as this process knows them, and the ways to change them for all.

    `table` is what requests are judged by; it is replaced, never changed. `due` is the monotonic time from which
    `renew` is to be asked: it begins to bring the table up to date and returns at once, or, where the table is so old
    that nobody may be judged by it, returns what to wait for. Neither raises: while the store is away the table stays.

    `add` and `lift` raise `DependencyError` when the store did not take the change, and `OperatorError` for a ban that
    must not be. `add` never shortens a ban: it returns the one in force. `lift` takes a ban's id, a batch, or a target
    as it is written, and returns what it lifted.
    """

    table: BanTable
    due: float

    def renew(self) -> Awaitable[None] | None: ...

    async def add(
        self, target: Target, *, reason: str, by: str, seconds: float | None = None, force: bool = False
    ) -> Ban: ...

    async def lift(self, what: str, *, by: str) -> Sequence[Ban]: ...


def parse_target(text: str, ipv6_prefix: int = 64) -> Target:
    """The target that `text` names; one IPv6 address is its network of `ipv6_prefix` bits. Raises `BadTarget`."""
    kind, mark, name = text.strip().partition(":")
    if mark and kind in IDENTITIES:
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise BadTarget(text, f"the name is empty, unprintable or longer than {MAX_NAME} characters")
        return Target(TargetKind(kind), name)
    return Target(TargetKind.NETWORK, network=_network(text.strip(), ipv6_prefix))


def network_of(address: IPv4Address | IPv6Address, ipv6_prefix: int = 64) -> Network:
    """What is banned with `address`: itself, or its IPv6 network."""
    prefix = 32 if isinstance(address, IPv4Address) else ipv6_prefix
    return ip_network(f"{address}/{prefix}", strict=False)


def session_handle(key: str) -> str:
    """A name for the session stored under `key`: it can be shown, and tells nothing about the key."""
    data = key.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=9, person=b"garrison.session").hexdigest()


def _network(text: str, ipv6_prefix: int) -> Network:
    if "/" not in text:
        address = parse_peer(text)
        if address is None or "%" in text:
            raise BadTarget(text, "it is no address, no network and no identity")
        return network_of(address, ipv6_prefix)
    try:
        network = ip_network(text, strict=True)
    except ValueError as error:
        why = "the address has bits outside its network" if "host bits" in str(error) else "it is no network"
        raise BadTarget(text, why) from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        inner = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        return ip_network(f"{inner}/{network.prefixlen - 96}")
    return network
