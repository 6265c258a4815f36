"""What is handed over as a WebSocket handshake is one that the library answers: it never falls silent on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.server import ServerProtocol

from garrison.serve.handshake import LINE, LINES, handshake_fault

Headers = list[tuple[bytes, bytes]]
GOOD: Headers = [
    (b"host", b"localhost"), (b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"WebSocket"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"sec-websocket-version", b"13"),
]  # fmt: skip


def fault(headers: Headers, target: bytes = b"/") -> tuple[int, str] | None:
    return handshake_fault(b"GET", target, "1.1", headers)


def library(headers: Headers, target: bytes = b"/") -> int:
    """The status the library answers with; 0 for silence."""
    protocol = ServerProtocol()
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    protocol.receive_data(b"GET %b HTTP/1.1\r\n%b\r\n" % (target, lines))
    for request in protocol.events_received():
        return protocol.accept(request).status_code  # type: ignore[arg-type]
    return 0


more = st.lists(
    st.tuples(
        st.sampled_from([b"connection", b"upgrade", b"sec-websocket-protocol", b"content-length", b"x", b"cookie"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=8).map(
            lambda text: text.strip().encode("latin-1")
        ),
    ),
    max_size=3,
)


@given(more=more)
def test_whatever_is_handed_over_is_accepted_by_the_library(more: Headers) -> None:
    headers = [*GOOD, *more]
    if fault(headers) is None:
        assert library(headers) == 101


def test_a_browsers_handshake_passes() -> None:
    browser = [*GOOD, (b"origin", b"https://localhost"), (b"sec-websocket-extensions", b"permessage-deflate")]
    assert fault([*browser, (b"sec-websocket-protocol", b"chat, v2.chat"), (b"cookie", b"a=b; c=\xc3\xa9")]) is None


@pytest.mark.parametrize("extra", [[(b"x", b"a")] * LINES, [(b"x", b"a" * LINE)]])
def test_control_on_what_is_too_large_the_library_gives_no_request(extra: Headers) -> None:
    headers = [*GOOD, *extra]
    assert library(headers) == 0
    assert fault(headers) == (431, "a WebSocket handshake too large")


def test_the_sizes_are_those_of_the_library_and_no_smaller() -> None:
    largest = [*GOOD, (b"x", b"a" * (LINE - len(b"x: \r\n"))), *[(b"y", b"")] * (LINES - len(GOOD) - 1)]
    target = b"/" * (LINE - len(b"GET  HTTP/1.1\r\n"))
    assert fault(largest, target) is None
    assert library(largest, target) == 101
