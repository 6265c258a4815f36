"""The method layer: what may be done at all."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse, Verdict
from garrison.layers import method
from garrison.policy.model import Policy
from tests.support.facts import make_facts
from tests.support.gate import Message, request, through

POLICY = Policy(hosts=("example.com",))


def _decide(name: str, allow: tuple[str, ...] | None = None, **facts: Any) -> Verdict:
    policy = POLICY if allow is None else Policy(hosts=("example.com",), method={"allow": allow})
    decide = method.compile(policy, Services()).decide
    assert decide is not None
    return decide(make_facts(method=name, **facts))


@pytest.mark.parametrize("name", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_usual_methods_pass(name: str) -> None:
    assert _decide(name) is None


@pytest.mark.parametrize("name", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "get", "Post", "GET ", "", "X" * 5000])
def test_others_are_refused_and_told_what_is_allowed(name: str) -> None:
    refusal = _decide(name)
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status) == (Reason.METHOD_NOT_ALLOWED, 405)
    assert refusal.headers == ((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)
    assert len(refusal.detail) <= 32


def test_a_listed_method_passes_and_an_unlisted_one_does_not() -> None:
    assert isinstance(_decide("PROPFIND"), Refuse)
    assert _decide("PROPFIND", ("GET", "PROPFIND")) is None
    assert isinstance(_decide("POST", ("GET", "PROPFIND")), Refuse)
    assert _decide("GET", ("get",)) is None


@pytest.mark.parametrize("allow", [("GET", "TRACE"), ("connect",), ("TRACK",), (), ("GE T",), ("",), ("GÉT",)])
def test_methods_that_never_pass_or_are_none_stop_the_start(allow: tuple[str, ...]) -> None:
    with pytest.raises(method.BadMethod):
        _decide("GET", allow)


async def _echo_trace(scope: Message, receive: Any, send: Any) -> None:
    lines = b"\r\n".join(name + b": " + value for name, value in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"message/http")]})
    await send({"type": "http.response.body", "body": lines if scope["method"] == "TRACE" else b""})


@pytest.mark.anyio
async def test_trace_does_not_echo_what_scripts_may_not_read() -> None:
    headers = [(b"host", b"example.com"), (b"cookie", b"session=secret")]
    assert b"secret" in (await request(_echo_trace, "TRACE", headers=headers)).body  # the control
    held = await through(method.compile(POLICY, Services()), POLICY, _echo_trace, "TRACE", headers=headers)
    assert (held.status, held.body) == (405, b"")


@pytest.mark.parametrize("header", method.OVERRIDES)
@pytest.mark.parametrize(
    ("sent", "value", "passes"),
    [
        ("GET", b"DELETE", False),
        ("GET", b"POST", False),
        ("HEAD", b"patch", False),
        ("POST", b"TRACE", False),
        ("POST", b"", False),
        ("POST", b"PUT", True),
        ("POST", b" delete ", True),
        ("POST", b"GET", True),
        ("GET", b"GET", True),
    ],
)
def test_an_override_may_not_turn_an_unchecked_method_into_another(
    header: bytes, sent: str, value: bytes, passes: bool
) -> None:
    assert (_decide(sent, headers=[(header, value)]) is None) is passes


def test_a_second_override_line_is_judged_as_well() -> None:
    name = method.OVERRIDES[0]
    assert isinstance(_decide("POST", headers=[(name, b"TRACE"), (name, b"PUT")]), Refuse)
