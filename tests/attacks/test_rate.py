"""Attacks on the rate limits, each with the control that shows what it gains without the defence."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from garrison.asgi.facts import ReadFacts
from garrison.core.exchange import Exchange
from garrison.core.ports import Quota, Services
from garrison.core.stack import Stack
from garrison.core.verdict import Refuse
from garrison.layers import rate
from garrison.policy import Policy
from garrison.stores import MemoryCounters
from tests.contracts.hands import Hands

LIMIT = 20
Line = tuple[bytes, bytes]
XFF = b"x-forwarded-for"
TOLD = (XFF, b"198.51.100.7")
"""What the trusted proxy adds."""
WRITTEN: dict[str, Callable[[int], list[Line]]] = {
    "the left part": lambda number: [(XFF, b"10.0.0.%d, 198.51.100.7" % number)],
    "a line of its own": lambda number: [(XFF, b"10.0.0.%d" % number), TOLD],
    "a name with underscores": lambda number: [(b"x_forwarded_for", b"10.0.0.%d" % number), TOLD],
    "a name with one underscore": lambda number: [(b"x-forwarded_for", b"10.0.0.%d" % number), TOLD],
}
"""What a client behind the proxy writes, another address each time, and what the proxy makes of it."""


class Server:
    """Real parsing of a scope and the real layer; `defended=False` is the control."""

    def __init__(self, *, defended: bool = True, **policy: Any) -> None:
        hands = Hands()
        self.services = Services(clock=hands.clock, counters=MemoryCounters(hands.clock, max_keys=100_000))
        chosen = Policy(hosts=("example.com",), rate={"address": [f"{LIMIT}/minute"]}, **policy)
        self.read = ReadFacts(chosen, chosen.routes)
        self.stack = Stack.build([rate.compile(chosen, self.services)] if defended else [])

    def get(self, path: str = "/", peer: str = "203.0.113.9", lines: Sequence[Line] = (), **headers: str) -> bool:
        """Whether the request reaches the application. `lines` are header lines as they come."""
        lines = [(b"host", b"example.com"), *lines]
        lines += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        facts = self.read(
            {"type": "http", "method": "GET", "scheme": "https", "path": path, "raw_path": path.encode(),
             "query_string": b"", "headers": lines, "client": (peer, 50_000)}
        )  # fmt: skip
        exchange = Exchange(facts, self.services)
        tolls = [toll for _, _, _, toll in self.stack.gate if toll is not None]
        return not any(isinstance(toll(facts, exchange), Refuse) for toll in tolls)


@pytest.mark.parametrize(("defended", "reached"), [(True, LIMIT), (False, 1000)])
def test_a_flood_from_one_address_ends_at_the_limit(defended: bool, reached: int) -> None:
    server = Server(defended=defended)
    assert sum(server.get() for _ in range(1000)) == reached


@pytest.mark.parametrize(("defended", "reached"), [(True, LIMIT), (False, 200)])
def test_other_spellings_of_paths_and_missing_pages_do_not_reset_the_limit(defended: bool, reached: int) -> None:
    server = Server(defended=defended)
    spellings = ["/a", "/A", "/a/", "/a//", "/%61", "/./a", "/missing", "/a;x=1", "/a%20", "/mounted/app/a"]
    assert sum(server.get(spellings[number % 10]) for number in range(200)) == reached


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip", "cf_connecting_ip", "true_client_ip"])
def test_a_made_up_forwarding_header_does_not_change_who_is_charged(header: str) -> None:
    """OWASP WSTG-CLNT, CWE-348: only a configured proxy's word counts."""
    server = Server()
    assert sum(server.get(**{header: f"198.51.100.{number}"}) for number in range(200)) == LIMIT


def test_control_the_same_header_from_a_trusted_proxy_does_tell_clients_apart() -> None:
    server = Server(proxies=("203.0.113.9/32",))
    assert sum(server.get(x_forwarded_for=f"198.51.100.{number}") for number in range(200)) == 200


@pytest.mark.parametrize("how", WRITTEN)
def test_a_client_behind_a_proxy_can_t_hide_in_what_it_writes_itself(how: str) -> None:
    server = Server(proxies=("203.0.113.9/32",))
    assert sum(server.get(lines=WRITTEN[how](number)) for number in range(200)) == LIMIT
    assert len({naive(WRITTEN[how](number)) for number in range(200)}) == 200, "control"


def naive(lines: Sequence[Line]) -> bytes:
    """Who the client is to a reader that takes dashes and underscores for the same, and the first address it finds."""
    return next(value for name, value in lines if name.replace(b"_", b"-") == XFF).split(b",")[0]


@pytest.mark.parametrize(("wide", "reached"), [(True, 64 * LIMIT), (False, 4000)])
def test_who_owns_a_48_does_not_get_65536_times_the_limit(
    wide: bool, reached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not wide:
        monkeypatch.setattr("garrison.layers.rate_keys.WIDER", ())
    server = Server()
    assert sum(server.get(peer=f"2001:db8:7:{number << 4:x}::1") for number in range(4000)) == reached


class FirstInFirstOut:
    """What a bounded cache of counters usually does: the oldest entry goes. The control for the next attack."""

    def __init__(self, max_keys: int, burst: int) -> None:
        self.counts: OrderedDict[str, int] = OrderedDict()
        self.max_keys, self.burst = max_keys, burst

    def take(self, key: str) -> bool:
        if self.counts.get(key, 0) >= self.burst:
            return False
        self.counts[key] = self.counts.pop(key, 0) + 1
        while len(self.counts) > self.max_keys:
            self.counts.popitem(last=False)
        return True


def test_a_refused_key_outlasts_a_flood_of_a_million_other_keys() -> None:
    """CWE-770: an attacker who is refused fills the table with other keys to be forgotten."""
    hands, login = Hands(), Quota("login", limit=5, window=3600.0, burst=5)
    address = Quota("address", limit=600, window=60.0, burst=200)
    counters = MemoryCounters(hands.clock, max_keys=50_000)
    naive = FirstInFirstOut(50_000, 5)
    for _ in range(5):
        counters.take([(login, "attacker")])
        naive.take("attacker")
    assert not counters.take([(login, "attacker")])[0].allowed
    assert not naive.take("attacker")
    for number in range(500_000):
        hands.now += 1e-6
        counters.take([(login, f"k{number}"), (address, f"k{number}")])
    for number in range(60_000):
        naive.take(f"k{number}")
    assert not counters.take([(login, "attacker")])[0].allowed
    assert len(counters) <= 50_000
    assert naive.take("attacker"), "control: the first entry in was the first one out"
