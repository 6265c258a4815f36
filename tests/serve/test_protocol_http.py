"""HTTP as bytes over real TLS: what can be read in two ways is refused and the connection closed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from garrison.serve.devca import DevCA
from tests.serve.running import Running, production, stock

pytestmark = pytest.mark.server

HOST = b"Host: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
JSON = b"Content-Type: application/json\r\n"
END = b"0\r\n\r\n"
ECHO = b"GET /echo HTTP/1.1\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
WEBSOCKET = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"


def get(*lines: bytes, line: bytes = b"GET / HTTP/1.1\r\n") -> bytes:
    return line + HOST + b"".join(lines) + b"\r\n"


def post(*lines: bytes, body: bytes = b"", line: bytes = b"POST / HTTP/1.1\r\n") -> bytes:
    return line + HOST + JSON + b"".join(lines) + b"\r\n" + body


def hello(*lines: bytes, line: bytes = ECHO) -> bytes:
    """A WebSocket handshake with `lines` more."""
    return get(UPGRADE, WEBSOCKET, *lines, line=line)


class Row(NamedTuple):
    """Bytes, what the server answers, and whether it closes; `stock` is what stock uvicorn answers where it accepts."""

    name: str
    data: bytes
    statuses: list[int]
    closed: bool = True
    stock: list[int] | None = None


def refused(name: str, data: bytes, status: int = 400, stock: list[int] | None = None) -> Row:
    return Row(name, data, [status], stock=stock)


ONCE = [200]
TABLE = [
    # What must pass
    Row("plain", get(), ONCE, closed=False),
    Row("a body", post(b"Content-Length: 5\r\n", body=b"12345"), ONCE, closed=False),
    Row("chunks", post(CHUNKED, body=b"5;name=value\r\n12345\r\n" + END), ONCE, closed=False),
    Row("three at once", get() * 3, [200, 200, 200], closed=False),
    Row("HTTP/1.0", get(line=b"GET / HTTP/1.0\r\n"), ONCE),
    Row("absolute target", get(line=b"GET http://localhost/ HTTP/1.1\r\n"), ONCE, closed=False),
    # RFC 9112 section 6.1: Content-Length beside Transfer-Encoding
    refused("CL then TE", post(b"Content-Length: 5\r\n", CHUNKED, body=END)),
    refused("TE then CL", post(CHUNKED, b"Content-Length: 5\r\n", body=END)),
    # RFC 9112 section 6.1: chunked is the only coding, once, and last
    refused("TE identity, chunked", post(b"Transfer-Encoding: identity, chunked\r\n", body=END), stock=ONCE),
    refused("TE gzip, chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", body=END), stock=ONCE),
    refused("TE chunked, identity", post(b"Transfer-Encoding: chunked, identity\r\n", body=END)),
    refused("TE unknown", post(b"Transfer-Encoding: xchunked\r\n", body=END)),
    refused("TE twice", post(CHUNKED, CHUNKED, body=END)),
    refused("TE after a vertical tab", post(b"Transfer-Encoding: \x0bchunked\r\n", body=END)),
    refused("TE before a space", post(b"Transfer-Encoding : chunked\r\n", body=END)),
    refused("TE folded", post(b"Transfer-Encoding:\r\n chunked\r\n", body=END)),
    refused("TE in HTTP/1.0", post(CHUNKED, body=END, line=b"POST / HTTP/1.0\r\n"), stock=ONCE),
    # RFC 9112 section 6.3: one length, a number
    refused("CL twice, other", post(b"Content-Length: 5\r\nContent-Length: 6\r\n", body=b"123456")),
    refused("CL twice, same", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", body=b"12345")),
    refused("CL list", post(b"Content-Length: 5, 5\r\n", body=b"12345")),
    refused("CL plus", post(b"Content-Length: +5\r\n", body=b"12345")),
    refused("CL minus", post(b"Content-Length: -5\r\n", body=b"12345")),
    refused("CL hexadecimal", post(b"Content-Length: 0x5\r\n", body=b"12345")),
    refused("CL empty", post(b"Content-Length: \r\n", body=b"12345")),
    refused("CL beyond 64 bits", post(b"Content-Length: 99999999999999999999999\r\n")),
    # RFC 9112 section 3.2: exactly one Host, which agrees with the target
    refused("Host twice", get(b"Host: other.example\r\n"), stock=ONCE),
    refused("Host twice, same", get(HOST), stock=ONCE),
    refused("Host missing", b"GET / HTTP/1.1\r\n\r\n", stock=ONCE),
    refused("Host against target", get(line=b"GET http://other.example/ HTTP/1.1\r\n"), stock=ONCE),
    # RFC 9112 section 2.2: lines end in CR LF
    refused("bare LF everywhere", b"GET / HTTP/1.1\nHost: localhost\n\n"),
    refused("bare LF after a header", get(b"X: a\nY: b\r\n")),
    refused("bare LF at the end", b"GET / HTTP/1.1\r\nHost: localhost\r\n\n"),
    refused("bare CR in a header", get(b"X: a\rY: b\r\n")),
    # RFC 9112 section 5.2: obsolete line folding
    refused("folded header", get(b"X: a\r\n b\r\n")),
    refused("fold before all headers", b"GET / HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n"),
    # RFC 9110 sections 5.1 and 5.5: names and values
    refused("header without colon", get(b"Xa\r\n")),
    refused("header without name", get(b": a\r\n")),
    refused("NUL in a value", get(b"X: a\0b\r\n")),
    refused("control in a value", get(b"X: a\x01b\r\n")),
    # RFC 9112 section 7.1: chunks
    refused("chunk size no number", post(CHUNKED, body=b"zz\r\n")),
    refused("chunk size negative", post(CHUNKED, body=b"-1\r\n")),
    refused("chunk size with 0x", post(CHUNKED, body=b"0x5\r\n12345\r\n" + END)),
    refused("chunk size beyond 64 bits", post(CHUNKED, body=b"10000000000000005\r\n12345\r\n" + END)),
    refused("chunk size and LF", post(CHUNKED, body=b"5\n12345\r\n" + END)),
    refused("chunk size and space", post(CHUNKED, body=b"5 \r\n12345\r\n" + END)),
    refused("chunk longer than said", post(CHUNKED, body=b"5\r\n12345XX" + END)),
    refused("chunk ends in LF", post(CHUNKED, body=b"5\r\n12345\n" + END)),
    refused("chunk extension and LF", post(CHUNKED, body=b"5;a\n12345\r\n" + END)),
    refused("trailer ends in LF", post(CHUNKED, body=b"0\r\nX: a\n\r\n")),
    # RFC 9112 section 3: request line
    refused("HTTP/2.0", get(line=b"GET / HTTP/2.0\r\n"), stock=ONCE),
    refused("HTTP/0.9", b"GET /\r\n\r\n", stock=ONCE),
    refused("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("tabs", get(line=b"GET\t/\tHTTP/1.1\r\n")),
    refused("fragment", get(line=b"GET /#x HTTP/1.1\r\n"), stock=ONCE),
    refused("target without slash", get(line=b"GET x HTTP/1.1\r\n")),
    refused("authority as target", get(line=b"GET other.example:80 HTTP/1.1\r\n")),
    refused("CONNECT", get(line=b"CONNECT other.example:80 HTTP/1.1\r\n")),
    # RFC 9110 section 7.8: an upgrade that is not spoken here
    refused("upgrade with a body", post(b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 5\r\n"), stock=ONCE),
    refused(
        "WebSocket with a body",
        get(b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n", WEBSOCKET) + b"12345",
    ),
    Row("upgrade, then more", get(b"Upgrade: h2c\r\nConnection: Upgrade\r\n") + get(), ONCE),
    # RFC 9112 section 9.6: nothing counts after the last request
    Row("close, then more", get(b"Connection: close\r\n") + get(), ONCE),
    Row("good, then bad", get() + get(HOST), ONCE, stock=[200, 200]),
    # Caps
    refused("300 headers", get(*(b"X%d: a\r\n" % number for number in range(300))), 431, stock=ONCE),
    refused("a header of 200 KB", get(b"X: " + b"a" * 200_000 + b"\r\n"), 431, stock=ONCE),
    refused("a header without end", get(b"X: " + b"a" * 800_000)[:-4], 431),
    refused("a chunk extension without end", post(CHUNKED, body=b"5;" + b"a" * 500_000)),
    refused(
        "trailers without end", post(CHUNKED, body=b"0\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(900))), 431
    ),
]


HANDSHAKES = [
    Row("WebSocket", hello(), [101], closed=False),
    Row("WebSocket with a line of 8 KB", hello(b"X: %b\r\n" % (b"a" * 8000)), [101], closed=False),
    # RFC 6455 section 4.2.1: the library would answer by itself, with the input, or never
    *(
        refused(f"WebSocket {what}", hello(*changes, line=line), status)
        for what, line, changes, status in [
            ("by POST", b"POST /echo HTTP/1.1\r\n", (), 400),
            ("in HTTP/1.0", b"GET /echo HTTP/1.0\r\n", (), 400),
            ("with a second key", ECHO, (WEBSOCKET,), 400),
            ("for two protocols", ECHO, (b"Upgrade: websocket\r\n",), 400),
            ("with a subprotocol that is none", ECHO, (b"Sec-WebSocket-Protocol: a b\r\n",), 400),
            ("with a length", ECHO, (b"Content-Length: 00\r\n",), 400),
            ("with a line of 9 KB", ECHO, (b"X: %b\r\n" % (b"a" * 9000),), 431),
        ]
    ),
    refused("WebSocket without version", get(UPGRADE, WEBSOCKET.replace(b"13", b"12"), line=ECHO)),
    refused("WebSocket with a short key", get(UPGRADE, WEBSOCKET.replace(b"dGhl", b"\xff"), line=ECHO)),
    # The library's own sizes: it gives no answer at all to what is larger, as stock uvicorn does
    refused("WebSocket with 140 lines", hello(b"X: a\r\n" * 140), 431, stock=[]),
]
ROWS = [*TABLE, *HANDSHAKES]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> DevCA:
    return DevCA.open(tmp_path_factory.mktemp("ca"), datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, ca: DevCA) -> Iterator[Running]:
    with production(tmp_path_factory.mktemp("served"), ca) as running:
        yield running


@pytest.fixture(scope="module")
def answers(served: Running) -> dict[str, tuple[list[int], bool]]:
    """All rows at once: most of the time is waiting for a connection that stays open."""
    with ThreadPoolExecutor(16) as pool:
        return dict(zip((row.name for row in ROWS), pool.map(lambda row: served.send(row.data), ROWS), strict=True))


@pytest.fixture(scope="module")
def control(ca: DevCA) -> dict[str, list[int]]:
    rows = [row for row in ROWS if row.stock is not None]
    with stock(ca) as running, ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda row: running.send(row.data)[0], rows)
        return dict(zip((row.name for row in rows), found, strict=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_bytes_get_the_answer_of_the_table(row: Row, answers: dict[str, tuple[list[int], bool]]) -> None:
    assert answers[row.name] == (row.statuses, row.closed)


@pytest.mark.parametrize("row", [row for row in ROWS if row.stock is not None], ids=lambda row: row.name)
def test_control_stock_uvicorn_accepts_them(row: Row, control: dict[str, list[int]]) -> None:
    assert control[row.name] == row.stock


def test_trailers_do_not_become_headers(served: Running, ca: DevCA) -> None:
    """RFC 9110 section 6.5.1: a trailer must not be merged into headers that were judged before it came."""
    request = post(CHUNKED, b"Connection: close\r\n", body=b"5\r\n12345\r\n0\r\nX-Late: 1\r\n\r\n")

    def asked(running: Running) -> bytes:
        with running.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    assert b"x-late" not in asked(served)
    with stock(ca) as running:  # control
        assert b"x-late" in asked(running)


def test_a_refusal_says_nothing_about_the_server(served: Running) -> None:
    with served.connect() as connection:
        connection.sendall(get(HOST))
        answer = connection.recv(65_536).lower()
    assert b"400 bad request" in answer
    assert b"connection: close" in answer
    assert b"server:" not in answer


def test_a_connection_serves_many_requests(served: Running) -> None:
    with httpx.Client(verify=served.context, base_url=f"https://localhost:{served.port}") as client:
        for document in (b"", b"1", b'"%s"' % (b"x" * 100_000)):
            json = {"content-type": "application/json"}
            answers = [client.post("/", content=document, headers=json) for _ in range(5)]
            assert [answer.json()["size"] for answer in answers] == [len(document)] * 5


def test_an_answer_before_the_body_was_read_leaves_the_connection_in_order(served: Running) -> None:
    """What is left of the body must not be taken for the next request."""
    body = get() * 3
    request = post(b"Content-Length: %d\r\n" % len(body), body=body, line=b"POST /unread HTTP/1.1\r\n")
    request = request.replace(JSON, b"Content-Type: multipart/form-data; boundary=x\r\n")  # JSON is read before
    assert served.send(request + get(b"Connection: close\r\n")) == ([200, 200], True)


def test_limits_hold_however_the_bytes_are_cut(served: Running) -> None:
    with served.connect() as connection:
        for piece in (get()[:7], get()[7:20], get()[20:]):
            connection.sendall(piece)
        assert served.hear(connection) == ([200], False)


def test_route_classes_can_widen_the_caps(tmp_path: Path, ca: DevCA) -> None:
    wide = {"name": "wide", "paths": ["/wide"], "size": {"header_count": 400, "header_bytes": "1 MB"}}
    with production(tmp_path, ca, routes=[wide]) as running:
        request = get(*(b"X%d: a\r\n" % number for number in range(300)))
        assert running.send(request)[0] == [431]  # the layer's own answer for this class
        assert running.send(request.replace(b"GET / ", b"GET /wide "))[0] == [404]
