"""What is read from a scope: duplicates, one path, the client behind proxies, and what servers leave out."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.asgi.facts import ReadFacts
from garrison.core.facts import Facts
from garrison.policy.model import Policy, RouteClass
from tests.asgi.driving import http_scope, websocket_scope

ROUTES = [
    RouteClass(name="api", paths=("/api/**",)),
    RouteClass(name="form", paths=("/form",), methods=("POST",)),
]


def read(policy: Policy | None = None, **scope: Any) -> Facts:
    return ReadFacts(policy or Policy(), ROUTES)(http_scope(**scope))


def test_an_ordinary_request_is_read_whole() -> None:
    facts = read(method="POST", path=b"/caf%C3%A9", headers=[(b"x-a", b"1")], query_string=b"a=%20")
    assert (facts.kind, facts.method, facts.scheme) == ("http", "POST", "https")
    assert (facts.path, facts.raw_path, facts.path_fault) == ("/café", b"/caf%C3%A9", "")
    assert facts.host is not None
    assert (facts.host.name, facts.host.port, facts.query) == ("testserver", None, b"a=%20")
    assert (facts.headers[b"x-a"], facts.values(b"x-a"), facts.values(b"x-b")) == (b"1", (b"1",), ())
    assert (facts.client.address, facts.client.key) == (ip_address("203.0.113.9"), "203.0.113.9")
    assert facts.certificate is False


@pytest.mark.parametrize(
    "scope", [http_scope(), websocket_scope(), http_scope("OPTIONS", b"/%2e%2e")], ids=["http", "websocket", "odd"]
)
def test_nothing_of_a_request_is_left_unread(scope: Any) -> None:
    """Facts are filled in one by one: a part that was forgotten would close the door when it is asked for."""
    facts = ReadFacts(Policy(), ROUTES)(scope)
    assert [name for name in Facts.__slots__ if not hasattr(facts, name)] == []


def test_a_repeated_header_is_visible_with_all_its_values() -> None:
    facts = read(headers=[(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")])
    assert dict(facts.duplicates) == {b"x-a": (b"1", b"3")}
    assert facts.values(b"x-a") == (b"1", b"3")
    assert facts.headers[b"x-a"] == b"3"


def test_two_hosts_are_no_host_even_when_the_first_was_seen_before() -> None:
    reader = ReadFacts(Policy(), ROUTES)
    assert reader(http_scope()).host is not None
    twice = http_scope(headers=[(b"host", b"testserver"), (b"host", b"evil.example")])
    assert reader(twice).host is None
    assert reader(http_scope()).host is not None


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.binary(max_size=9)), max_size=12))
def test_counts_are_of_the_whole_block_as_received(lines: list[tuple[bytes, bytes]]) -> None:
    scope = http_scope()
    scope["headers"] = lines
    facts = ReadFacts(Policy(), [])(scope)
    assert facts.header_count == len(lines)
    assert facts.header_bytes == sum(len(name) + len(value) for name, value in lines)
    for name, _ in lines:
        assert facts.values(name) == tuple(value for key, value in lines if key == name)


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", b"/", 0),
        ("GET", b"/api/x", 1),
        ("POST", b"/form", 2),
        ("GET", b"/form", 0),
        ("GET", b"/ap%69/x", 1),
        ("GET", b"/api/../x", 0),
        ("GET", b"/%61pi//x", 0),
        ("GET", b"/api/%ff", 0),
    ],
)
def test_the_route_class_goes_by_the_decoded_path_and_odd_paths_belong_to_none(
    method: str, path: bytes, route: int
) -> None:
    assert read(method=method, path=path).route == route
    assert read(method=method, path=path).route == route, "also when it is asked again"


def test_method_is_part_of_what_is_remembered_about_a_path() -> None:
    reader = ReadFacts(Policy(), ROUTES)
    asked = [reader(http_scope(method, b"/form")).route for method in ("POST", "GET", "POST", "FROB", "GET")]
    assert asked == [2, 0, 2, 0, 0]


def test_memory_of_paths_and_hosts_is_bounded() -> None:
    reader = ReadFacts(Policy(), [])
    for number in range(5000):
        reader(http_scope(path=b"/%d" % number, headers=[(b"host", b"h%d.example" % number)]))
    kept = [value for value in vars(reader).values() if isinstance(value, dict)]
    assert kept
    assert all(len(memory) <= 1024 for memory in kept)


def test_a_server_without_raw_path_is_understood() -> None:
    scope = http_scope(path=b"/caf%C3%A9/a%20b")
    del scope["raw_path"]
    facts = ReadFacts(Policy(), [])(scope)
    assert (facts.path, facts.raw_path, facts.path_fault) == ("/café/a b", b"/caf%C3%A9/a%20b", "")


def test_a_raw_path_with_its_query_is_cut() -> None:
    assert read(raw_path=b"/api/x?y=/../").path == "/api/x"
    assert read(raw_path=b"/api/x?y=/../").path_fault == ""


def test_a_unix_socket_has_no_client_and_nobody_is_charged() -> None:
    facts = read(client=None)
    assert (facts.client.address, facts.client.key, facts.client.fault) == (None, "", "peer-unknown")
    assert read(Policy(proxies=("unix",)), client=None, headers=[(b"x-forwarded-for", b"192.0.2.7")]).client.key == (
        "192.0.2.7"
    )


@pytest.mark.parametrize(
    ("proto", "kind", "scheme"),
    [(b"https", "http", "https"), (b"http", "http", "http"), (b"https", "websocket", "wss"), (b"x", "http", "http")],
)
def test_the_scheme_is_what_a_trusted_proxy_saw(proto: bytes, kind: str, scheme: str) -> None:
    policy = Policy(proxies=("203.0.113.0/24",))
    headers = [(b"x-forwarded-for", b"192.0.2.7"), (b"x-forwarded-proto", proto)]
    plain = {"http": "http", "websocket": "ws"}[kind]
    make = http_scope if kind == "http" else websocket_scope
    scope = make(headers=headers)
    scope["scheme"] = plain
    assert ReadFacts(policy, [])(scope).scheme == scheme
    assert ReadFacts(Policy(), [])(scope).scheme == plain, "from anybody else it means nothing"


def test_a_client_certificate_is_seen_only_where_the_server_verified_one() -> None:
    assert read(extensions={"tls": {"client_cert_chain": ["PEM"]}}).certificate is True
    for nothing in ({}, {"tls": {}}, {"tls": None}, {"tls": {"client_cert_chain": []}}, None):
        assert read(extensions=nothing).certificate is False


def test_request_ids_are_unique() -> None:
    reader = ReadFacts(Policy(), [])
    ids = [reader(http_scope()).request_id for _ in range(3000)]
    assert len(set(ids)) == len(ids)
    assert all(one.isascii() and one.isalnum() for one in ids)
