"""Attacks on the header set: line breaks in policy values, and an application that loosens what the policy says.

Quoted rule: "a field value does not contain CR, LF or NUL" (RFC 9110, section 5.5).
"""

from __future__ import annotations

import io
from http.client import parse_headers

import pytest

from garrison.asgi.dress import dress
from garrison.core.errors import OperatorError
from garrison.core.exchange import Exchange
from garrison.core.layer import Layer
from garrison.core.ports import Services
from garrison.core.stack import Stack
from garrison.layers import headers
from garrison.policy import Policy
from tests.support.facts import make_facts

EVIL = "no-referrer\r\nSet-Cookie: admin=1"
LENIENT_ORIGIN = (b"cross-origin-resource-policy", b"cross-origin")
NO_HSTS = (b"strict-transport-security", b"max-age=0")


def on_the_wire(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers that a client reads from bytes that a server wrote without looking."""
    block = b"".join(name + b": " + value + b"\r\n" for name, value in pairs) + b"\r\n"
    return {name.lower(): value for name, value in parse_headers(io.BytesIO(block)).items()}


def sent(layers: list[Layer], given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return dress(Stack.build(layers), Exchange(make_facts(), Services()), 200, given)


def test_control_a_line_break_in_a_value_is_a_header_of_its_own() -> None:
    naive = Layer("naive", sets=((b"referrer-policy", EVIL.encode()),), claims=(b"referrer-policy",))
    assert on_the_wire(sent([naive], []))["set-cookie"] == "admin=1"


@pytest.mark.parametrize("evil", [EVIL, "no-referrer\n", "no-referrer\x00", "no-referrer\x0bx", "no-référrer"])
@pytest.mark.parametrize(
    "key",
    [
        "referrer_policy",
        "cross_origin_opener_policy",
        "cross_origin_embedder_policy",
        "cross_origin_resource_policy",
        "permitted_cross_domain_policies",
        "dns_prefetch_control",
    ],
)
def test_no_value_of_the_policy_can_hold_a_line_break(key: str, evil: str) -> None:
    with pytest.raises(OperatorError):
        headers.compile(Policy(headers={key: evil}), Services())


@pytest.mark.parametrize(
    "section",
    [
        {"permissions": {"camera": "()\r\nSet-Cookie: admin=1"}},
        {"permissions": {"camera=*\r\nX: y": "()"}},
        {"permissions": {"camera": '(self "https://a.example\r\n")'}},
        {"permissions": {"camera": "(), microphone=*"}},
        {"remove": ("server\r\nx",)},
        {"cross_origin_opener_policy": 'same-origin; report-to="a"\r\nX: y'},
    ],
)
def test_no_list_of_the_policy_can_hold_one_either(section: dict[str, object]) -> None:
    with pytest.raises(OperatorError):
        headers.compile(Policy(headers=section), Services())


def test_control_an_application_can_end_hsts_and_open_itself_to_embedding() -> None:
    assert {NO_HSTS, LENIENT_ORIGIN} <= set(sent([], [NO_HSTS, LENIENT_ORIGIN]))


def test_an_application_can_neither_end_hsts_nor_open_itself_to_embedding() -> None:
    layer = headers.compile(Policy(), Services())
    out = sent([layer], [NO_HSTS, (b"Strict-Transport-Security", b"max-age=1"), LENIENT_ORIGIN])
    assert [value for name, value in out if name == NO_HSTS[0]] == [b"max-age=63072000"]
    assert [value for name, value in out if name == LENIENT_ORIGIN[0]] == [b"same-origin"]


def test_control_versions_in_server_headers_reach_the_client() -> None:
    assert (b"server", b"nginx/1.2") in sent([], [(b"server", b"nginx/1.2")])


def test_versions_in_server_headers_do_not_reach_the_client() -> None:
    layer = headers.compile(Policy(), Services())
    names = {name for name, _ in sent([layer], [(b"Server", b"nginx/1.2"), (b"X-Powered-By", b"PHP/5")])}
    assert not names & {b"server", b"x-powered-by"}
