"""Security headers: present where they belong, absent where they do harm, and only with values browsers know."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.asgi.dress import dress
from garrison.core.errors import OperatorError
from garrison.core.exchange import Exchange
from garrison.core.facts import Client, Facts
from garrison.core.ports import Services
from garrison.core.stack import ClaimedTwice, Stack
from garrison.layers import csp, headers
from garrison.layers.header_values import BadHeaderValue
from garrison.layers.headers import BadRemoval, UnsafeHsts
from garrison.policy import Policy
from tests.support.facts import make_facts

HSTS = b"strict-transport-security"
PLAIN = [(b"content-type", b"text/plain"), (b"content-length", b"0")]

HELMET = {
    b"cross-origin-opener-policy",
    b"cross-origin-resource-policy",
    b"origin-agent-cluster",
    b"referrer-policy",
    b"strict-transport-security",
    b"x-content-type-options",
    b"x-dns-prefetch-control",
    b"x-frame-options",
    b"x-permitted-cross-domain-policies",
    b"x-xss-protection",
}
"""Helmet 8's defaults, without the CSP (its own layer) and X-Download-Options (Internet Explorer 8 alone read it)."""


def answered(facts: Facts | None = None, given: list[tuple[bytes, bytes]] = PLAIN, **policy: Any) -> dict[bytes, bytes]:
    """The headers of an answer that went through the layer."""
    stack = Stack.build([headers.compile(Policy(**policy), Services())])
    out = dress(stack, Exchange(facts or make_facts(), Services()), 200, given)
    found = dict(out)
    assert len(found) == len(out), "a header came twice"
    return found


def test_the_default_set_covers_what_helmet_sets() -> None:
    assert answered().keys() >= HELMET


def test_the_default_set_covers_what_a_second_package_sets() -> None:
    secure = pytest.importorskip("secure", reason="the package `secure` is a benchmark dependency")
    theirs = {name.lower().encode() for p in secure.Preset for name in secure.Secure.from_preset(p).headers}
    elsewhere = {b"content-security-policy", b"cache-control"}  # layers of their own
    unwanted = {b"server", b"x-download-options"}  # removed, not blanked; read by Internet Explorer 8 alone
    assert theirs - elsewhere - unwanted <= answered().keys()


def test_the_default_values_are_the_strict_ones() -> None:
    out = answered()
    assert out[b"referrer-policy"] == b"no-referrer"
    assert out[b"cross-origin-opener-policy"] == b"same-origin"
    assert out[b"cross-origin-embedder-policy"] == b"require-corp"
    assert out[b"cross-origin-resource-policy"] == b"same-origin"
    assert out[b"origin-agent-cluster"] == b"?1"
    assert out[b"x-content-type-options"] == b"nosniff"
    assert out[b"x-frame-options"] == b"DENY"
    assert out[b"x-xss-protection"] == b"0"
    assert out[HSTS] == b"max-age=63072000"
    assert b"camera=(), " in out[b"permissions-policy"]


def test_what_the_application_sent_of_an_owned_header_is_replaced() -> None:
    given = [(b"X-Frame-Options", b"ALLOWALL"), (b"Strict-Transport-Security", b"max-age=0"), (b"server", b"x/1.0")]
    out = answered(given=given)
    assert out[b"x-frame-options"] == b"DENY"
    assert out[HSTS] == b"max-age=63072000"
    assert b"server" not in out


@pytest.mark.parametrize(
    ("scheme", "host"),
    [("http", "example.com"), ("ws", "example.com"), ("https", "192.0.2.1"), ("https", "localhost"),
     ("https", "app.localhost"), ("https", None)],
)  # fmt: skip
def test_hsts_is_not_sent_over_http_nor_for_ip_literals_nor_localhost(scheme: str, host: str | None) -> None:
    assert HSTS not in answered(make_facts(scheme=scheme, host=host))


def test_hsts_is_never_sent_in_development_not_even_the_applications_own() -> None:
    assert HSTS not in answered(environment="development", given=[(HSTS, b"max-age=9")])


def test_hsts_is_sent_to_websocket_handshakes_over_tls() -> None:
    assert HSTS in answered(make_facts(kind="websocket", scheme="wss"))


def test_hsts_is_left_to_the_application_where_the_policy_has_none() -> None:
    assert answered(headers={"hsts": None}, given=[(HSTS, b"max-age=9")])[HSTS] == b"max-age=9"


def test_hsts_is_left_to_the_proxy_where_the_policy_says_so_and_a_proxy_was_there() -> None:
    proxied = make_facts(client=Client(None, "", proxied=True))
    assert HSTS not in answered(proxied, [(HSTS, b"max-age=9")], edge={"hsts": True})
    assert HSTS in answered(edge={"hsts": True})
    assert HSTS in answered(proxied)


