"""The content layer: bodies of declared types only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse, Verdict
from garrison.layers import content
from garrison.policy.model import Policy
from tests.support.facts import make_facts
from tests.support.gate import request, through

POLICY = Policy(hosts=("example.com",))
API = Policy(hosts=("example.com",), preset="api")
LENGTH = (b"content-length", b"12")


def _decide(*headers: tuple[bytes, bytes], policy: Policy = POLICY, method: str = "POST") -> Verdict:
    decide = content.compile(policy, Services()).decide
    assert decide is not None
    return decide(make_facts(method=method, headers=headers))


def _reason(verdict: Verdict) -> tuple[Reason, int]:
    assert isinstance(verdict, Refuse)
    return verdict.reason, verdict.status


@pytest.mark.parametrize(
    "value",
    [
        b"application/json",
        b"APPLICATION/JSON;CHARSET=UTF-8",
        b'application/json; charset="utf-8"',
        b"application/json; charset=utf8",
        b"application/json;",
        b"application/vnd.api+json",
        b"application/x-www-form-urlencoded; charset=UTF-8",
        b"multipart/form-data; boundary=----WebKitFormBoundaryMNOP",
        b'multipart/form-data; boundary="a b"',
    ],
)
@pytest.mark.parametrize("body", [LENGTH, (b"transfer-encoding", b"chunked")])
def test_declared_types_pass(value: bytes, body: tuple[bytes, bytes]) -> None:
    assert _decide((b"content-type", value), body) is None


@pytest.mark.parametrize("value", [b"text/plain", b"application/xml", b"text/html", b"application/jsonx", b"x/y"])
def test_other_types_are_unsupported(value: bytes) -> None:
    assert _reason(_decide((b"content-type", value), LENGTH)) == (Reason.CONTENT_TYPE_UNSUPPORTED, 415)
    wide = Policy(hosts=("example.com",), content={"types": (value.decode(),)})
    assert _decide((b"content-type", value), LENGTH, policy=wide) is None  # the control


@pytest.mark.parametrize("charset", [b"utf-7", b"utf-16", b"iso-8859-1", b"ibm037", b'"UTF-16LE"'])
def test_other_charsets_are_unsupported(charset: bytes) -> None:
    verdict = _decide((b"content-type", b"application/json; charset=" + charset), LENGTH)
    assert _reason(verdict) == (Reason.CHARSET_UNSUPPORTED, 415)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"application/json"), (b"content-type", b"text/plain")],
        [(b"content-type", b"application/json"), (b"content-type", b"application/json")],
        [(b"content-type", b"application/json, text/plain")],
        [(b"content-type", b"json")],
        [(b"content-type", b"")],
        [(b"content-type", b"application/json; charset=utf-8; charset=utf-7")],
        [(b"content-type", b'application/json; charset="utf-8')],
        [(b"content-type", b"application/json\x00")],
        [(b"content-type", b"multipart/form-data")],
        [(b"content-type", b"multipart/form-data; boundary=")],
        [(b"content-type", b'multipart/form-data; boundary=""')],
        [(b"content-type", b"multipart/form-data; boundary=" + b"x" * 71)],
        [(b"content-type", b"multipart/form-data; boundary=a; boundary=b")],
    ],
)
def test_a_header_that_two_parsers_read_differently_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    assert _reason(_decide(*headers, LENGTH)) == (Reason.HEADER_MALFORMED, 400)


def test_a_body_needs_a_type_unless_the_policy_says_otherwise() -> None:
    assert _reason(_decide(LENGTH)) == (Reason.CONTENT_TYPE_UNSUPPORTED, 415)
    lax = Policy(hosts=("example.com",), content={"require_type": False})
    assert _decide(LENGTH, policy=lax) is None
    assert isinstance(_decide(LENGTH, (b"content-type", b"text/plain"), policy=lax), Refuse)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_without_a_body_no_type_is_needed(method: str) -> None:
    assert _decide(method=method) is None
    assert _decide((b"content-length", b"0"), method=method) is None


def test_a_sloppy_type_on_a_get_is_nobody_s_business() -> None:
    assert _decide((b"content-type", b"text/plain"), method="GET") is None
    assert isinstance(_decide((b"content-type", b"text/plain"), LENGTH, method="GET"), Refuse)


def test_a_body_without_a_length_is_judged_by_its_type() -> None:
    assert isinstance(_decide((b"content-type", b"text/plain")), Refuse)


def test_verdicts_are_kept_for_few_values_only() -> None:
    decide = content.compile(POLICY, Services()).decide
    assert decide is not None
    for number in range(1000):
        value = b"multipart/form-data; boundary=%d" % number
        assert decide(make_facts(method="POST", headers=[(b"content-type", value), LENGTH])) is None
        assert isinstance(
            decide(make_facts(method="POST", headers=[(b"content-type", b"a/%d" % number), LENGTH])), Refuse
        )


@pytest.mark.parametrize("pattern", ["*/*", "*", "json"])
def test_types_that_are_none_or_any_stop_the_start(pattern: str) -> None:
    with pytest.raises(content.BadContentType, match=r"content\.types"):
        content.compile(Policy(content={"types": (pattern,)}), Services())


async def _transfer(asked: Request) -> PlainTextResponse:
    """An endpoint that reads JSON without looking at the type, as many do."""
    order: dict[str, Any] = json.loads(await asked.body())
    return PlainTextResponse(f"sent {order['amount']}")


APP = Starlette(routes=[Route("/", _transfer, methods=["POST"])])
FORGED = b'{"amount": 100, "x": "="}'


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [b"text/plain", b"text/plain;charset=UTF-8", b"application/x-www-form-urlencoded"])
async def test_a_form_on_another_site_cannot_post_json_without_a_preflight(kind: bytes) -> None:
    headers = [(b"host", b"example.com"), (b"content-type", kind), (b"content-length", b"%d" % len(FORGED))]
    assert (await request(APP, "POST", headers=headers, body=[FORGED])).body == b"sent 100"  # the control
    held = await through(content.compile(API, Services()), API, APP, "POST", headers=headers, body=[FORGED])
    assert (held.status, held.body) == (415, b"")
