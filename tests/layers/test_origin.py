"""The origin layer: who may send requests with side effects."""

from __future__ import annotations

from typing import Literal

import pytest

from garrison.core.verdict import Mode, Reason, Refuse
from garrison.layers import origin
from garrison.layers.origins import BadOrigin
from garrison.policy import Policy
from tests.layers.wiring import Bench, judge
from tests.support.facts import make_facts

TRUSTED = "https://app.example.com"


def reason(
    *headers: tuple[bytes, bytes | None],
    method: str = "POST",
    policy: Policy | None = None,
    kind: Literal["http", "websocket"] = "http",
    scheme: str = "https",
    host: str = "example.com",
) -> Reason | None:
    layer = origin.compile(policy or Policy(origin={"trusted": (TRUSTED,)}), Bench().services())
    given = ((b"sec-fetch-site", None), *headers) if not any(n == b"sec-fetch-site" for n, _ in headers) else headers
    verdict = judge(layer, make_facts(method, headers=given, kind=kind, scheme=scheme, host=host))
    assert verdict is None or isinstance(verdict, Refuse)
    assert verdict is None or (verdict.status, verdict.layer) == (403, "origin")
    return verdict.reason if verdict else None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_pass_from_everywhere(method: str) -> None:
    assert reason((b"sec-fetch-site", b"cross-site"), (b"origin", b"https://evil.test"), method=method) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "get", "PROPFIND"])
def test_every_other_method_is_judged(method: str) -> None:
    assert reason((b"sec-fetch-site", b"cross-site"), method=method) is Reason.CROSS_SITE


@pytest.mark.parametrize("site", [b"same-origin", b"none"])
def test_what_the_browser_calls_our_own_passes(site: bytes) -> None:
    assert reason((b"sec-fetch-site", site), (b"origin", b"null")) is None


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"", b"Same-Origin", b"same-origin, none", b"\xff"])
def test_any_other_site_is_refused(site: bytes) -> None:
    assert reason((b"sec-fetch-site", site), (b"origin", b"https://evil.test")) is Reason.CROSS_SITE


@pytest.mark.parametrize("site", [b"cross-site", b"same-site"])
def test_a_trusted_whole_origin_passes_from_another_site(site: bytes) -> None:
    assert reason((b"sec-fetch-site", site), (b"origin", TRUSTED.encode())) is None


def test_an_origin_that_may_read_may_also_send() -> None:
    policy = Policy(cors={"origins": (TRUSTED,)})
    assert reason((b"sec-fetch-site", b"same-site"), (b"origin", TRUSTED.encode()), policy=policy) is None


def test_an_origin_of_a_cors_section_that_is_off_is_not_trusted() -> None:
    policy = Policy(cors={"origins": (TRUSTED,), "mode": "off", "allow_insecure_off": "test"})
    header = (b"origin", TRUSTED.encode())
    assert reason((b"sec-fetch-site", b"same-site"), header, policy=policy) is Reason.CROSS_SITE


@pytest.mark.parametrize("name", [b"sec-fetch-site", b"origin"])
def test_a_repeated_header_is_refused_whatever_it_says(name: bytes) -> None:
    value = b"same-origin" if name == b"sec-fetch-site" else b"https://example.com"
    assert reason((name, value), (name, value)) is Reason.CROSS_SITE


def test_without_either_header_no_browser_asked() -> None:
    assert reason() is None


@pytest.mark.parametrize(
    ("scheme", "host", "value"),
    [
        ("https", "example.com", b"https://example.com"),
        ("https", "example.com:443", b"https://example.com"),
        ("https", "example.com:8443", b"https://example.com:8443"),
        ("http", "example.com", b"http://example.com"),
        ("http", "example.com", b"https://example.com"),  # a proxy ended TLS and did not say so
        ("http", "example.com:8000", b"https://example.com:8000"),
    ],
)
def test_our_own_origin_passes_without_fetch_metadata(scheme: str, host: str, value: bytes) -> None:
    assert reason((b"origin", value), scheme=scheme, host=host) is None


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("https", b"http://example.com"),
        ("https", b"https://example.com:8443"),
        ("https", b"https://www.example.com"),
        ("https", b"https://example.com.evil.test"),
        ("https", b"https://example.com/"),
        ("https", b"null"),
        ("https", b""),
        ("https", b"https://example.com\xff"),
        ("http", b"https://example.com:8443"),
        ("http", b"ws://example.com"),
    ],
)
def test_any_other_origin_is_unknown(scheme: str, value: bytes) -> None:
    assert reason((b"origin", value), scheme=scheme) is Reason.ORIGIN_UNKNOWN


def test_without_a_usable_host_no_origin_is_our_own() -> None:
    layer = origin.compile(Policy(), Bench().services())
    facts = make_facts("POST", headers=[(b"sec-fetch-site", None), (b"origin", b"https://example.com")], host=None)
    assert judge(layer, facts) is not None


class TestWebSocket:
    def test_our_own_page_may_open_one(self) -> None:
        assert reason((b"origin", b"https://example.com"), method="GET", kind="websocket", scheme="wss") is None

    @pytest.mark.parametrize("scheme", ["ws", "wss"])
    def test_a_foreign_page_may_not(self, scheme: str) -> None:
        header = (b"origin", b"https://evil.test")
        assert reason(header, method="GET", kind="websocket", scheme=scheme) is Reason.ORIGIN_UNKNOWN

    def test_a_client_that_is_no_browser_may(self) -> None:
        assert reason(method="GET", kind="websocket", scheme="wss") is None

    def test_no_handshake_is_the_visitors_own_doing(self) -> None:
        headers = ((b"sec-fetch-site", b"none"), (b"origin", b"https://evil.test"))
        assert reason(*headers, method="GET", kind="websocket", scheme="wss") is Reason.CROSS_SITE

    def test_a_trusted_origin_may(self) -> None:
        assert reason((b"origin", TRUSTED.encode()), method="GET", kind="websocket", scheme="wss") is None


class TestOpenToEverybody:
    policy = Policy(cors={"origins": ("*",)})
    foreign = ((b"sec-fetch-site", b"cross-site"), (b"origin", b"https://elsewhere.test"))

    def test_a_request_without_ambient_authority_passes(self) -> None:
        assert reason(*self.foreign, (b"cookie", None), policy=self.policy) is None

    def test_a_request_with_cookies_is_refused(self) -> None:
        assert reason(*self.foreign, (b"cookie", b"sid=1"), policy=self.policy) is Reason.CROSS_SITE

    def test_a_websocket_is_no_exception(self) -> None:
        headers = (*self.foreign, (b"cookie", None))
        assert reason(*headers, method="GET", kind="websocket", policy=self.policy) is Reason.CROSS_SITE


@pytest.mark.parametrize("text", ["null", "*", "https://example.com/", "example.com", "https://*.example.com"])
def test_a_malformed_trusted_origin_stops_the_start(text: str) -> None:
    with pytest.raises(BadOrigin, match=r"origin\.trusted"):
        origin.compile(Policy(origin={"trusted": (text,)}), Bench().services())


def test_the_mode_is_the_sections() -> None:
    assert origin.compile(Policy(origin={"mode": "monitor"}), Bench().services()).mode is Mode.MONITOR
