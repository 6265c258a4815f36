"""Malformed and odd requests, and what becomes of each: one table that tests run and `docs/malformed.md` is made from.

Every request is one change to an ordinary GET or POST. `reason` is why it is refused, or None when it passes to the
application: then nothing is unclear about it for Garrison, or the oddness is common among honest clients.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from garrison.core.verdict import Reason

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")
FORM: Header = (b"content-type", b"application/x-www-form-urlencoded")
HOST: Header = (b"host", b"testserver")
SID: Header = (b"cookie", b"sid=1")
XFF, LENGTH, SITE, TOKEN = b"x-forwarded-for", b"content-length", b"sec-fetch-site", b"x-csrf-token"
PROXY = {"proxies": ("203.0.113.0/24",)}
DECODES = {"size": {"decompress": ("gzip", "deflate")}}


@dataclass(frozen=True, slots=True)
class Case:
    """`what` is the row's text. `policy` is laid over the default policy; `given` says so in words."""

    what: str
    reason: Reason | None
    method: str = "GET"
    path: bytes = b"/"
    query: bytes = b""
    headers: Sequence[Header] = ()
    body: bytes = b""
    host: Sequence[Header] = (HOST,)
    policy: Mapping[str, Any] = field(default_factory=dict)
    given: str = ""


def get(what: str, reason: Reason | None = None, *headers: Header, **more: Any) -> Case:
    return Case(what, reason, headers=headers, **more)


def post(what: str, reason: Reason | None = None, *headers: Header, body: bytes = b"{}", **more: Any) -> Case:
    """A JSON request unless `headers` give another type."""
    typed = (
        headers
        if any(name == b"content-type" for name, _ in headers) or more.pop("untyped", False)
        else (JSON, *headers)
    )
    return Case(what, reason, "POST", headers=typed, body=body, **more)


def at(what: str, path: bytes, reason: Reason | None = Reason.TARGET_MALFORMED, query: bytes = b"") -> Case:
    return Case(what, reason, path=path, query=query)


def host(what: str, reason: Reason | None, *values: bytes) -> Case:
    return Case(what, reason, host=tuple((b"host", value) for value in values))


def behind(
    what: str, reason: Reason | None, *headers: Header, given: str = "behind a trusted proxy", **client: str
) -> Case:
    return Case(what, reason, headers=headers, policy={**PROXY, "client": client}, given=given)


def encoded(what: str, reason: Reason | None, body: bytes, coding: bytes = b"gzip") -> Case:
    return post(what, reason, (b"content-encoding", coding), body=body, policy=DECODES, given="gzip is decoded")


def typed(what: str, reason: Reason | None, value: bytes, body: bytes = b"x") -> Case:
    return post(what, reason, (b"content-type", value), body=body)


_R = Reason
_ZIPPED = gzip.compress(b'{"a": 1}')
_TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

