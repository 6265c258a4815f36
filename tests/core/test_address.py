"""Client identity behind proxies."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from garrison.core.address import (
    MALFORMED,
    MISSING,
    TOO_LONG,
    UNKNOWN_PEER,
    client_key,
    compile_client,
    forwarded_scheme,
    parse_proxies,
)

PROXY = "10.0.0.1"
find = compile_client(["10.0.0.0/8", "fd00::/8", "::ffff:192.0.2.0/120"], "x-forwarded-for", 64)
find_forwarded = compile_client(["10.0.0.0/8", "unix"], "forwarded", 64)


def test_a_header_from_an_untrusted_peer_is_never_read() -> None:
    client = find("198.51.100.7", (b"203.0.113.9",))
    assert (client.key, client.fault, client.proxied) == ("198.51.100.7", "", False)


def test_the_leftmost_address_is_what_an_attacker_writes_and_is_not_believed() -> None:
    line = b"1.1.1.1, 203.0.113.9"
    assert line.split(b",")[0] == b"1.1.1.1"  # the control: who takes the leftmost lets the client choose
    client = find(PROXY, (line,))
    assert (client.key, client.proxied) == ("203.0.113.9", True)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ((b"203.0.113.9",), "203.0.113.9"),
        ((b"203.0.113.9, 10.1.2.3, 10.9.9.9",), "203.0.113.9"),
        ((b"6.6.6.6", b"203.0.113.9", b"10.1.2.3"), "203.0.113.9"),
        ((b"6.6.6.6, 203.0.113.9",), "203.0.113.9"),
        ((b"10.0.0.9, 203.0.113.9",), "203.0.113.9"),
        ((b"<script>, not-an-ip,, 203.0.113.9",), "203.0.113.9"),
        ((b"203.0.113.9:51234",), "203.0.113.9"),
        ((b"\t203.0.113.9 ,10.0.0.3:80",), "203.0.113.9"),
        ((b"::ffff:203.0.113.9",), "203.0.113.9"),
        ((b"[2001:db8:1:2:3::4]:51234",), "2001:db8:1:2::/64"),
        ((b"2001:db8:1:2:ffff::4",), "2001:db8:1:2::/64"),
        ((b"203.0.113.9, 192.0.2.77",), "203.0.113.9"),  # a network written in its IPv4-mapped form
        ((b"203.0.113.9, fd00::7",), "203.0.113.9"),
    ],
)
def test_the_last_address_a_trusted_proxy_vouches_for_is_the_client(values: tuple[bytes, ...], key: str) -> None:
    client = find(PROXY, values)
    assert (client.key, client.fault, client.proxied) == (key, "", True)


@pytest.mark.parametrize(
    "values",
    [(b"",), (b"unknown",), (b"203.0.113.9,",), (b"not-an-ip",), (b"203.0.113.9, ",), (b"203.0.113.9", b""),
     (b"fe80::1%eth0",), (b"203.0.113.09",), (b"203.0.113",), (b"[203.0.113.9]",), (b"203.0.113.9:port",), (b"\xff",)],
)  # fmt: skip
def test_an_unusable_chain_is_a_fault_that_charges_nobody(values: tuple[bytes, ...]) -> None:
    client = find(PROXY, values)
    assert (client.address, client.key, client.fault) == (None, "", MALFORMED)


def test_a_proxy_that_says_nothing_is_a_fault_unless_that_is_allowed() -> None:
    assert (find(PROXY, ()).key, find(PROXY, ()).fault) == ("", MISSING)
    direct = compile_client(["10.0.0.0/8"], "x-forwarded-for", 64, allow_direct=True)(PROXY, ())
    assert (direct.address, direct.key, direct.fault) == (ip_address(PROXY), "", "")


def test_a_chain_of_trusted_machines_alone_charges_nobody() -> None:
    client = find(PROXY, (b"10.0.0.7, 10.0.0.8",))
    assert (client.address, client.key, client.fault) == (ip_address("10.0.0.7"), "", "")


@pytest.mark.parametrize("values", [(b",".join([b"10.0.0.2"] * 60),), (b"1.1.1.1," * 2000 + b"203.0.113.9",)])
def test_work_on_a_chain_is_bounded(values: tuple[bytes, ...]) -> None:
    assert (find(PROXY, values).key, find(PROXY, values).fault) == ("", TOO_LONG)


def test_the_cache_is_bounded_and_does_not_keep_long_chains() -> None:
    finder = compile_client(["10.0.0.0/8"], "x-forwarded-for", 64)
    for number in range(10_000):
        finder(f"198.51.{number >> 8}.{number & 255}", ())
    assert len(finder._cache) <= 4096
    before = len(finder._cache)
    finder(PROXY, (b"junk " * 100 + b",203.0.113.9",))
    assert len(finder._cache) == before


def test_a_mapped_ipv4_peer_is_its_ipv4_self() -> None:
    assert find("::ffff:198.51.100.7", ()).key == "198.51.100.7"
    assert find.trusts("::ffff:10.0.0.1")


def test_an_ipv6_peer_is_keyed_by_its_network() -> None:
    assert find("2001:db8:1:2::5", ()).key == find("2001:db8:1:2:ffff::9", ()).key == "2001:db8:1:2::/64"
    assert client_key(ip_address("2001:db8::5"), 128) == "2001:db8::5"
    assert client_key(ip_address("2001:db8:1:2::5"), 48) == "2001:db8:1::/48"
    assert find("fe80::1%eth0", ()).key == "fe80::/64"


def test_a_peer_that_is_no_address_is_its_own_key() -> None:
    client = find("testclient", (b"203.0.113.9",))
    assert (client.address, client.key, client.fault) == (None, "testclient", "")


def test_a_unix_socket_is_nobody_unless_it_is_a_configured_proxy() -> None:
    assert find(None, (b"203.0.113.9",)).fault == UNKNOWN_PEER
    assert find(None, ()).key == ""
    behind = compile_client(["unix"], "x-forwarded-for", 64)
    assert behind(None, (b"203.0.113.9",)).key == "203.0.113.9"
    assert behind.trusts(None)
    assert not find.trusts(None)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ((b"for=203.0.113.9",), "203.0.113.9"),
        ((b"For=203.0.113.9;Proto=https;by=10.0.0.1",), "203.0.113.9"),
        ((b'for=6.6.6.6, for="203.0.113.9:4711" ;proto=https, for=10.0.0.3',), "203.0.113.9"),
        ((b'for="[2001:db8:1:2::9]:4711"',), "2001:db8:1:2::/64"),
        ((b'for="203\\.0.113.9"',), "203.0.113.9"),
        ((b'for="', b"for=203.0.113.9"), "203.0.113.9"),
        ((b'for="_hidden,x", for=203.0.113.9',), "203.0.113.9"),
    ],
)
def test_forwarded_is_read_from_the_right(values: tuple[bytes, ...], key: str) -> None:
    assert find_forwarded(PROXY, values).key == key
    assert find_forwarded(None, values).key == key


@pytest.mark.parametrize(
    "line",
    [b"", b"for", b"for=", b"for=unknown", b"for=_secret", b"proto=https", b"for=203.0.113.9,", b"for=203.0.113.9;",
     b"for=203.0.113.9;for=1.1.1.1", b"for=[2001:db8::1]", b"for=203.0.113.9:80", b'for="203.0.113.9', b"203.0.113.9",
     b'for="a"x', b"for=203.0.113.9 x", b"for=\xff"],
)  # fmt: skip
def test_a_malformed_forwarded_line_is_a_fault(line: bytes) -> None:
    client = find_forwarded(PROXY, (line,))
    assert (client.key, client.fault) == ("", MALFORMED)


@pytest.mark.parametrize("opened", [b'for="', b'for=6.6.6.6;x="', b'for=6.6.6.6;x="\\', b'for="6.6.6.6'])
def test_an_open_quotation_never_swallows_the_proxy_s_own_element(opened: bytes) -> None:
    for appended in (b"for=203.0.113.9", b'for="[2001:db8::9]:1";proto=https', b'by="10.0.0.1";for=203.0.113.9'):
        client = find_forwarded(PROXY, (opened + b", " + appended,))
        assert (client.key, client.fault) == ("", MALFORMED)


@pytest.mark.parametrize(
    ("values", "scheme"),
    [
        ((), None),
        ((b"https",), "https"),
        ((b"HTTP",), "http"),
        ((b"http, https",), "https"),
        ((b"https", b"http"), "http"),
        ((b"wss",), "https"),
        ((b"javascript",), None),
        ((b"",), None),
        ((b"for=1.1.1.1;proto=http, for=2.2.2.2;proto=https",), "https"),
        ((b"for=1.1.1.1;proto=https, for=2.2.2.2",), None),
        ((b'proto="https',), None),
    ],
)
def test_the_scheme_is_what_the_nearest_proxy_saw(values: tuple[bytes, ...], scheme: str | None) -> None:
    assert forwarded_scheme(values) == scheme


@pytest.mark.parametrize(
    ("proxy", "says"),
    [("*", "no network"), ("nginx", "no network"), ("0.0.0.0/0", "everybody"), ("::/0", "everybody"),
     ("::ffff:0:0/96", "everybody"), ("10.0.0.1/8", "10.0.0.0/8"), ("", "no network")],
)  # fmt: skip
def test_unfit_proxies_are_refused_with_what_is_wrong(proxy: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_proxies([proxy])


def test_unfit_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown"):
        compile_client([], "x-real-ip", 64)
    with pytest.raises(ValueError, match="prefix"):
        compile_client([], "forwarded", 0)
