"""The compiled table says what a slow, obvious search through all bans would say."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.core.address import client_key
from garrison.core.ban_table import SELFTEST_KEY, BanTable
from garrison.core.bans import Ban, Target, TargetKind, parse_target
from garrison.core.exchange import Principal
from garrison.core.facts import Client

NOW = 1000.0


def table(*texts: str, until: float | None = None, prefix: int = 64) -> BanTable:
    return BanTable([Ban(parse_target(text, prefix), 0.0, until) for text in texts], lambda: NOW, prefix)


def client(text: str, prefix: int = 64) -> Client:
    address = ip_address(text)
    return Client(address, client_key(address, prefix))


@pytest.mark.parametrize(
    ("ban", "address", "held"),
    [
        ("203.0.113.7", "203.0.113.7", True), ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.0/24", "203.0.113.255", True), ("203.0.113.0/24", "203.0.114.0", False),
        ("203.0.113.0/24", "203.0.112.255", False), ("0.0.0.0/0", "255.255.255.255", True),
        ("0.0.0.0/0", "2001:db8::1", False), ("::/0", "203.0.113.7", False), ("::/0", "ffff::", True),
        ("2001:db8::1", "2001:db8::ffff", True), ("2001:db8::1", "2001:db8:0:1::1", False),
        ("2001:db8::1/128", "2001:db8::1", True), ("2001:db8::1/128", "2001:db8::2", False),
        ("2001:db8::/48", "2001:db8:0:ffff::1", True), ("2001:db8::/48", "2001:db8:1::1", False),
    ],
)  # fmt: skip
def test_a_client_is_held_by_the_networks_it_is_in(ban: str, address: str, held: bool) -> None:
    assert (table(ban).client(client(address)) is not None) is held


NETWORKS = st.builds(
    lambda number, prefix: ip_network((number >> (32 - prefix) << (32 - prefix), prefix)),
    st.integers(0x0A000000, 0x0A00FFFF),
    st.integers(8, 32),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NETWORKS, st.booleans()), max_size=30), st.integers(0x0A000000, 0x0A00FFFF))
def test_nested_and_ended_bans_are_found_as_by_a_search_through_all(
    bans: list[tuple[object, bool]], number: int
) -> None:
    made = [
        Ban(Target(TargetKind.NETWORK, network=network), 0.0, NOW - 1 if ended else None)  # type: ignore[arg-type]
        for network, ended in bans
    ]
    compiled = BanTable(made, lambda: NOW)
    address = IPv4Address(number)
    around = [ban for ban in compiled.bans.values() if ban.until is None and address in ban.target.network]  # type: ignore[operator]
    found = compiled.client(Client(address, str(address)))
    expected = max(around, key=lambda ban: ban.target.network.prefixlen, default=None)  # type: ignore[union-attr]
    assert found is expected


@pytest.mark.parametrize("prefix", [48, 56, 64, 128])
def test_the_prefix_that_clients_are_counted_by_changes_nothing_about_who_is_held(prefix: int) -> None:
    compiled = table("2001:db8:0:1::/64", "2001:db8:1::/48", "2001:db8:2::7/128", prefix=prefix)
    held = ["2001:db8:0:1::5", "2001:db8:1:ffff::1", "2001:db8:2::7"]
    free = ["2001:db8:0:2::5", "2001:db8:2::8", "2001:db8:3::"]
    assert [text for text in held + free if compiled.client(client(text, prefix))] == held


def test_a_ban_holds_until_its_end_and_no_longer() -> None:
    assert table("203.0.113.7", until=NOW + 0.1).client(client("203.0.113.7"))
    assert table("203.0.113.7", until=NOW).client(client("203.0.113.7")) is None


def test_when_the_smaller_ban_has_ended_the_wider_one_still_holds() -> None:
    inner = Ban(parse_target("203.0.113.7"), 0.0, NOW)
    outer = Ban(parse_target("203.0.113.0/24"), 0.0, None)
    assert BanTable([inner, outer], lambda: NOW).client(client("203.0.113.7")) is outer


@pytest.mark.parametrize("address", [None, IPv4Address("10.0.0.5"), IPv6Address("2001:db8::1")])
def test_a_client_without_a_key_is_under_no_ban(address: IPv4Address | IPv6Address | None) -> None:
    """A trusted proxy's own requests have no key: to hold them would shut out everybody behind it."""
    assert table("0.0.0.0/0", "::/0", "10.0.0.5").client(Client(address, "")) is None


def test_a_principal_is_held_however_it_came_in_and_an_api_key_by_itself() -> None:
    compiled = table("principal:alice", "api-key:k1")
    assert compiled.principal(Principal("alice"))
    assert compiled.principal(Principal("alice", "api-key", credential="k9"))
    assert compiled.principal(Principal("bob", "api-key", credential="k1"))
    assert compiled.principal(Principal("k1", "api-key")), "a principal that is its key"
    assert compiled.principal(Principal("bob", "api-key", credential="k2")) is None
    assert compiled.principal(Principal("k1")) is None


def test_an_empty_table_holds_nobody_but_the_self_test() -> None:
    compiled = table()
    assert compiled.client(client("203.0.113.7")) is None
    assert compiled.client(Client(None, SELFTEST_KEY)) is not None
    assert not compiled.identities