TABLE: Mapping[str, Sequence[Case]] = {
    "Host": (
        host("no Host", _R.HOST_MISSING),
        host("two Host lines, even equal ones", _R.HOST_DUPLICATED, b"testserver", b"testserver"),
        host("empty", _R.HOST_MALFORMED, b""),
        host("a name of somebody else's", _R.HOST_UNKNOWN, b"evil.example"),
        host("a subdomain that is not listed", _R.HOST_UNKNOWN, b"a.testserver"),
        host("bytes above 0x7f", _R.HOST_MALFORMED, b"tests\xe9rver"),
        host("user information", _R.HOST_MALFORMED, b"testserver@evil.example"),
        host("a list", _R.HOST_MALFORMED, b"testserver, evil.example"),
        host("a port that is no number", _R.HOST_MALFORMED, b"testserver:http"),
        host("a port above 65535", _R.HOST_MALFORMED, b"testserver:65536"),
        host("an open IPv6 bracket", _R.HOST_MALFORMED, b"[::1"),
        host("an IPv4 address written as one number", _R.HOST_MALFORMED, b"2130706433"),
        host("300 characters", _R.HOST_MALFORMED, b"a" * 300),
        host("upper case, a trailing dot, a port", None, b"TestServer.:8443"),
    ),
    "Method": (
        Case("TRACE", _R.METHOD_NOT_ALLOWED, "TRACE"),
        Case("CONNECT", _R.METHOD_NOT_ALLOWED, "CONNECT"),
        Case("lower case", _R.METHOD_NOT_ALLOWED, "get"),
        Case("a word nobody knows", _R.METHOD_NOT_ALLOWED, "FROBNICATE"),
        Case("empty", _R.METHOD_NOT_ALLOWED, ""),
        Case("10,000 characters", _R.METHOD_NOT_ALLOWED, "G" * 10_000),
        Case("characters that no token has", _R.METHOD_NOT_ALLOWED, "GE T\u00e9"),
        get("GET that an override header turns into DELETE", _R.METHOD_NOT_ALLOWED,
            (b"x-http-method-override", b"DELETE")),
    ),
    "Target": (
        at("`%` without two digits", b"/100%"),
        at("`%zz`", b"/%zz"),
        at("bytes that are not UTF-8", b"/caf%E9"),
        at("an overlong encoding of a slash", b"/a%C0%AFb"),
        at("half a surrogate", b"/%ED%A0%80"),
        at("a NUL", b"/a%00b"),
        at("a line break", b"/a%0d%0aSet-Cookie:x"),
        at("an encoded slash", b"/a%2Fb"),
        at("a backslash", b"/a%5Cb"),
        at("dot segments", b"/a/../b"),
        at("dot segments, encoded", b"/a/%2e%2e/b"),
        at("an empty segment", b"//a"),
        at("an escape within an escape", b"/a%252e"),
        at("a bare byte above 0x7f", b"/caf\xe9"),
        at("a bare `#`", b"/a#b"),
        at("absolute form", b"http://testserver/"),
        at("asterisk form", b"*"),
        at("empty", b""),
        at("10,000 characters", b"/" + b"a" * 10_000, _R.TARGET_TOO_LONG),
        at("a query of 10,000 characters", b"/", _R.TARGET_TOO_LONG, query=b"a" * 10_000),
        at("a bare control character in the query", b"/", _R.TARGET_MALFORMED, query=b"a=\x00"),
        at("broken percent-encoding in the query", b"/", None, query=b"a=%zz&b=%"),
        at("a query that is not UTF-8", b"/", None, query=b"a=%FF&\xff=1"),
        at("encoded line breaks in the query", b"/", None, query=b"text=a%0d%0ab"),
        at("any Unicode text, encoded", b"/%F0%9F%8F%B0/caf%C3%A9", None),
    ),
    "Header block": (
        get("101 lines", _R.HEADERS_TOO_MANY, *[(b"x-%d" % n, b"1") for n in range(100)]),
        get("10,000 lines of one name", _R.HEADERS_TOO_MANY, *[(b"x", b"1")] * 10_000),
        get("one line of 33 KB", _R.HEADERS_TOO_LARGE, (b"x-long", b"a" * 33_000)),
        get("a User-Agent outside ASCII", None, (b"user-agent", "Браузер/1.0 😀".encode())),
        get("two User-Agent lines", None, (b"user-agent", b"a"), (b"user-agent", b"b")),
        get("bytes above 0x7f in a value", None, (b"x-name", bytes(range(0x80, 0x100)))),
        get("bytes above 0x7f in a name", None, (b"x-\xff\xfe", b"1")),
        get("empty values", None, (b"x-empty", b""), (b"user-agent", b""), (b"referer", b"")),
        get("an Accept that can't be read", None, (b"accept", b";;q=\xff,,text/;q=9999,*"), (b"accept", b"q=\x00")),
        get("a Referer that is no address", None, (b"referer", b"\xff://[::")),
        get("a traceparent that can't be read", None, (b"traceparent", b"00-zz-\xff")),
        get("two traceparent lines", None, (b"traceparent", _TRACE), (b"traceparent", _TRACE)),
        get("Expect, Upgrade, TE and Connection with nonsense", None, (b"expect", b"\xff"), (b"upgrade", b"x/y"),
            (b"te", b";;"), (b"connection", b"host, \xff")),
        get("a Range that can't be read", None, (b"range", b"bytes=-\xff")),
        get("conditions that can't be read", None, (b"if-none-match", b'W/"\xff'),
            (b"if-modified-since", b"yesterday")),
    ),
    "Cookie": (
        get("foreign cookies that are broken", None, (b"cookie", b"broken; =; \xff\xfe; a=b=c;; {\"x\":[1,2]}; =v")),
        get("bytes above 0x7f", None, (b"cookie", "name=вечер".encode())),
        get("empty", None, (b"cookie", b"")),
        get("two Cookie lines (HTTP/2 splits them)", None, (b"cookie", b"a=1"), (b"cookie", b"b=2")),
        get("20 KB of cookies", None, (b"cookie", b"a=" + b"x" * 20_000)),
        get("an open quotation mark", None, (b"cookie", b'a="b; c=d')),
        get("a session cookie that we never issued", None, (b"cookie", b"__Host-session=s.AAAA.\xff\x00")),
        get("two session cookies", None, (b"cookie", b"__Host-session=a; __Host-session=b")),
        post("POST with cookies and no CSRF token", _R.CSRF_MISSING, SID),
        post("POST with a CSRF token that is garbage", _R.CSRF_MISSING, SID, (TOKEN, b"\xff\x00")),
        post("POST with two CSRF tokens", _R.CSRF_INVALID, (b"cookie", b"__Host-csrf=a"), (TOKEN, b"a"),
             (TOKEN, b"a")),
        post("POST with a forged CSRF token in cookie and header", _R.CSRF_INVALID, (b"cookie", b"__Host-csrf=\xff"),
             (TOKEN, b"\xff")),
    ),
    "Authorization": (
        get("nonsense", None, (b"authorization", b"\xff\x80 Basic ==== \x01")),
        get("two lines", None, (b"authorization", b"Bearer a"), (b"authorization", b"Basic Og==")),
        get("empty", None, (b"authorization", b"")),
        post("POST with a broken Bearer token (the application judges it)", None, (b"authorization", b"Bearer \xff")),
        post("POST with a scheme nobody knows, without CSRF token", _R.CSRF_MISSING, (b"authorization", b"\xff")),
    ),
    "Origin and Fetch Metadata": (
        get("GET with an Origin that can't be read", None, (b"origin", b"\xff:///")),
        get("GET with nonsense in all Sec-Fetch headers", None, (SITE, b"\xff"), (b"sec-fetch-mode", b""),
            (b"sec-fetch-dest", b"\x00"), (b"sec-fetch-user", b"?9")),
        post("POST with an Origin that can't be read", _R.ORIGIN_UNKNOWN, (b"origin", b"\xff:///"), SID),
        post("POST with `Origin: null`", _R.ORIGIN_UNKNOWN, (b"origin", b"null"), SID),
        post("POST with two Origin lines", _R.CROSS_SITE, (b"origin", b"https://testserver"),
             (b"origin", b"https://testserver"), SID),
        post("POST with a Sec-Fetch-Site nobody knows", _R.CROSS_SITE, (SITE, b"\xff"), SID),
        post("POST with two Sec-Fetch-Site lines", _R.CROSS_SITE, (SITE, b"same-origin"),
             (SITE, b"same-origin"), SID),
        Case("a preflight with nonsense", _R.CORS_ORIGIN, "OPTIONS", headers=((b"origin", b"\xff"),
             (b"access-control-request-method", b"\xff"), (b"access-control-request-headers", b",,\xff, ;"))),
    ),
    "Client address": (
        get("X-Forwarded-For with nonsense, no proxy configured", None, (XFF, b"\xff, not-an-ip,,")),
        get("Forwarded with an open quotation, no proxy configured", None, (b"forwarded", b'for="')),
        behind("X-Forwarded-For whose last part is no address", _R.CLIENT_CHAIN, (XFF, b"192.0.2.1, \xff")),
        behind("no forwarding header", _R.CLIENT_CHAIN),
        behind("X-Forwarded-For of 9 KB", _R.CLIENT_CHAIN, (XFF, b"203.0.113.1, " * 700)),
        behind("X-Forwarded-For with nonsense left of the client", None, (XFF, b"\xff,,not-an-ip, 192.0.2.1")),
        behind("an X-Forwarded-Proto nobody knows", None, (XFF, b"192.0.2.1"),
               (b"x-forwarded-proto", b"\xff")),
        behind("Forwarded with an open quotation", _R.CLIENT_CHAIN, (b"forwarded", b'for="192.0.2.1'),
               header="forwarded"),
    ),
    "Length and framing": (
        post("two Content-Length lines, even equal ones", _R.LENGTH_MALFORMED, (LENGTH, b"2"), (LENGTH, b"2")),
        post("a Content-Length with a sign", _R.LENGTH_MALFORMED, (LENGTH, b"+2")),
        post("a negative Content-Length", _R.LENGTH_MALFORMED, (LENGTH, b"-1")),
        post("a list of lengths", _R.LENGTH_MALFORMED, (LENGTH, b"2, 2")),
        post("digits that are not ASCII", _R.LENGTH_MALFORMED, (LENGTH, "٢".encode())),
        post("an empty Content-Length", _R.LENGTH_MALFORMED, (LENGTH, b"")),
        post("a Content-Length of 40 digits", _R.LENGTH_MALFORMED, (LENGTH, b"9" * 40)),
        post("Content-Length beside Transfer-Encoding", _R.LENGTH_MALFORMED, (LENGTH, b"2"),
             (b"transfer-encoding", b"chunked")),
        post("a Transfer-Encoding other than chunked", _R.LENGTH_MALFORMED, (b"transfer-encoding", b"gzip, chunked")),
        post("two Transfer-Encoding lines", _R.LENGTH_MALFORMED, (b"transfer-encoding", b"chunked"),
             (b"transfer-encoding", b"chunked")),
        get("GET with a malformed Content-Length", _R.LENGTH_MALFORMED, (LENGTH, b"x")),
        post("a declared length above the limit", _R.BODY_TOO_LARGE, (LENGTH, b"2000000")),
        post("a body above the limit, whatever was declared", _R.BODY_TOO_LARGE, (LENGTH, b"2"),
             body=b"x" * 2_000_000),
        post("a body longer or shorter than declared (the server ends it)", None, (LENGTH, b"9"), body=b"{}"),
    ),
    "Content type": (
        post("a body without Content-Type", _R.CONTENT_TYPE_UNSUPPORTED, (LENGTH, b"2"), untyped=True),
        post("two Content-Type lines", _R.HEADER_MALFORMED, JSON, JSON),
        typed("nonsense", _R.HEADER_MALFORMED, b"\xff/;;="),
        typed("empty", _R.HEADER_MALFORMED, b""),
        typed("a type that is not listed", _R.CONTENT_TYPE_UNSUPPORTED, b"text/xml"),
        typed("an unknown charset", _R.CHARSET_UNSUPPORTED, b"application/json; charset=utf-7"),
        typed("multipart without boundary", _R.HEADER_MALFORMED, b"multipart/form-data"),
        typed("multipart with an empty boundary", _R.HEADER_MALFORMED, b'multipart/form-data; boundary=""'),
        typed("multipart with a boundary of 71 characters", _R.HEADER_MALFORMED,
              b"multipart/form-data; boundary=" + b"a" * 71),
        typed("multipart with a boundary outside ASCII", _R.HEADER_MALFORMED, b"multipart/form-data; boundary=\xff"),
        typed("multipart whose body does not fit its boundary", _R.BODY_MALFORMED,
              b"multipart/form-data; boundary=x", b"--y\r\n\xff"),
        typed("form fields that are not UTF-8", _R.BODY_MALFORMED, FORM[1], b"a=%FF&%zz=\xff&&=="),
        typed("JSON that is none", _R.BODY_MALFORMED, JSON[1], b'{"a":\xff'),
    ),
    "Content encoding": (
        post("gzip where nothing is decoded", _R.ENCODING_UNSUPPORTED, (b"content-encoding", b"gzip"), body=_ZIPPED),
        post("nonsense", _R.ENCODING_UNSUPPORTED, (b"content-encoding", b"\xff")),
        post("two Content-Encoding lines", _R.ENCODING_UNSUPPORTED, (b"content-encoding", b"identity"),
             (b"content-encoding", b"identity")),
        encoded("two codings, one on the other", _R.ENCODING_UNSUPPORTED, _ZIPPED, b"gzip, gzip"),
        encoded("gzip that is none", _R.BODY_MALFORMED, b"no gzip"),
        encoded("gzip that is cut short", _R.BODY_MALFORMED, _ZIPPED[:-4]),
        encoded("gzip with bytes after its end", _R.BODY_MALFORMED, _ZIPPED + b"x"),
        encoded("a body that unfolds a thousandfold", _R.EXPANSION_TOO_LARGE, gzip.compress(bytes(5_000_000))),
        encoded("a body that is decoded", None, _ZIPPED),
    ),
}  # fmt: skip


def render() -> str:
    """The table as a page of the documentation."""
    lines = [
        "# Malformed requests",
        "",
        "What becomes of requests that are broken, odd or hostile, under the `browser` preset with its default values.",
        "None of them is ever answered by a 5xx, and none raises an exception. The right column has the reason that",
        "problem documents, events and `garrison report` give. What passes is harmless and common among honest",
        "clients, or the application's to judge. Servers refuse some of these before Garrison sees them; it does not",
        "count on that.",
        "",
        "This page is made from the table that the tests run (`tests/attacks/malformed.py`).",
    ]
    for group, cases in TABLE.items():
        lines += ["", f"## {group}", "", "| request | outcome |", "| --- | --- |"]
        lines += [f"| {_words(case)} | {_outcome(case)} |" for case in cases]
    return "\n".join(lines) + "\n"


def _words(case: Case) -> str:
    return f"{case.what} ({case.given})" if case.given else case.what


def _outcome(case: Case) -> str:
    return "passes" if case.reason is None else f"refused: `{case.reason}`"


if __name__ == "__main__":
    from pathlib import Path

    (Path(__file__).parents[2] / "docs" / "malformed.md").write_text(render(), encoding="utf-8")
