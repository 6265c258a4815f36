"""The size layer: header block, framing and body."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from garrison.core.exchange import Exchange
from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse, Verdict
from garrison.layers import size
from garrison.policy.model import Policy
from tests.support.facts import make_facts
from tests.support.gate import request, through

POLICY = Policy(hosts=("example.com",), size={"body": 1000})
DECODING = Policy(hosts=("example.com",), size={"body": 1000, "decompress": ("gzip", "deflate")})


def _decide(policy: Policy = POLICY, **facts: Any) -> Verdict:
    decide = size.compile(policy, Services()).decide
    assert decide is not None
    return decide(make_facts(**facts))


def _reason(verdict: Verdict) -> tuple[Reason, int]:
    assert isinstance(verdict, Refuse)
    return verdict.reason, verdict.status


def _posted(*headers: tuple[bytes, bytes], policy: Policy = POLICY) -> Verdict:
    return _decide(policy, method="POST", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"0")],
        [(b"content-length", b"1000")],
        [(b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"Chunked ")],
        [(b"content-length", b"5"), (b"content-encoding", b"identity")],
        [(b"cookie", b"broken; =; \xff\xfe; a=b=c;;")],
        [(b"user-agent", "Браузер/1.0 😀".encode())],
        [(b"x-name", b"\xe9\xe8")],
    ],
)
def test_ordinary_requests_pass(headers: list[tuple[bytes, bytes]]) -> None:
    assert _decide(method="POST", headers=headers) is None
    assert _decide() is None


def test_too_many_header_lines_are_refused() -> None:
    lines = [(b"x-%d" % number, b"1") for number in range(101)]
    assert _reason(_decide(headers=lines, bare=True)) == (Reason.HEADERS_TOO_MANY, 431)
    assert _decide(headers=lines[:99], bare=True) is None
    assert _reason(_decide(headers=[(b"x", b"1")] * 101)) == (Reason.HEADERS_TOO_MANY, 431)


def test_a_header_block_that_is_too_large_is_refused() -> None:
    assert _reason(_decide(headers=[(b"cookie", b"a" * 33_000)])) == (Reason.HEADERS_TOO_LARGE, 431)
    assert _reason(_decide(headers=[(b"x", b"a" * 17_000)] * 2)) == (Reason.HEADERS_TOO_LARGE, 431)
    assert _decide(headers=[(b"cookie", b"a" * 20_000)]) is None


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", value)]
        for value in (b"", b"-1", b"+5", b"5, 5", b"0x10", b"5.0", b" 5", b"five", "٥".encode(), b"9" * 40)
    ]
    + [
        [(b"content-length", b"5"), (b"content-length", b"6")],
        [(b"content-length", b"5"), (b"content-length", b"5")],
        [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"identity, chunked")],
        [(b"transfer-encoding", b"gzip, chunked")],
        [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"xchunked")],
        [(b"transfer-encoding", b"\x0bchunked")],
        [(b"transfer-encoding", b"identity")],
        [(b"transfer-encoding", b"")],
    ],
)
def test_framing_that_two_servers_read_differently_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    assert _reason(_posted(*headers)) == (Reason.LENGTH_MALFORMED, 400)
    assert _reason(_decide(headers=headers)) == (Reason.LENGTH_MALFORMED, 400)


def test_a_declared_length_over_the_cap_is_refused_before_the_body_comes() -> None:
    assert _reason(_posted((b"content-length", b"1001"))) == (Reason.BODY_TOO_LARGE, 413)
    assert _posted((b"content-length", b"1001"), policy=Policy(hosts=("example.com",))) is None  # the control


async def _read(asked: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await asked.body())))


APP = Starlette(routes=[Route("/", _read, methods=["GET", "POST"])])


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers",
    [[(b"transfer-encoding", b"chunked")], [(b"content-length", b"10")], []],
    ids=["chunked", "lying length", "no length at all"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_bytes_are_counted_as_they_arrive_whatever_was_declared(
    method: str, headers: list[tuple[bytes, bytes]]
) -> None:
    lines = [(b"host", b"example.com"), *headers]
    body = [b"x" * 100] * 11
    assert (await request(APP, method, headers=lines, body=body)).body == b"1100"  # the control
    layer = size.compile(POLICY, Services())
    held = await through(layer, POLICY, APP, method, headers=lines, body=body)
    assert held.status == 413
    assert held.refusal is not None
    assert held.refusal.reason is Reason.BODY_TOO_LARGE
    passed = await through(layer, POLICY, APP, method, headers=lines, body=body[:10])
    assert (passed.status, passed.body) == (200, b"1000")


def test_websocket_messages_are_not_counted_here() -> None:
    watch = size.compile(POLICY, Services()).watch
    assert watch is not None
    facts = make_facts(kind="websocket", scheme="wss")
    assert watch(facts, Exchange(facts, Services())) is None


def test_two_requests_are_counted_apart() -> None:
    watch = size.compile(POLICY, Services()).watch
    assert watch is not None
    first, second = (watch(facts, Exchange(facts, Services())) for facts in (make_facts(), make_facts()))
    assert first is not None
    assert second is not None
    assert (first(b"x" * 900), second(b"x" * 900)) == (None, None)
    assert isinstance(first(b"x" * 101), Refuse)


@pytest.mark.parametrize("value", [b"gzip", b"br", b"deflate", b"gzip, gzip", b"GZIP", b"", b"compress"])
def test_an_encoding_nobody_asked_for_is_unsupported_and_says_what_is(value: bytes) -> None:
    refusal = _posted((b"content-encoding", value), (b"content-length", b"9"))
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status) == (Reason.ENCODING_UNSUPPORTED, 415)
    assert refusal.headers == ((b"accept-encoding", b"identity"),)


@pytest.mark.anyio
async def test_an_encoded_body_hides_its_content_from_a_bare_application_s_neighbours() -> None:
    body = gzip.compress(b"x" * 100_000)
    lines = [(b"host", b"example.com"), (b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(body))]
    assert (await request(APP, "POST", headers=lines, body=[body])).body == b"%d" % len(body)  # the control
    held = await through(size.compile(POLICY, Services()), POLICY, APP, "POST", headers=lines, body=[body])
    assert held.status == 415


@pytest.mark.parametrize(
    ("values", "encoding"),
    [([b"gzip"], "gzip"), ([b" GZIP "], "gzip"), ([b"x-gzip"], "gzip"), ([b"deflate"], "deflate"),
     ([b"identity"], None), ([], None)],
)  # fmt: skip
def test_encodings_that_were_opted_into_pass_and_are_decoded(values: list[bytes], encoding: str | None) -> None:
    headers = [(b"content-encoding", value) for value in values]
    assert _posted(*headers, policy=DECODING) is None
    assert size.wants_decoding(make_facts(method="POST", headers=headers), DECODING.size) == encoding


@pytest.mark.parametrize("values", [[b"br"], [b"gzip, deflate"], [b"gzip", b"gzip"], [b"gzip", b"identity"]])
def test_several_or_other_encodings_stay_unsupported(values: list[bytes]) -> None:
    headers = [(b"content-encoding", value) for value in values]
    refusal = _posted(*headers, policy=DECODING)
    assert isinstance(refusal, Refuse)
    assert refusal.headers == ((b"accept-encoding", b"gzip, deflate"),)
    assert size.wants_decoding(make_facts(method="POST", headers=headers), DECODING.size) is None


def test_nothing_is_decoded_where_the_layer_is_off_or_did_not_opt_in() -> None:
    facts = make_facts(method="POST", headers=[(b"content-encoding", b"gzip")])
    off = Policy(size={"decompress": ("gzip",), "mode": "off", "allow_insecure_off": "test"})
    assert size.wants_decoding(facts, off.size) is None
    assert size.wants_decoding(facts, POLICY.size) is None