def test_hsts_carries_subdomains_and_preload_when_both_are_asked_for() -> None:
    out = answered(headers={"hsts": {"include_subdomains": True, "preload": True}})
    assert out[HSTS] == b"max-age=63072000; includeSubDomains; preload"


@pytest.mark.parametrize(
    "hsts",
    [{"preload": True}, {"preload": True, "include_subdomains": True, "max_age": "364 days"}],
)
def test_a_preload_that_the_list_would_not_take_is_refused(hsts: dict[str, Any]) -> None:
    with pytest.raises(UnsafeHsts):
        answered(headers={"hsts": hsts})


def test_an_empty_value_leaves_the_header_to_the_application() -> None:
    layer = headers.compile(Policy(headers={"referrer_policy": "", "frame_options": ""}), Services())
    assert not {b"referrer-policy", b"x-frame-options"} & set(layer.claims)
    out = answered(headers={"referrer_policy": ""}, given=[(b"referrer-policy", b"origin")])
    assert out[b"referrer-policy"] == b"origin"


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("referrer_policy", "no-referer", "no-referrer"),
        ("referrer_policy", "strict-origin, same_origin", "same-origin"),
        ("cross_origin_opener_policy", "sameorigin", "same-origin"),
        ("cross_origin_embedder_policy", "required-corp", "require-corp"),
        ("cross_origin_resource_policy", "samesite", "same-site"),
        ("permitted_cross_domain_policies", "non", "none"),
    ],
)
def test_a_misspelt_value_is_refused_with_the_right_one(key: str, wrong: str, right: str) -> None:
    with pytest.raises(BadHeaderValue, match=right):
        answered(headers={key: wrong})


def test_a_misspelt_permission_is_refused_with_the_right_one() -> None:
    with pytest.raises(BadHeaderValue, match="'geolocation'"):
        answered(headers={"permissions": {"geolocaton": "()"}})


def test_a_permission_newer_than_our_list_is_sent() -> None:
    sent = answered(headers={"permissions": {"brand-new-thing": "(self)"}})[b"permissions-policy"]
    assert b"brand-new-thing=(self)" in sent.split(b", ")


@pytest.mark.parametrize("allowed", ["", "none", "(self", "'self'", "(https://example.com)", "() ; camera=*"])
def test_a_malformed_allow_list_is_refused(allowed: str) -> None:
    with pytest.raises(BadHeaderValue):
        answered(headers={"permissions": {"camera": allowed}})


@pytest.mark.parametrize("allowed", ["()", "*", "self", "(self)", '(self "https://maps.example.com:8443")'])
def test_allow_lists_of_the_standard_are_sent(allowed: str) -> None:
    out = answered(headers={"permissions": {"camera": allowed}})
    assert f"camera={allowed}".encode() in out[b"permissions-policy"].split(b", ")


def test_an_endpoint_for_reports_may_follow_the_opener_policy() -> None:
    value = 'same-origin; report-to="garrison"'
    assert answered(headers={"cross_origin_opener_policy": value})[b"cross-origin-opener-policy"] == value.encode()


def test_monitor_sends_report_only_forms_and_keeps_the_rest() -> None:
    out = answered(headers={"mode": "monitor"}, given=[(b"cross-origin-opener-policy", b"unsafe-none")])
    assert out[b"cross-origin-opener-policy-report-only"] == b'same-origin; report-to="garrison"'
    assert out[b"cross-origin-embedder-policy-report-only"] == b'require-corp; report-to="garrison"'
    assert out[b"cross-origin-opener-policy"] == b"unsafe-none"
    assert b"permissions-policy-report-only" in out
    assert b"permissions-policy" not in out
    assert out[b"x-content-type-options"] == b"nosniff"


def test_off_leaves_every_header_to_the_application() -> None:
    given = [(b"server", b"x"), (b"x-frame-options", b"SAMEORIGIN")]
    assert answered(headers={"mode": "off", "allow_insecure_off": "test"}, given=given) == dict(given)


@pytest.mark.parametrize("name", ["content-type", "Set-Cookie", "x y", "", "x:y"])
def test_headers_that_answers_need_and_what_is_no_name_can_not_be_removed(name: str) -> None:
    with pytest.raises(BadRemoval):
        answered(headers={"remove": (name,)})


def test_removing_a_header_that_another_layer_owns_is_a_start_up_error() -> None:
    policy = Policy(headers={"remove": ("content-security-policy",)})
    with pytest.raises(ClaimedTwice):
        Stack.build([headers.compile(policy, Services()), csp.compile(policy, Services())])


def test_every_error_of_this_layer_is_the_operators() -> None:
    assert issubclass(BadHeaderValue, OperatorError)
    assert issubclass(UnsafeHsts, OperatorError)
    assert issubclass(BadRemoval, OperatorError)
