from __future__ import annotations

import socket
from contextlib import closing

import pytest

from garrison.serve.errors import BindRefusedError, OptionRefusedError, PortUnavailableError
from garrison.serve.listen import loopback_addresses, open_listeners

OPEN_HOSTS = ["0.0.0.0", "::", "", "192.0.2.1", "2001:db8::1", "169.254.1.1", "fe80::1"]  # noqa: S104
NAMES = ["example.com", "localhost.example.com", "127.0.0.1.example.com", "localhost.", "shop.localhost", "localhost\n"]
ODD = ["::ffff:127.0.0.1", "::ffff:0.0.0.0", "127.1", "2130706433", "0x7f000001", "::1%lo", "[::1]", "127.0.0.1:80"]


@pytest.mark.parametrize("host", [*OPEN_HOSTS, *NAMES, *ODD])
def test_a_host_that_is_not_plainly_loopback_is_refused(host: str) -> None:
    with pytest.raises(BindRefusedError) as refused:
        loopback_addresses(host)
    assert refused.value.host == host
    assert "--host" in refused.value.remedy


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("localhost", ("127.0.0.1", "::1")),
        ("LOCALHOST", ("127.0.0.1", "::1")),
        ("127.0.0.1", ("127.0.0.1",)),
        ("127.8.8.8", ("127.8.8.8",)),
        ("::1", ("::1",)),
        ("0:0:0:0:0:0:0:1", ("::1",)),
    ],
)
def test_loopback_hosts_are_taken_as_they_are_written(host: str, addresses: tuple[str, ...]) -> None:
    assert loopback_addresses(host) == addresses


@pytest.mark.server
@pytest.mark.parametrize("held", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_in_either_family_is_named_with_its_remedy(held: str) -> None:
    """Else a browser might reach the other program, which has the port at the address that was left out."""
    other = open_listeners((held,), 0)[0]
    port = other.getsockname()[1]
    with closing(other), pytest.raises(PortUnavailableError) as refused:
        open_listeners(("127.0.0.1", "::1"), port)
    assert (refused.value.host, refused.value.port) == (held, port)
    assert str(port) in refused.value.message
    assert refused.value.remedy == "End that program, or choose another port with --port."


@pytest.mark.server
def test_a_refused_port_leaves_no_socket_open() -> None:
    other = open_listeners(("::1",), 0)[0]
    port = other.getsockname()[1]
    with closing(other), pytest.raises(PortUnavailableError):
        open_listeners(("127.0.0.1", "::1"), port)

    open_listeners(("127.0.0.1",), port)[0].close()  # the half that did open has been closed again


@pytest.mark.server
def test_port_0_finds_one_port_for_all_addresses() -> None:
    listeners = open_listeners(("127.0.0.1", "::1"), 0)
    ports = {listener.getsockname()[1] for listener in listeners}
    for listener in listeners:
        listener.close()

    assert len(ports) == 1
    assert ports != {0}


@pytest.mark.server
def test_the_ipv6_socket_takes_no_ipv4() -> None:
    with closing(open_listeners(("::1",), 0)[0]) as listener:
        assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


@pytest.mark.parametrize("port", [-1, 65536, 100_000])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(OptionRefusedError) as refused:
        open_listeners(("127.0.0.1",), port)
    assert refused.value.option == "port"
