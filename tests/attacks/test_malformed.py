"""Malformed input of every kind: refused with a reason or passed, never a 5xx, never an exception.

Quoted rule: "error handling … last resort … does not lead to denial of service" (OWASP ASVS 5.0, 16.5); a peer that
raises on a foreign cookie or a User-Agent outside ASCII takes the site down for its owner.
The table is in `malformed.py`, and is what `docs/malformed.md` shows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

import anyio
import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.asgi.onion import Onion
from garrison.core.verdict import Reason
from garrison.testing import captured_events
from tests.asgi.driving import (
    Driven,
    Message,
    Receive,
    Send,
    drive,
    hardened,
    http_scope,
    request_body,
    websocket_scope,
)
from tests.asgi.serving import connected, read_answer, serving
from tests.attacks.malformed import TABLE, Case, render

CASES = [pytest.param(case, id=f"{group}: {case.what}"[:90]) for group, cases in TABLE.items() for case in cases]
PAGE = Path(__file__).parents[2] / "docs" / "malformed.md"
CHUNK = 64 * 1024


async def reader(scope: Message, receive: Receive, send: Send) -> None:
    """Reads the whole body and says so, or takes a WebSocket."""
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        if message["type"] != "http.request":
            return
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-reader", b"1")]})
    await send({"type": "http.response.body", "body": b"read"})


@cache
def _onion(policy: str) -> Onion:
    given = {"hosts": ("testserver",), **json.loads(policy)}
    return hardened(reader, preset="browser", rate={"mode": "off", "allow_insecure_off": "many requests"}, **given)


def onion_for(case: Case) -> Onion:
    return _onion(json.dumps(case.policy, sort_keys=True))


def chunked(body: bytes) -> list[Message]:
    return request_body(*[body[at : at + CHUNK] for at in range(0, len(body) or 1, CHUNK)])


async def send_case(onion: Any, case: Case) -> Driven:
    scope = http_scope(case.method, case.path, [*case.host, *case.headers], query_string=case.query)
    if not case.host:
        scope["headers"] = list(case.headers)
    return await drive(onion, scope, chunked(case.body))


OTHERS = {
    "alert_raised", "latency_counted", "overload_began", "overload_ended", "reaction_taken", "reaction_withheld",
    "reactions_spent", "traffic_counted",
}  # fmt: skip
"""Events of the whole process, which a busy machine or many of these requests may bring about."""


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES)
async def test_each_request_of_the_table_fares_as_the_table_says(case: Case) -> None:
    onion = onion_for(case)
    with captured_events(onion) as events:
        driven = await send_case(onion, case)
    told = [event.reason or event.name for event in events if event.name not in OTHERS]
    assert (driven.raised, driven.complete) == (None, True)
    if case.reason is None:
        assert (driven.status, driven.body) == (200, b"read")
        assert told == []
        return
    assert 400 <= driven.status < 500
    if case.method != "HEAD":
        assert json.loads(driven.body)["reason"] == case.reason
    assert told == [case.reason]
    assert not driven.values(b"x-reader")


@pytest.mark.anyio
@pytest.mark.parametrize("case", CASES)
async def test_control_without_garrison_the_application_gets_every_one_of_them(case: Case) -> None:
    assert (await send_case(reader, case)).body == b"read"


MENDED = {
    "h11": {
        "two Content-Length lines, even equal ones",  # one length is left (RFC 9112 section 6.3)
        "a list of lengths",
        "a body above the limit, whatever was declared",  # cut where the declared length ends
    },
    "httptools": {"a bare `#`", "absolute form"},  # the path alone is left
}
"""What a server makes good before Garrison sees it."""


@pytest.mark.server
@pytest.mark.parametrize("http", MENDED)
def test_over_real_sockets_each_request_is_refused_by_the_server_or_fares_as_the_table_says(http: str) -> None:
    passed = refused = 0
    for policy, cases in _by_policy().items():
        with serving(_onion(policy), http=http, proxy_headers=False) as port:
            for case in cases:
                told = _over_socket(port, case)
                # What is left of a body that is cut short is no JSON.
                mended = told in {None, "body-malformed"} and case.what in MENDED[http]
                assert told in {"by the server", case.reason} or mended, case.what
                passed += told is None
                refused += told == case.reason is not None
    assert passed > 25, "most of what should pass comes through the parser"
    assert refused > 50, "and most of what is to be refused is refused by us"


def _by_policy() -> dict[str, list[Case]]:
    grouped: dict[str, list[Case]] = {}
    for cases in TABLE.values():
        for case in cases:
            if case.policy.get("proxies"):
                continue  # the peer of a socket is loopback here, which the table's proxies are not
            if not any(name == b"content-length" for name, _ in case.headers) or case.reason is not None:
                grouped.setdefault(json.dumps(case.policy, sort_keys=True), []).append(case)
    return grouped


def _over_socket(port: int, case: Case) -> str | None:
    """The reason of our refusal, None when it passed, or that the server itself refused or hung up."""
    target = case.path + (b"?" + case.query if case.query else b"")
    names = {name for name, _ in case.headers}
    lines = [name + b": " + value for name, value in (*case.host, *case.headers)]
    body = case.body
    if b"transfer-encoding" in names:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    elif body and b"content-length" not in names:
        lines.append(b"content-length: %d" % len(body))
    head = b"\r\n".join([case.method.encode() + b" " + target + b" HTTP/1.1", *lines, b"", b""])
    with connected(port) as plain:
        try:
            plain.sendall(head + body)
            status, headers, content = read_answer(plain)
        except (OSError, h11.RemoteProtocolError):
            return "by the server"
    assert status < 500
    if status == 200:
        return None
    ours = (b"content-type", b"application/problem+json") in headers
    return json.loads(content)["reason"] if ours else "by the server"


def test_the_page_of_the_documentation_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tests.attacks.malformed"


def test_the_table_has_every_reason_that_malformed_input_can_be_refused_for() -> None:
    told = {case.reason for cases in TABLE.values() for case in cases}
    words = ("host-", "target-", "header-", "headers-", "length-", "body-", "encoding-", "expansion-", "content-type-",
             "charset-", "client-", "csrf-", "origin-", "cross-site", "method-not-", "cors-origin")  # fmt: skip
    assert {reason for reason in Reason if reason.startswith(words)} - told == set()


def test_control_the_standard_library_gives_up_on_a_foreign_cookie() -> None:
    with pytest.raises(CookieError):
        SimpleCookie().load({"a b": "x"})
    assert "sid" not in SimpleCookie('broken; {"x":[1,2]}; sid=1')


NAMES = st.sampled_from(
    [b"host", b"cookie", b"authorization", b"content-type", b"content-length", b"transfer-encoding",
     b"content-encoding", b"origin", b"referer", b"accept", b"sec-fetch-site", b"sec-fetch-mode", b"forwarded",
     b"x-forwarded-for", b"x-forwarded-proto", b"traceparent", b"user-agent", b"x-csrf-token",
     b"access-control-request-method",
     b"access-control-request-headers", b"x-http-method-override", b"if-none-match", b"range", b"upgrade", b"te"]
) | st.binary(max_size=12)  # fmt: skip
FRAGMENTS = st.sampled_from(
    [b"testserver", b"__Host-session=", b"__Host-csrf=", b"csrf_token=", b"s.", b";", b",", b"=", b'"', b"Bearer ",
     b"Basic ", b"application/json", b"multipart/form-data; boundary=", b"application/x-www-form-urlencoded", b"gzip",
     b"deflate", b"chunked", b"https://", b"null", b"same-origin", b"none", b"for=", b"192.0.2.1", b"::1", b"[", b"]",
     b"%", b"..", b"/", b"\\", b"#", b"?", b"\x00", b"\r\n", b"\xff", b"9" * 30, b"-1", b"*/*", b"text/html;q="]
)  # fmt: skip
NOISE = st.lists(FRAGMENTS | st.binary(max_size=8), max_size=6).map(b"".join)
LINES = st.lists(st.tuples(NAMES, NOISE), max_size=8)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]) | st.text(max_size=8)
POLICIES = st.sampled_from(
    [
        {},
        {"proxies": ["203.0.113.0/24"]},
        {"proxies": ["203.0.113.0/24"], "client": {"header": "forwarded"}},
        {"size": {"decompress": ["gzip", "deflate"]}, "csrf": {"require": "always"}},
        {"cors": {"origins": ["https://app.example"], "credentials": True}},
        {"target": {"encoded_slash": "pass", "double_encoding": "pass", "invalid_utf8": "pass", "backslash": "pass"}},
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    METHODS,
    NOISE,
    NOISE,
    LINES,
    st.booleans(),
    st.lists(st.binary(max_size=80) | NOISE, min_size=1, max_size=3),
    POLICIES,
)
def test_no_bytes_of_any_client_raise_or_make_a_5xx(
    method: str,
    path: bytes,
    query: bytes,
    lines: Sequence[tuple[bytes, bytes]],
    hosted: bool,
    body: list[bytes],
    policy: Any,
) -> None:
    onion = _onion(json.dumps(policy))
    headers = [(name.lower(), value) for name, value in lines]
    scope = http_scope(method, b"/" + path if hosted else path, query_string=query)
    scope["headers"] = [(b"host", b"testserver"), *headers] if hosted else headers
    with captured_events(onion) as events:
        driven = anyio.run(drive, onion, scope, request_body(*body))
    assert driven.raised is None
    assert driven.complete
    assert driven.status < 500
    assert not {"layer_failed", "dependency_away", "unhandled_error", "event_unknown"} & set(events.names())
    assert not onion_malformed(onion)


def onion_malformed(onion: Onion) -> int:
    """Events that could not be made of what the client sent."""
    bus: Any = onion.services.emit.__self__  # type: ignore[attr-defined]
    return int(bus.stats().malformed)


@settings(max_examples=150, deadline=None)
@given(NOISE, LINES, st.booleans())
def test_no_handshake_of_any_client_raises(path: bytes, lines: Sequence[tuple[bytes, bytes]], hosted: bool) -> None:
    onion = _onion("{}")
    scope = websocket_scope(b"/" + path, [(b"host", b"testserver")] if hosted else [(b"x", b"")])
    scope["headers"] = [*scope["headers"], *[(name.lower(), value) for name, value in lines]]
    driven = anyio.run(drive, onion, scope, [{"type": "websocket.connect"}])
    assert driven.raised is None
    assert all(start["status"] < 500 for start in driven.starts())
