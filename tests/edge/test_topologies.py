"""The same promises by every way to the application: headers, addresses, framing."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.sync.client import connect

from garrison.edge.headers import FORWARDING
from garrison.edge.probe import status, values
from tests.edge.topologies import ALL, HOST, PROXIES, Topology, topology
from tests.serve.test_protocol_http import TABLE, Row

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("topologies")]
HSTS = "strict-transport-security"


@pytest.fixture(scope="module", params=ALL)
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    hsts = {} if request.param == "direct" else {"edge": {"hsts": True}}
    with topology(request.param, tmp_path_factory.mktemp("way"), **hsts) as found:
        yield found


def get(target: str = "/", *lines: str, host: str = HOST, method: str = "GET") -> bytes:
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, "Connection: close", "", ""]
    return "\r\n".join(head).encode("latin-1")


class TestHeaders:
    @pytest.mark.parametrize("target", ["/", "/missing", "/a%2Fb"])
    def test_an_answer_has_one_hsts_and_names_no_server(self, way: Topology, target: str) -> None:
        answer = way.running.ask(get(target))
        assert status(answer) in {200, 404, 400}
        assert values(answer, HSTS) == ["max-age=63072000"]
        assert values(answer, "server") == []

    @pytest.mark.parametrize(
        "data",
        [
            get(host="evil.example"), get("/", "X: " + "a" * 300_000),
            get("/", "Content-Length: 99999999", method="POST"),
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"nonsense\r\n\r\n",
        ],
        ids=["host", "header", "body", "two hosts", "nonsense"],
    )  # fmt: skip
    def test_a_refusal_has_no_second_hsts_and_names_no_server(self, way: Topology, data: bytes) -> None:
        answer = way.running.ask(data)
        assert not answer or 400 <= status(answer) < 500
        assert len(values(answer, HSTS)) <= 1
        assert values(answer, "server") == []

    @pytest.mark.parametrize("name", PROXIES)
    def test_hsts_that_is_left_to_the_application_comes_once_as_well(self, name: str, tmp_path: Any) -> None:
        with topology(name, tmp_path) as way:
            assert values(way.running.ask(get()), HSTS) == ["max-age=63072000"]


class TestAddress:
    @pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2", "::1"])
    def test_the_client_is_who_connected(self, way: Topology, source: str) -> None:
        if ":" in source and (way.name == "direct" or not socket.has_dualstack_ipv6()):
            pytest.skip("listens on IPv4 only here")
        assert status(way.running.ask(get(), source)) == 200
        assert way.seen.clients[-1] == source

    @pytest.mark.parametrize("spell", [str, str.lower, str.upper, lambda name: name.replace("-", "_")])
    def test_nobody_can_say_he_is_another(self, way: Topology, spell: Any) -> None:
        lines = [f"{spell(name)}: 6.6.6.6" for name in FORWARDING]
        answer = way.running.ask(get("/", *lines))
        assert status(answer) == 200
        assert way.seen.clients[-1] == "127.0.0.1"
        if way.name != "direct":  # what nobody wrote on the way must not be believed by anybody
            assert b"6.6.6.6" not in b" ".join(value for _, value in way.seen.requests[-1]["headers"])

    def test_naming_the_proxys_headers_in_connection_takes_nothing_away(self, way: Topology) -> None:
        data = get().replace(b"Connection: close", b"Connection: close, X-Forwarded-For, X-Forwarded-Proto, Host")
        assert status(way.running.ask(data)) == 200
        assert way.seen.clients[-1] == "127.0.0.1"

    @pytest.mark.parametrize("name", PROXIES)
    def test_the_header_forwarded_does_it_as_well(self, name: str, tmp_path: Any) -> None:
        with topology(name, tmp_path, client={"header": "forwarded"}) as way:
            for source in ("127.0.0.2", *(("::1",) if socket.has_dualstack_ipv6() else ())):
                spoof = get("/", "Forwarded: for=6.6.6.6;proto=http", 'Forwarded: for="[2001:db8::1]"')
                assert status(way.running.ask(spoof, source)) == 200
                assert way.seen.clients[-1] == source


@pytest.mark.parametrize("way", PROXIES, indirect=True)
class TestRedirect:
    """From http to https; a proxy's matter (RFC 9110 section 15.4.9)."""

    @pytest.fixture
    def over_http(self, way: Topology) -> Any:
        assert way.site is not None
        port = way.site.http_port

        def ask(data: bytes) -> bytes:
            heard = b""
            with socket.create_connection(("127.0.0.1", port), 5) as plain:
                plain.sendall(data)
                while part := plain.recv(65_536):
                    heard += part
            assert values(heard, "server") == []
            assert values(heard, HSTS) == []  # RFC 6797 section 7.2: never over http
            return heard

        return ask

    @pytest.mark.parametrize(
        "target", ["/", "/a%2Fb?x=1", "/a/../b//c", "//evil.example/x", "/?next=https://evil.example/", "/%0d%0aX:%20y"]
    )
    def test_path_and_query_stay_as_they_came(self, way: Topology, over_http: Any, target: str) -> None:
        for host in (HOST, f"{HOST}:80"):
            answer = over_http(get(target, host=host))
            assert status(answer) == 308
            assert values(answer, "location") == [f"https://{HOST}:{way.running.port}{target}"]

    @pytest.mark.parametrize(
        "data",
        [
            get(host="evil.example"), get(host=f"{HOST}.evil.example"), get(host=f"evil.example/{HOST}"),
            get(host=f"{HOST}@evil.example"), get(host=f"evil{HOST}"), get(host=""), b"GET / HTTP/1.0\r\n\r\n",
            get("http://evil.example/"), get(f"http://{HOST}/", host="evil.example"),
            get("/", "Host: evil.example"), get("/", "X-Forwarded-Host: evil.example", host="other.example"),
        ],
    )  # fmt: skip
    def test_nobody_is_sent_to_an_unknown_host(self, way: Topology, over_http: Any, data: bytes) -> None:
        answer = over_http(data)
        assert all(value.startswith(f"https://{HOST}:{way.running.port}/") for value in values(answer, "location"))
        assert status(answer) == 308 or 400 <= status(answer) < 500
        assert b"https://evil" not in answer

    def test_an_unknown_host_is_not_redirected_at_all(self, over_http: Any) -> None:
        answer = over_http(get(host="evil.example"))
        assert status(answer) == 421
        assert values(answer, "location") == []


