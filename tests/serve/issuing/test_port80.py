"""Port 80 answers challenges, redirects to names that are ours, and does nothing else."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.host import compile_hosts
from garrison.policy.model import Policy
from garrison.serve.errors import PortUnavailableError
from garrison.serve.issuing.errors import DomainRefused
from garrison.serve.issuing.port80 import Port80, answer
from garrison.serve.issuing.run import Wish, domains, open_port80
from garrison.serve.listen import open_listeners
from garrison.serve.small import SECONDS
from tests.support.pebble import free_port

KNOWN = compile_hosts(("shop.example.com", "*.eu.example.com"))
CHALLENGES = {"token": "token.thumb"}


def ask(target: str, host: str = "shop.example.com", *, port: int = 443, more: str = "") -> tuple[int, str, bytes]:
    head = f"GET {target} HTTP/1.1\r\nHost: {host}{more}"
    return answer(head.encode("latin-1"), CHALLENGES, KNOWN, port)


def test_path_and_query_stay_as_they_came() -> None:
    for target in ("/", "/a%2Fb?x=1", "//evil.example/", "/?next=https://a.example&b=%0d%0aX", "/%C3%BC/'\"<>"):
        assert ask(target) == (308, f"https://shop.example.com{target}", b"")
    assert ask("/a", port=8443)[1] == "https://shop.example.com:8443/a"
    assert ask("/a", "SHOP.example.com.:80")[1] == "https://shop.example.com/a"
    assert ask("/a", "de.eu.example.com")[1] == "https://de.eu.example.com/a"


@pytest.mark.parametrize(
    "host", ["evil.example", "shop.example.com.evil.example", "example.com", "eu.example.com", "127.0.0.1", "[::1]"]
)
def test_hosts_that_are_not_ours_are_never_redirected(host: str) -> None:
    assert ask("/", host)[:2] == (421, "")


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r\nHost: shop.example.com\r\nHost: evil.example",
        "GET / HTTP/1.1\r\nHost: shop.example.com@evil.example",
        "GET https://evil.example/ HTTP/1.1\r\nHost: shop.example.com",
        "GET /\x0b HTTP/1.1\r\nHost: shop.example.com",
        "GET /\nLocation: https://evil.example HTTP/1.1\r\nHost: shop.example.com",
        "GET /ü HTTP/1.1\r\nHost: shop.example.com",
        "GET /#a HTTP/1.1\r\nHost: shop.example.com",
        "GET / HTTP/2.0\r\nHost: shop.example.com",
        "GET  / HTTP/1.1\r\nHost: shop.example.com",
        "",
    ],
)
def test_what_is_malformed_is_400(head: str) -> None:
    assert answer(head.encode("latin-1"), CHALLENGES, KNOWN, 443)[:2] == (400, "")


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise_or_redirect_elsewhere(data: bytes) -> None:
    status, location, _ = answer(data, CHALLENGES, KNOWN, 443)
    assert status in {200, 308, 400, 404, 421}
    assert not location or location.startswith("https://shop.example.com/")


def test_challenges_are_answered_while_they_are_shown_and_only_by_their_token() -> None:
    path = "/.well-known/acme-challenge/"
    assert ask(path + "token") == (200, "", b"token.thumb")
    for other in ("", "tokeN", "token/", "../token", "token?x=1", "%74oken"):
        assert ask(path + other)[0] == 404


def test_names_for_which_no_certificate_can_be_had_are_refused() -> None:
    assert domains(["Shop.example.com", "shop.example.com.", "bücher.example"]) == (
        "shop.example.com",
        "xn--bcher-kva.example",
    )
    for name in ("*.example.com", "127.0.0.1", "::1", "localhost", "a.localhost", "intranet", "a b", "", "x:80"):
        with pytest.raises(DomainRefused):
            domains([name])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Port80, int]]:
    port = free_port()
    policy = Policy(hosts=["shop.example.com"], state=str(tmp_path), acme={"http_port": port})
    listener = open_port80(policy, Wish(("shop.example.com",), ("127.0.0.1",), 443))
    listener.start()
    yield listener, port
    listener.stop()


def heard(port: int, data: bytes, source: str = "127.0.0.1") -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0)) as connection:
        connection.sendall(data)
        found = b""
        while piece := connection.recv(4096):
            found += piece
        return found


@pytest.mark.server
def test_over_the_wire_it_redirects_and_closes(running: tuple[Port80, int]) -> None:
    listener, port = running
    said = heard(port, b"GET /a%2Fb?x=1 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 308 Permanent Redirect\r\n")
    assert b"\r\nlocation: https://shop.example.com/a%2Fb?x=1\r\n" in said
    assert b"\r\nconnection: close\r\n" in said
    assert b"server" not in said.lower()
    listener.show("t", "t.thumb")
    challenge = b"GET /.well-known/acme-challenge/t HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"
    assert heard(port, challenge).endswith(b"\r\n\r\nt.thumb")
    listener.show("t", None)
    assert heard(port, challenge).startswith(b"HTTP/1.1 404 ")
    assert heard(port, challenge.replace(b"GET", b"HEAD")).endswith(b"\r\n\r\n")


@pytest.mark.server
def test_slow_and_countless_connections_leave_room_for_others(running: tuple[Port80, int]) -> None:
    _, port = running
    held = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(60)]
    for one in held:
        one.sendall(b"GET / HT")
    good = b"GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"
    assert heard(port, good, "127.0.0.2").startswith(b"HTTP/1.1 308 ")
    began = time.monotonic()
    for one in held:
        one.settimeout(2 * SECONDS)
        with suppress(ConnectionResetError):
            assert one.recv(100) == b""
        one.close()
    assert time.monotonic() - began < 2 * SECONDS
    assert heard(port, good).startswith(b"HTTP/1.1 308 ")


@pytest.mark.server
def test_a_header_block_without_end_is_cut_off(running: tuple[Port80, int]) -> None:
    _, port = running
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), 5) as endless:  # noqa: PT012
        endless.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(2000):
            endless.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
            time.sleep(0.001)


def test_a_port_80_that_is_taken_is_named_with_the_key_it_stands_in() -> None:
    with open_listeners(("127.0.0.1",), 0)[0] as other:
        policy = Policy(hosts=["a.test"], acme={"http_port": other.getsockname()[1]})
        with pytest.raises(PortUnavailableError) as refused:
            open_port80(policy, Wish(("a.test",), ("127.0.0.1",), 443))
    assert refused.value.remedy.endswith("with acme.http_port.")
