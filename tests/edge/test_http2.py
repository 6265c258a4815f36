"""HTTP/2 ends at the proxy: what HTTP/1.1 can't say, or says in two ways, does not come out on the other side."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress

import h2.config
import h2.connection
import h2.events
import pytest

from tests.edge.test_topologies import ambiguous
from tests.edge.topologies import HOST, PROXIES, Topology, topology

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("http2")]
Headers = list[tuple[str, str]]


@pytest.fixture(scope="module", params=PROXIES)
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with topology(request.param, tmp_path_factory.mktemp("h2"), edge={"hsts": True}) as found:
        yield found


def ask(way: Topology, headers: Headers, body: bytes | None = None) -> tuple[int, Headers]:
    """Status and headers of the answer to one request, sent without the library's own checks; 0 when it is refused."""
    context = ssl.create_default_context(cadata=None)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    loose = h2.config.H2Configuration(
        header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False,
        validate_inbound_headers=False,
    )  # fmt: skip
    connection = h2.connection.H2Connection(loose)
    with socket.create_connection(("127.0.0.1", way.running.port), 5) as plain:
        wrapped = context.wrap_socket(plain, server_hostname=HOST)
        assert wrapped.selected_alpn_protocol() == "h2"
        connection.initiate_connection()
        connection.send_headers(1, headers, end_stream=body is None)
        if body is not None:
            connection.send_data(1, body, end_stream=True)
        with suppress(OSError):
            wrapped.sendall(connection.data_to_send())
            while data := wrapped.recv(65_536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived):
                        found = [(str(name), str(value)) for name, value in event.headers]
                        return int(dict(found)[":status"]), found
                    if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                        return 0, []
                wrapped.sendall(connection.data_to_send())
    return 0, []


def request(*more: tuple[str, str], method: str = "GET", path: str = "/", authority: str = HOST) -> Headers:
    return [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path), *more]


def test_a_request_comes_through_with_one_hsts_and_no_server(way: Topology) -> None:
    status, headers = ask(way, request(("x-forwarded-for", "6.6.6.6"), ("x_real_ip", "6.6.6.6"), path="/a?x=1"))
    assert status == 200
    assert [value for name, value in headers if name == "strict-transport-security"] == ["max-age=63072000"]
    assert "server" not in dict(headers)
    assert way.seen.clients[-1] == "127.0.0.1"
    assert b"6.6.6.6" not in b" ".join(value for _, value in way.seen.requests[-1]["headers"])


def test_an_unknown_authority_is_not_served(way: Topology) -> None:
    before = len(way.seen.requests)
    status, _ = ask(way, request(authority="evil.example"))
    assert status == 421
    assert len(way.seen.requests) == before


JSON = ("content-type", "application/json")
ODD = {
    "a line break in a value": (request(("x", "a\r\nTransfer-Encoding: chunked")), None),
    "a line feed in a value": (request(("x", "a\nhost: evil.example")), None),
    "a line break in a name": (request(("x: a\r\ny", "b")), None),
    "a colon in a name": (request(("host: evil.example", "b")), None),
    "a line break in the path": (request(path="/ HTTP/1.1\r\nHost: evil.example\r\nX: "), None),
    "a space in the path": (request(path="/ HTTP/1.1"), None),
    "a line break in the method": (request(method="GET / HTTP/1.1\r\nHost: evil.example\r\nX: "), None),
    "a transfer coding": (request(JSON, ("transfer-encoding", "chunked"), method="POST"), b"0\r\n\r\n"),
    "a shorter length than the body": (request(JSON, ("content-length", "1"), method="POST"), b"12345"),
    "a longer length than the body": (request(JSON, ("content-length", "9"), method="POST"), b"12345"),
    "two lengths": (request(JSON, ("content-length", "5"), ("content-length", "6"), method="POST"), b"12345"),
    "another host than the authority": (request(("host", "evil.example")), None),
    "two hosts": (request(("host", HOST), ("host", "evil.example")), None),
    "an upper-case name": (request(("X-Upper", "a")), None),
    "connection": (request(("connection", "x-forwarded-for")), None),
}


def _settled(way: Topology) -> int:
    """How many requests arrived, once none follows: a proxy may still send on what the last test asked."""
    count = -1
    while count != len(way.seen.requests):
        count = len(way.seen.requests)
        time.sleep(0.3)
    return count


@pytest.mark.parametrize("what", ODD)
def test_what_http_1_1_cannot_say_is_refused_or_made_harmless(way: Topology, what: str) -> None:
    headers, body = ODD[what]
    before = _settled(way)
    status, _ = ask(way, headers, body)
    reached = way.seen.requests[before:]
    assert len(reached) <= 1
    for one in reached:
        assert ambiguous(one) == ""
        assert b"evil.example" not in b" ".join(name + value for name, value in one["headers"])
        assert one["target"] in {b"/", b"/%20HTTP/1.1"}
        assert one.get("size") in {None, 0, 5} or status != 200
    assert status in {0, 200, *range(400, 500), 502}
    if reached:
        assert way.seen.clients[-1] == "127.0.0.1"
