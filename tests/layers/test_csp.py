"""CSP: the policy as bytes, a nonce where a page may use it, and no policy that reads differently than it looks."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from garrison.asgi.dress import dress
from garrison.core.exchange import Exchange
from garrison.core.headers import Edit
from garrison.core.ports import Services
from garrison.core.stack import Stack
from garrison.layers import csp
from garrison.policy import Policy
from garrison.policy.csp import DIRECTIVES, BadDirective, weaknesses
from garrison.policy.presets import PRESETS
from tests.support.facts import make_facts

NAME = b"content-security-policy"
REPORT_ONLY = b"content-security-policy-report-only"
HTML = (b"content-type", b"text/html; charset=utf-8")
JSON = (b"content-type", b"application/json")


def exchange() -> Exchange:
    numbers = itertools.count(1)
    return Exchange(make_facts(), Services(nonces=lambda: f"nonce{next(numbers)}"))


def answered(
    kind: tuple[bytes, bytes] = HTML,
    given: Exchange | None = None,
    status: int = 200,
    *,
    ours: bool = False,
    extra: tuple[tuple[bytes, bytes], ...] = (),
    **policy: Any,
) -> dict[bytes, bytes]:
    stack = Stack.build([csp.compile(Policy(**policy), Services())])
    return dict(dress(stack, given or exchange(), status, [kind, *extra], ours=ours))


def only(*sources: str, name: str = "script-src") -> dict[str, Any]:
    return {"directives": {name: sources}}


def test_a_page_gets_the_nonce_that_its_template_drew() -> None:
    drawn = exchange()
    nonce = drawn.nonce
    policy = answered(given=drawn)[NAME].decode()
    assert f"script-src 'nonce-{nonce}' 'strict-dynamic'" in policy
    assert f"style-src 'self' 'nonce-{nonce}'" in policy


def test_a_streamed_page_can_still_draw_the_nonce_that_its_headers_carried() -> None:
    streaming = exchange()
    sent = answered(given=streaming)[NAME].decode()
    assert re.findall(r"'nonce-([^']+)'", sent) == [streaming.nonce, streaming.nonce]


def test_an_answer_that_is_no_page_draws_no_nonce_and_allows_no_more() -> None:
    undrawn = exchange()
    policy = answered(JSON, undrawn)[NAME].decode()
    assert undrawn.nonce_drawn == ""
    assert "nonce" not in policy
    assert "script-src 'strict-dynamic';" in policy
    assert "default-src 'none';" in policy


def test_an_svg_gets_a_nonce_only_when_the_application_drew_one() -> None:
    svg = (b"content-type", b"image/svg+xml")
    drawn = exchange()
    assert f"'nonce-{drawn.nonce}'" in answered(svg, drawn)[NAME].decode()
    assert b"'nonce-" not in answered(svg)[NAME]


@pytest.mark.parametrize("kind", [b"Text/HTML", b"application/xhtml+xml; charset=utf-8"])
def test_pages_are_known_by_their_media_type_in_any_case(kind: bytes) -> None:
    assert b"'nonce-" in answered((b"content-type", kind))[NAME]


def test_our_own_answers_need_no_nonce() -> None:
    ours = exchange()
    assert b"'nonce-" not in answered(HTML, ours, 403, ours=True)[NAME]
    assert ours.nonce_drawn == ""


def test_a_directive_that_held_the_nonce_alone_becomes_none() -> None:
    assert b"; script-src 'none';" in answered(JSON, csp=only("'nonce'"))[NAME]


def test_a_304_carries_no_nonce_policy_so_that_the_cached_page_keeps_its_own() -> None:
    assert NAME not in answered(HTML, status=304)
    assert NAME in answered(HTML, status=304, preset="compat")


def test_a_policy_without_nonces_is_written_at_the_start_and_only_a_download_gets_more() -> None:
    layer = csp.compile(Policy(preset="api"), Services())
    assert layer.amend is not None
    usual, sandboxed = Edit(200, []), Edit(200, [])
    current = exchange()
    layer.amend(current, usual)
    current.sandboxed = True
    layer.amend(current, sandboxed)
    assert (usual.headers, sandboxed.headers) == ([], [(NAME, csp.SANDBOX)])
    assert [name for name, _ in layer.sets] == [NAME, b"reporting-endpoints"]


def test_the_applications_own_policy_is_replaced() -> None:
    stack = Stack.build([csp.compile(Policy(), Services())])
    out = dress(stack, exchange(), 200, [HTML, (b"Content-Security-Policy", b"script-src *"), (NAME, b"x")])
    assert [value for name, value in out if name == NAME and b"*" in value] == []
    assert len([name for name, _ in out if name == NAME]) == 1


def test_off_leaves_the_policy_to_the_application() -> None:
    out = answered(csp={"mode": "off", "allow_insecure_off": "test"}, extra=((NAME, b"script-src 'self'"),))
    assert out[NAME] == b"script-src 'self'"


def test_monitor_reports_only_and_leaves_the_applications_policy_in_force() -> None:
    out = answered(csp={"mode": "monitor"}, extra=((NAME, b"script-src 'self'"),))
    assert out[NAME] == b"script-src 'self'"
    assert b"'nonce-" in out[REPORT_ONLY]
    assert b"upgrade-insecure-requests" not in out[REPORT_ONLY]
    assert out[b"reporting-endpoints"] == b'garrison="/.garrison/reports"'


def test_reports_go_to_the_reserved_path_by_both_mechanisms() -> None:
    out = answered(prefix="/_g/")
    assert out[NAME].endswith(b"; report-uri /_g/reports; report-to garrison")
    assert out[b"reporting-endpoints"] == b'garrison="/_g/reports"'


@pytest.mark.parametrize(
    "policy", [{"csp": {"report": False}}, {"reports": {"mode": "off", "allow_insecure_off": "test"}}]
)
def test_without_reports_nothing_names_an_endpoint(policy: dict[str, Any]) -> None:
    out = answered(extra=((b"reporting-endpoints", b'own="/r"'),), **policy)
    assert b"report-" not in out[NAME]
    assert out[b"reporting-endpoints"] == b'own="/r"'


def test_monitor_without_any_report_is_refused_because_it_would_watch_nothing() -> None:
    with pytest.raises(BadDirective, match="watch nothing"):
        answered(csp={"mode": "monitor", "report": False})


def test_an_endpoint_of_ones_own_beside_ours_is_refused() -> None:
    with pytest.raises(BadDirective, match=r"csp\.report"):
        answered(csp=only("https://r.example.com/x", name="report-uri"))


def test_upgrade_insecure_requests_is_left_out_in_development() -> None:
    assert b"upgrade-insecure-requests" in answered()[NAME]
    assert b"upgrade-insecure-requests" not in answered(environment="development")[NAME]


@pytest.mark.parametrize(
    ("name", "source", "right"),
    [
        ("script-src", "self", "'self'"),
        ("script-src", "none", "'none'"),
        ("script-src", "unsafe-inline", "'unsafe-inline'"),
        ("script-src", "nonce", "'nonce'"),
        ("script-src", "sha256-AAAA", "'sha256-aaaa'"),
        ("script-src", "'slef'", "'self'"),
        ("script-src", "'strict-dinamic'", "'strict-dynamic'"),
        ("script-src", "'nonce-abc'", "'nonce'"),
        ("scrpt-src", "'self'", "'script-src'"),
        ("script_src", "'self'", "'script-src'"),
        ("require-trusted-types-for", "script", "'script'"),
        ("script-src", "bücher.example", "xn--"),
        ("upgrade-insecure-requests", "1", "empty list"),
        ("sandbox", "scripts", "allow-"),
        ("img-src", "'nonce'", "script-src"),
    ],
)
def test_a_slip_is_refused_with_the_right_spelling(name: str, source: str, right: str) -> None:
    with pytest.raises(BadDirective, match=re.escape(right)):
        answered(csp=only(source, name=name))


@pytest.mark.parametrize(
    "sources",
    [(), ("'none'", "'self'"), ("'nonce'", "'unsafe-inline'"), ("https:// example.com",), ("exa mple",), ("",)],
)
def test_lists_that_browsers_read_differently_are_refused(sources: tuple[str, ...]) -> None:
    with pytest.raises(BadDirective):
        answered(csp=only(*sources))


@pytest.mark.parametrize(
    "source",
    ["'self'", "https:", "data:", "*", "*.example.com", "https://*.example.com:8443", "wss://example.com",
     "localhost:*", "http://127.0.0.1:8000/path/file.js", "'sha256-n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg='"],
)  # fmt: skip
def test_sources_of_the_standard_are_sent_as_written(source: str) -> None:
    assert f"script-src {source};".encode() in answered(csp=only(source))[NAME]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_compiles(preset: str) -> None:
    assert NAME in answered(preset=preset)


def test_directives_of_the_standard_are_known() -> None:
    assert {"script-src-elem", "frame-ancestors", "trusted-types", "sandbox", "child-src"} <= DIRECTIVES


def test_the_strict_preset_has_no_weakness() -> None:
    assert weaknesses(Policy().csp.directives) == []
    assert weaknesses(Policy(preset="api").csp.directives) == []


@pytest.mark.parametrize(
    ("sources", "word"),
    [
        (("'self'", "'unsafe-inline'"), "'unsafe-inline'"),
        (("'self'", "'unsafe-eval'"), "'unsafe-eval'"),
        (("*",), "any host"),
        (("https:",), "any host"),
        (("https://*",), "any host"),
        (("data:",), "data:"),
        (("blob:",), "blob:"),
        (("http://cdn.example.com",), "network"),
    ],
)
def test_open_script_sources_are_named(sources: tuple[str, ...], word: str) -> None:
    strict = {"object-src": ("'none'",), "base-uri": ("'none'",), "form-action": ("'self'",)}
    found = weaknesses({**strict, "frame-ancestors": ("'none'",), "script-src": sources})
    assert len(found) == 1
    assert word in found[0]


def test_missing_directives_are_named() -> None:
    found = " ".join(weaknesses({}))
    for word in ("script-src", "object-src", "base-uri", "form-action", "frame-ancestors"):
        assert word in found


def test_sources_that_strict_dynamic_overrides_are_no_weakness() -> None:
    directives = {**Policy().csp.directives, "script-src": ("'nonce'", "'strict-dynamic'", "https:")}
    assert weaknesses(directives) == []
