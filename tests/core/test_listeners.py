"""The operator's listeners: what servers say of a socket, and nothing that would match by accident."""

from __future__ import annotations

import pytest

from garrison.asgi.facts import ReadFacts
from garrison.core.facts import Facts
from garrison.core.listeners import parse_listener
from garrison.policy import Policy
from tests.asgi.driving import http_scope

LISTEN = ("127.0.0.1:9443", "unix:/run/operator.sock")


@pytest.mark.parametrize(
    ("text", "listener"),
    [
        ("127.0.0.1:9443", ("127.0.0.1", 9443)), ("[::1]:9443", ("::1", 9443)), ("[0:0::1]:9443", ("::1", 9443)),
        ("unix:/run/operator.sock", ("/run/operator.sock", None)),
    ],
)  # fmt: skip
def test_a_listener_is_read_as_servers_name_it(text: str, listener: tuple[str, int | None]) -> None:
    assert parse_listener(text) == listener


@pytest.mark.parametrize(
    "text", ["", "9443", ":9443", "localhost:9443", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "0.0.0.0:9443",
             "[::]:9443", "unix:operator.sock", "127.0.0.1:९"]
)  # fmt: skip
def test_what_would_never_match_or_match_everything_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|port|path"):
        parse_listener(text)


def facts(server: object, listen: tuple[str, ...] = LISTEN, **headers: str) -> Facts:
    policy = Policy(operator={"listen": listen}, proxies=("10.0.0.0/8",))
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    client = ("10.0.0.5", 1) if headers else ("203.0.113.9", 1)
    return ReadFacts(policy, ())(http_scope(headers=lines, server=server, client=client))


@pytest.mark.parametrize("server", [("127.0.0.1", 9443), ["127.0.0.1", 9443], ("/run/operator.sock", None)])
def test_who_comes_by_the_operator_s_socket_is_the_operator(server: object) -> None:
    assert facts(server).operator
    assert not facts(server, ()).operator


@pytest.mark.parametrize("server", [("127.0.0.1", 8443), ("10.0.0.7", 9443), ("/run/app.sock", None), None])
def test_who_comes_by_another_socket_is_not(server: object) -> None:
    assert not facts(server).operator


def test_who_comes_through_a_proxy_is_not_whatever_socket_the_proxy_uses() -> None:
    assert not facts(("127.0.0.1", 9443), x_forwarded_for="203.0.113.9").operator
