"""What an outgoing request may ask for: the rule, and the pure decisions over it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Final

from ..core.errors import GarrisonError, OperatorError
from .public_address import Address, is_public

if TYPE_CHECKING:
    import httpx

PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_TRAVELS: Final = frozenset({"accept", "accept-language", "user-agent"})
"""Headers of the caller that may follow a redirect to another origin; whatever else is there may be a credential."""


class Why(StrEnum):
    """Why a request was not made, or its answer not taken."""

    SCHEME = "scheme"
    HOST = "host"
    PORT = "port"
    USER = "user"
    UNRESOLVED = "unresolved"
    ADDRESS = "address"
    DOWNGRADE = "downgrade"
    REDIRECT = "redirect"
    ENCODING = "encoding"
    TYPE = "type"
    SIZE = "size"
    TIME = "time"


class FetchRefused(GarrisonError):
    """The rule forbids the address or the answer. `why` is for logs; told to clients it would map the network."""

    def __init__(self, why: Why) -> None:
        super().__init__(f"An outgoing request was refused ({why.value}).")
        self.why = why


@dataclass(frozen=True, slots=True)
class FetchRule:
    """What may be asked, and how much of an answer is read.

    schemes                  of every address, redirects included
    ports                    likewise; None: the scheme's own, empty: any
    hosts                    names that may be asked, exact or `*.example.com`; empty: every public host
    types                    media types an answer may have, without parameters; empty: any
    most                     bytes of a body; a longer one is refused, or cut there with `cut`
    seconds                  for the whole of it: names, redirects and body
    redirects                followed, each checked like a first address; 0: the answer 3xx is returned as it is
    allow_insecure_networks  networks that are no public ones and may be asked: a service of your own

    Raises `OperatorError` for what is no network or has no bound.
    """

    schemes: Sequence[str] = ("https", "http")
    hosts: Sequence[str] = ()
    ports: Sequence[int] | None = None
    types: Sequence[str] = ()
    most: int = 1024**2
    cut: bool = False
    seconds: float = 5.0
    redirects: int = 3
    allow_insecure_networks: Sequence[str] = ()
    _inside: tuple[IPv4Network | IPv6Network, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        if unknown := set(self.schemes) - set(PORTS):
            raise OperatorError(f"No scheme to fetch: {sorted(unknown)}.", remedy='Use "https" or "http".')
        if not (self.most > 0 and 0 < self.seconds < float("inf") and 0 <= self.redirects <= 20):
            raise OperatorError("A FetchRule has no bound.", remedy="Give most and seconds above 0, redirects to 20.")
        try:
            inside = tuple(ip_network(text) for text in self.allow_insecure_networks)
        except ValueError as error:
            raise OperatorError(f"No network: {error}.", remedy='Write it like "10.1.0.0/16".') from None
        object.__setattr__(self, "_inside", inside)


def check_url(url: httpx.URL, rule: FetchRule) -> int:
    """The port to connect to. Raises `FetchRefused`."""
    if url.scheme not in rule.schemes:
        raise FetchRefused(Why.SCHEME)
    host = url.raw_host.decode("ascii").lower()
    if not _HOST.fullmatch(host) or (rule.hosts and not any(_fits(host, one) for one in rule.hosts)):
        raise FetchRefused(Why.HOST)
    if url.userinfo:
        raise FetchRefused(Why.USER)
    port = PORTS[url.scheme] if url.port is None else url.port
    allowed = (PORTS[url.scheme],) if rule.ports is None else rule.ports
    if allowed and port not in allowed:
        raise FetchRefused(Why.PORT)
    return port


def _fits(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:].lower()) if pattern.startswith("*.") else host == pattern.lower()


def check_addresses(found: Sequence[Address], rule: FetchRule) -> Address:
    """The first address, if all are permitted: a name that leads inside by half is not to be trusted."""
    if not found:
        raise FetchRefused(Why.UNRESOLVED)
    for address in found:
        if not is_public(address) and not any(address in network for network in rule._inside):
            raise FetchRefused(Why.ADDRESS)
    return found[0]


def check_answer(headers: Mapping[str, str], rule: FetchRule) -> str:
    """The media type of the answer. Raises `FetchRefused` for another one, and for a body that would be unpacked."""
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise FetchRefused(Why.ENCODING)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if rule.types and kind not in rule.types:
        raise FetchRefused(Why.TYPE)
    return kind


def next_headers(headers: Mapping[str, str], before: httpx.URL, after: httpx.URL) -> dict[str, str]:
    """The caller's headers for a redirect from `before` to `after`. Raises `FetchRefused` where TLS would be lost."""
    if before.scheme == "https" and after.scheme == "http":
        raise FetchRefused(Why.DOWNGRADE)
    same = (before.scheme, before.raw_host, before.port) == (after.scheme, after.raw_host, after.port)
    return {name: value for name, value in headers.items() if same or name.lower() in _TRAVELS}
