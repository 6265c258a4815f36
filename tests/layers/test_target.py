"""The target layer: short enough, and read alike by everybody."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from garrison.core.path import FAULTS
from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse, Verdict
from garrison.layers import target
from garrison.policy.model import Policy, RouteClass
from tests.support.facts import make_facts
from tests.support.gate import request, through

POLICY = Policy(hosts=("example.com",))
COMPAT = Policy(hosts=("example.com",), preset="compat")


def _decide(policy: Policy = POLICY, **facts: Any) -> Verdict:
    decide = target.compile(policy, Services()).decide
    assert decide is not None
    return decide(make_facts(**facts))


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (b"/", b""),
        (b"/O'Brien", b"name=O'Brien&x=%27"),
        (b"/caf%C3%A9/%F0%9F%98%80", b"q=%F0%9F%98%80+%E6%97%A5"),
        (b"/a%20b%2Bc", b"a=1+2&b=%2B&c=a%20b"),
        (b"/map;v=2/x", b"a;b"),
        (b"/n", b"text=line%0D%0Aline&next=https://example.com/a?b=c"),
        (b"/n", b"q=caf\xc3\xa9"),  # some tools send UTF-8 unencoded
        (b"/n", b"broken=%zz&nul=%00"),
        (b"/n", b"q=" + b"x" * 8000),
        (b"/redirect", b"to=..%2f..%2f"),
    ],
)
def test_what_people_and_tools_send_passes(path: bytes, query: bytes) -> None:
    assert _decide(path=path, query=query) is None


SAMPLES = {
    "control": b"/a%00b",
    "encoded-slash": b"/a%2Fb",
    "backslash": b"/a%5Cb",
    "dot-segment": b"/a/%2e%2e/b",
    "empty-segment": b"/a//b",
    "double-encoding": b"/a%2541",
    "invalid-utf8": b"/%C0%AF",
    "malformed-percent": b"/100%",
    "fragment": b"/a#b",
    "raw-byte": b"/caf\xc3\xa9",
    "not-origin-form": b"*",
}


def test_every_fault_has_a_sample() -> None:
    assert tuple(SAMPLES) == FAULTS


@pytest.mark.parametrize(("fault", "path"), SAMPLES.items())
def test_each_fault_is_refused_by_default_and_named(fault: str, path: bytes) -> None:
    refusal = _decide(path=path)
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status, refusal.detail) == (Reason.TARGET_MALFORMED, 400, fault)


@pytest.mark.parametrize(("fault", "path"), SAMPLES.items())
def test_each_choice_of_the_policy_lets_its_own_fault_pass_and_no_other(fault: str, path: bytes) -> None:
    for other, key in target.KEYS.items():
        policy = Policy(hosts=("example.com",), target={key: "pass"})
        assert (_decide(policy, path=path) is None) is (other == fault)


def test_what_compat_lets_pass_still_holds_no_dot_segments() -> None:
    assert _decide(COMPAT, path=b"/db/a%2Fb//c%2541%5C100%") is None
    assert isinstance(_decide(COMPAT, path=b"/a%2F..%2Fb"), Refuse)
    assert isinstance(_decide(COMPAT, path=b"/a%5C..%5Cb"), Refuse)
    assert isinstance(_decide(COMPAT, path=b"//evil.com/%2e%2e"), Refuse)


@pytest.mark.parametrize("query", [b"a=b\r\nSet-Cookie: x", b"a=\x00", b"a=b c", b"\x7f", b"a=\x1b[31m"])
def test_bare_control_characters_in_the_query_are_refused(query: bytes) -> None:
    refusal = _decide(query=query)
    assert isinstance(refusal, Refuse)
    assert refusal.reason is Reason.TARGET_MALFORMED
    assert _decide(Policy(target={"control_characters": "pass"}), query=query) is None  # the control


@pytest.mark.parametrize(("path", "query"), [(b"/" + b"a" * 8192, b""), (b"/", b"a" * 8192), (b"/" * 9000, b"")])
def test_a_target_without_end_is_refused(path: bytes, query: bytes) -> None:
    refusal = _decide(path=path, query=query)
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status) == (Reason.TARGET_TOO_LONG, 414)
    assert isinstance(_decide(Policy(target={"max_length": "100 B"}), query=b"a" * 100), Refuse)


def test_a_choice_in_a_route_class_stops_the_start_because_it_could_not_take_effect() -> None:
    def effective(**section: Any) -> Policy:
        policy = Policy(hosts=("example.com",), routes=(RouteClass(name="f", paths=("/f/**",), target=section),))  # type: ignore[call-arg]
        return policy.effective(policy.routes[0])

    with pytest.raises(target.TargetPerRoute, match="encoded_slash"):
        target.compile(effective(encoded_slash="pass"), Services())
    assert isinstance(_decide(effective(max_length=10), path="/f/0123456789"), Refuse)


def _file(asked: Request) -> PlainTextResponse:
    return PlainTextResponse(asked.path_params["name"])


APP = Starlette(routes=[Route("/public/{name:path}", _file), Route("/x", _file)])


@pytest.mark.anyio
@pytest.mark.parametrize("raw", [b"/public/..%2f..%2fetc/passwd", b"/public/%2e%2e/%2e%2e/etc/passwd"])
async def test_traversal_reaches_a_bare_application_and_not_a_hardened_one(raw: bytes) -> None:
    assert (await request(APP, raw_path=raw)).body == b"../../etc/passwd"  # the control
    for policy in (POLICY, COMPAT):
        held = await through(target.compile(policy, Services()), policy, APP, "GET", raw)
        assert (held.status, held.body) == (400, b"")
