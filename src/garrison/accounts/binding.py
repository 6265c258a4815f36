"""What a session is usually used from: a kind of browser and a network. A change is an event, never a log-out.

Threat: a stolen session cookie is used elsewhere. Its thief's browser or network usually differs, and whoever watches
the events (or the owner, on the page of sessions) can end it. Ending it automatically would log out people whose phone
changes from Wi-Fi to mobile, and would not stop a thief who copies the User-Agent.

A browser is told by its kind and system ("Firefox on Linux"), not by its version, which changes with every update; a
network by its /24, or /48 for IPv6. Lets pass: a thief with the same kind of browser in the same network.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final, NamedTuple, TypeVar

from ..core.facts import Client, Facts

_PROGRAMS: Final = (
    (b"Edg", "Edge"), (b"OPR/", "Opera"), (b"SamsungBrowser/", "Samsung Internet"), (b"Vivaldi/", "Vivaldi"),
    (b"Firefox/", "Firefox"), (b"FxiOS/", "Firefox"), (b"CriOS/", "Chrome"), (b"Chrome/", "Chrome"),
    (b"Safari/", "Safari"), (b"curl/", "curl"), (b"python", "a Python program"), (b"okhttp", "an Android program"),
)  # fmt: skip
_SYSTEMS: Final = (
    (b"Windows", "Windows"), (b"Android", "Android"), (b"iPhone", "iOS"), (b"iPad", "iPadOS"), (b"CrOS", "ChromeOS"),
    (b"Mac OS X", "macOS"), (b"Linux", "Linux"),
)  # fmt: skip
_CACHED: Final = 2000
_Key = TypeVar("_Key", bytes, str)


class Binding(NamedTuple):
    """Where a request comes from, as coarsely as a person would tell it."""

    agent: str
    network: str


class Bindings:
    """`of(facts)`, with the last few thousand browsers and clients remembered."""

    def __init__(self) -> None:
        self._agents: dict[bytes, str] = {}
        self._networks: dict[str, str] = {}

    def of(self, facts: Facts) -> Binding:
        """The binding of a request; parts that can't be told are empty."""
        raw = facts.headers.get(b"user-agent", b"")
        agent = self._agents.get(raw)
        if agent is None:
            agent = _remember(self._agents, raw, agent_family(raw))
        network = self._networks.get(facts.client.key)
        if network is None:
            network = _remember(self._networks, facts.client.key, network_of(facts.client))
        return Binding(agent, network)


def agent_family(raw: bytes) -> str:
    """The kind of browser and its system: "Firefox on Linux". Never a part of what was sent."""
    program = next((name for sign, name in _PROGRAMS if sign in raw), "another program" if raw else "")
    system = next((name for sign, name in _SYSTEMS if sign in raw), "")
    return f"{program} on {system}" if program and system else program


def network_of(client: Client) -> str:
    """The client's network: "203.0.113.0/24", "2001:db8:1::/48"; empty for a client that nobody can name."""
    address = client.address
    if address is None:
        return ""
    keep, width = (24, 32) if isinstance(address, IPv4Address) else (48, 128)
    kept = int(address) >> (width - keep) << (width - keep)
    return f"{type(address)(kept)}/{keep}"


def _remember(cache: dict[_Key, str], key: _Key, value: str) -> str:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = value
    return value