def test_websockets_pass(way: Topology) -> None:
    plain = socket.create_connection(("127.0.0.1", way.running.port), 5)
    with connect(
        f"wss://{HOST}/", sock=plain, ssl=way.running.context, server_hostname=HOST,
        origin=f"https://{HOST}" if way.site is None else f"https://{HOST}:{way.running.port}",  # type: ignore[arg-type]
    ) as connection:  # fmt: skip
        assert connection.recv(5) == "hello"
        assert connection.response is not None
        assert "".join(connection.response.headers.get_all("server")) == ""


@pytest.mark.parametrize("name", ALL)
def test_a_client_is_not_held_to_its_deadlines_while_the_application_works(name: str, tmp_path: Any) -> None:
    short = {"header": 1, "handshake": 1, "body_grace": 1, "write_grace": 1, "keep_alive": 1}
    with topology(name, tmp_path, serve=short) as way:
        assert status(way.running.ask(get("/late"))) == 200


Outcomes = dict[str, tuple[list[int], list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def outcomes(way: Topology) -> Outcomes:
    """For each row of the table the statuses of its answers, and the requests that the application saw of it."""
    marked = {row.name: _marked(row, number) for number, row in enumerate(TABLE)}
    with ThreadPoolExecutor(24) as pool:
        found = dict(zip(marked, pool.map(lambda data: way.answers(data, 0.8), marked.values()), strict=True))
    reached: dict[str, list[dict[str, Any]]] = {name: [] for name in marked}
    for request in list(way.seen.requests):
        if (number := dict(request["headers"]).get(b"x-row")) is not None:
            reached[TABLE[int(number)].name].append(request)
    return {name: (found[name], reached[name]) for name in marked}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_request_is_refused_or_read_in_one_way(row: Row, way: Topology, outcomes: Outcomes) -> None:
    """What two parsers may read differently does not reach the application, or it does in one reading."""
    statuses, reached = outcomes[row.name]
    finished = [request for request in reached if "size" in request]
    assert len(finished) <= statuses.count(200)  # nothing reached it that the server in front did not read as a request
    assert [ambiguous(request) for request in reached if ambiguous(request)] == []
    if row.statuses[0] == 200:
        assert statuses[:1] == [200]
    elif way.name == "direct" or not row.name.startswith(MENDED):
        assert 200 not in statuses
    assert {number for number in statuses if number != 200} <= REFUSALS[way.name]


def _marked(row: Row, number: int) -> bytes:
    """The row's bytes for our host, with the row's number in every header block."""
    host = HOST.encode("ascii")
    data = re.sub(rb"Host: localhost(\r?\n)", rb"Host: %s\1X-Row: %d\1" % (host, number), row.data)
    return data.replace(b"http://localhost/", b"http://%s/" % host)


REFUSALS = {
    "direct": set(range(400, 500)),
    "nginx": {*range(400, 500), 505},
    "haproxy": set(range(400, 500)),
    "caddy": {*range(400, 500), 501, 502, 505},  # 502: what it finds wrong while it passes a body on
}
MENDED = (
    "bare LF", "CL then TE", "TE then CL", "TE after", "TE folded", "TE in HTTP/1.0", "CL twice, same", "CL list",
    "CL empty", "Host twice, same", "folded header", "fold before", "chunk ", "a chunk extension", "trailer",
    "300 headers", "header without", "tabs",
    "HTTP/2.0", "fragment", "upgrade with",
)  # fmt: skip
"""Rows that a proxy may make unambiguous in place of refusing them: which it does differs by its version."""


def ambiguous(request: dict[str, Any]) -> str:
    """Why two parsers could read the header block of a request differently; "" when they can't."""
    names = [name for name, _ in request["headers"]]
    named = dict(request["headers"])
    if names.count(b"host") != 1 or not named[b"host"].startswith(HOST.encode()):
        return "host"
    if names.count(b"content-length") + names.count(b"transfer-encoding") > 1:
        return "length"
    if not re.fullmatch(rb"[0-9]+", named.get(b"content-length", b"0")):
        return "content-length"
    if named.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        return "transfer-encoding"
    if any(re.search(rb"[\r\n\0]", name + value) for name, value in request["headers"]):
        return "control"
    return ""


def test_the_judge_of_ambiguity_sees_it() -> None:
    host, length = (b"host", HOST.encode()), (b"content-length", b"5")
    assert ambiguous({"headers": [host, length]}) == ""
    for wrong in ([], [host, host], [host, length, length], [host, length, (b"transfer-encoding", b"chunked")],
                  [host, (b"content-length", b"+5")], [host, (b"transfer-encoding", b"identity, chunked")],
                  [host, (b"x", b"a\nb")]):  # fmt: skip
        assert ambiguous({"headers": wrong})


SMUGGLED = get("/smuggled", "X-Row: 0")
CARRIERS = {
    "CL.TE": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE twice": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "TE tab": b"Content-Length: %d\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "TE space before": b"Content-Length: %d\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "TE xchunked": b"Content-Length: %d\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE underscore": b"Content-Length: %d\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CL underscore": b"Content-Length: %d\r\nContent_Length: 0\r\n\r\n",
    "CL twice": b"Content-Length: %d\r\nContent-Length: 0\r\n\r\n",
    "CL plus": b"Content-Length: %d\r\nContent-Length: +0\r\n\r\n",
    "Connection names CL": b"Connection: Content-Length\r\nContent-Length: %d\r\n\r\n",
    "upgrade": b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n",
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_request_inside_a_body_stays_inside(way: Topology, carrier: str) -> None:
    """Or the server in front reads it as a request too, and answers it: then it is the client's own."""
    lead = CARRIERS[carrier]
    length = len(lead.partition(b"\r\n\r\n")[2]) + len(SMUGGLED)
    data = b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n" % HOST.encode()
    before = len(way.seen.requests)
    statuses = way.answers(data + lead % length + SMUGGLED, 1.0)
    assert status(way.running.ask(get("/after"))) == 200
    targets = [request["target"] for request in way.seen.requests[before:]]
    if way.name in {"direct", "nginx"} or carrier != "CL.TE":
        assert b"/smuggled" not in targets or carrier in {"TE tab"}
    assert targets.count(b"/smuggled") <= len(statuses) - 1
