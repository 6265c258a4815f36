"""Hosts and origins: parsed or refused, compared as types."""

from __future__ import annotations

import pytest

from garrison.core.host import Origin, compile_hosts, configured_origin, host_name, parse_host, parse_origin


@pytest.mark.parametrize(
    ("value", "name", "port", "ip"),
    [
        (b"example.com", "example.com", None, False),
        (b"EXAMPLE.com:8443", "example.com", 8443, False),
        (b"example.com.", "example.com", None, False),
        (b"example.com.:443", "example.com", 443, False),
        (b"localhost:1", "localhost", 1, False),
        (b"xn--mnchen-3ya.example", "xn--mnchen-3ya.example", None, False),
        (b"my_service:65535", "my_service", 65535, False),
        (b"r3---sn-x.example.com", "r3---sn-x.example.com", None, False),
        (b"127.0.0.1", "127.0.0.1", None, True),
        (b"[::1]", "::1", None, True),
        (b"[2001:DB8:0:0::1]:80", "2001:db8::1", 80, True),
        (b"a" * 63 + b".b", "a" * 63 + ".b", None, False),
    ],
)
def test_hosts_are_parsed_into_a_normal_form(value: bytes, name: str, port: int | None, ip: bool) -> None:
    host = parse_host(value)
    assert host is not None
    assert (host.name, host.port, host.ip) == (name, port, ip)


@pytest.mark.parametrize(
    "value",
    [
        b"", b" ", b".", b"..", b"example..com", b".example.com", b"example.com..", b"user@example.com",
        b"example.com/", b"example.com#@evil.com", b"example.com, evil.com", b"example.com evil.com",
        b"example.com\x00", b"example.com\r\nX: y", b"ex\xc3\xa4mple.com", b"example.com:", b"example.com:0",
        b"example.com:65536", b"example.com:080", b"example.com:http", b"example.com:80:80", b"::1", b"[::1", b"[::1]x",
        b"[fe80::1%25eth0]", b"[::1]]", b"[127.0.0.1]", b"[:::]", b"127.1", b"0x7f.0.0.1", b"2130706433", b"0177.0.0.1",
        b"256.0.0.1", b"1.2.3.4.5", b"example.1", b"a" * 64, b"a." * 126 + b"aaa", b"http://example.com", b"*",
    ],
)  # fmt: skip
def test_everything_else_is_no_host(value: bytes) -> None:
    assert parse_host(value) is None


KNOWN = compile_hosts(["Example.com.", "*.example.org", "münchen.example", "[::1]", "192.0.2.1", "*.straße.example"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"example.com", True),
        (b"example.com:8080", True),
        (b"EXAMPLE.COM.", True),
        (b"www.example.com", False),
        (b"evilexample.com", False),
        (b"example.com.evil.net", False),
        (b"a.example.org", True),
        (b"a.b.example.org", True),
        (b"example.org", False),
        (b"evilexample.org", False),
        (b"xn--mnchen-3ya.example", True),
        (b"www.xn--strae-oqa.example", True),
        (b"[::1]:443", True),
        (b"[0:0:0:0:0:0:0:1]", True),
        (b"192.0.2.1", True),
        (b"192.0.2.10", False),
    ],
)
def test_hosts_are_known_exactly_or_below_a_wildcard(value: bytes, expected: bool) -> None:
    host = parse_host(value)
    assert host is not None
    assert KNOWN(host) is expected


def test_the_usual_text_comparison_would_let_a_foreign_host_in() -> None:
    evil = parse_host(b"evilexample.org")
    assert evil is not None
    assert evil.name.endswith("example.org")  # the control: a suffix without its dot
    assert not KNOWN(evil)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("*", "every name"),
        ("", "empty"),
        (" example.com", "spaces"),
        ("*.", "empty"),
        ("a.*.com", "in front"),
        ("*example.com", "in front"),
        ("*.127.0.0.1", "subdomains"),
        ("https://example.com", "name alone"),
        ("example.com/x", "name alone"),
        ("example.com:8000", "port"),
        ("[::1]:80", "port"),
        ("a b.com", "no valid"),
        ("ex\u2028.com", "no valid"),
        ("-ä-.example", "no valid"),
    ],
)
def test_malformed_host_patterns_are_refused_with_what_is_wrong(pattern: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        compile_hosts([pattern])


def test_no_patterns_know_no_host() -> None:
    host = parse_host(b"example.com")
    assert host is not None
    assert not compile_hosts([])(host)


def test_bare_ipv6_is_a_host_name_in_configuration() -> None:
    assert host_name("2001:DB8::1").name == host_name("[2001:db8:0::1]").name == "2001:db8::1"


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        (b"https://example.com", Origin("https", "example.com", 443)),
        ("http://localhost:5173", Origin("http", "localhost", 5173)),
        ("https://example.com:443", Origin("https", "example.com", 443)),
        ("https://[2001:db8::1]:8443", Origin("https", "2001:db8::1", 8443)),
        ("chrome-extension://abcdefgh", Origin("chrome-extension", "abcdefgh", None)),
    ],
)
def test_origins_are_compared_whole(value: bytes | str, origin: Origin) -> None:
    assert parse_origin(value) == origin
    assert parse_origin(origin.serialise()) == origin


@pytest.mark.parametrize("other", ["http://example.com", "https://example.com:8443", "https://www.example.com"])
def test_another_scheme_port_or_host_is_another_origin(other: str) -> None:
    assert parse_origin(other) != parse_origin("https://example.com")
    assert parse_origin(other) is not None


@pytest.mark.parametrize(
    "value",
    [
        "null", "", "*", "https://", "://example.com", "https://example.com/", "https://example.com/path",
        "https://example.com?x", "https://example.com#x", "https://user@example.com", "HTTPS://example.com",
        "https://example.com.", "https://example.com.:443", "https://exämple.com", "https://example.com https://b.com",
        "https:/example.com", "example.com", "https://example.com:0", "https://*.example.com", "https://example.com\n",
        b"https://ex\xe4mple.com",
    ],
)  # fmt: skip
def test_everything_else_is_no_origin(value: bytes | str) -> None:
    assert parse_origin(value) is None


@pytest.mark.parametrize(
    ("text", "serialised"),
    [
        ("https://Example.COM", "https://example.com"),
        ("HTTPS://example.com:443", "https://example.com"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("https://example.com.", "https://example.com"),
        ("https://example.com.:8443", "https://example.com:8443"),
    ],
)
def test_configured_origins_are_put_right(text: str, serialised: str) -> None:
    assert configured_origin(text).serialise() == serialised


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("*", "anybody"),
        ("null", "anybody"),
        ("example.com", "write https://example.com"),
        ("https://example.com/", "write https://example.com"),
        ("https://example.com/app", "trailing slash"),
        ("https://user:pw@example.com", "user information"),
        ("https://*.example.com", "one by one"),
        ("https://exa mple.com", "no valid origin"),
        ("https://", "no valid origin"),
        ("https://example.com:99999", "no valid origin"),
    ],
)
def test_unfit_origins_are_refused_with_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        configured_origin(text)
