"""Connections are counted by client, as limits and bans count them."""

from __future__ import annotations

from garrison.core.address import compile_client
from garrison.serve.clients import Clients


def clients(most: int = 2, *proxies: str) -> Clients:
    return Clients(most, compile_client(proxies, "x-forwarded-for", 64), 64)


def test_a_client_gets_so_many_and_no_more() -> None:
    found = clients()
    assert [found.take("192.0.2.1") for _ in range(3)] == ["192.0.2.1", "192.0.2.1", None]
    assert found.take("192.0.2.2") == "192.0.2.2"
    assert found.refused == 1


def test_what_ends_makes_room() -> None:
    found = clients(1)
    key = found.take("192.0.2.1")
    assert key is not None
    assert found.take("192.0.2.1") is None
    found.give(key)
    assert found.held(key) == 0
    assert found.take("192.0.2.1") == key


def test_an_ipv6_network_is_one_client() -> None:
    found = clients(1)
    assert found.take("2001:db8::1") == "2001:db8::/64"
    assert found.take("2001:db8::2") is None
    assert found.take("2001:db8:0:1::1") is not None


def test_an_ipv4_client_on_an_ipv6_socket_is_the_same_client() -> None:
    found = clients(1)
    assert found.take("::ffff:192.0.2.1") == "192.0.2.1"
    assert found.take("192.0.2.1") is None


def test_trusted_proxies_and_unix_sockets_are_not_counted() -> None:
    found = clients(1, "10.0.0.0/8")
    assert [found.take("10.1.2.3") for _ in range(3)] == ["", "", ""]
    assert found.take(None) == ""
    found.give("")
    assert found.held("") == 0
