"""What a proxy is told of the policy: everything it needs, nothing that could mean something else to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from garrison.core.errors import OperatorError
from garrison.edge.site import EdgeRefused, Site, site_of
from garrison.edge.trial import RENDER
from garrison.policy import Policy

SERVERS = sorted(RENDER)
CLASS = {"name": "login", "paths": ["/login"]}


def site(**values: Any) -> Site:
    return site_of(Policy(**{"hosts": ["shop.example.com"], "proxies": ["unix"], **values}))


@pytest.mark.parametrize("server", SERVERS)
def test_the_same_policy_gives_the_same_text(server: str) -> None:
    assert RENDER[server](site()) == RENDER[server](site())


@pytest.mark.parametrize("server", SERVERS)
def test_every_part_is_explained(server: str) -> None:
    lines = RENDER[server](site(edge={"hsts": True})).splitlines()
    assert sum(line.lstrip().startswith("#") for line in lines) >= 10
    assert max(map(len, lines)) <= 700


@pytest.mark.parametrize("server", SERVERS)
def test_a_setting_of_the_policy_is_in_the_text(server: str) -> None:
    text = RENDER[server](
        site(
            hosts=["shop.example.com", "*.example.net", "münchen.example"],
            serve={"header": 7, "handshake": 7, "keep_alive": 41},
            size={"body": "3 MB"}, edge={"hsts": True, "upstream": "127.0.0.1:8123", "https_port": 8443},
            proxies=["127.0.0.1"], headers={"hsts": {"max_age": "1 year"}},
        )
    )  # fmt: skip
    for part in ("shop.example.com", "example.net", "xn--mnchen-3ya.example", "7s", "41s", str(2 * 3 * 1024**2),
                 "127.0.0.1:8123", "8443", "max-age=31536000"):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize("server", SERVERS)
def test_modern_offers_nothing_below_tls_1_3(server: str) -> None:
    text = RENDER[server](site(serve={"profile": "modern"})).lower()
    assert "1.2" not in text.partition("upstream")[0].replace("http 1.2", "")
    assert "ecdhe" not in text


@pytest.mark.parametrize("server", SERVERS)
def test_the_hybrid_group_is_offered_where_the_proxy_has_it(server: str) -> None:
    assert "mlkem" not in RENDER[server](site()).lower()
    assert "x25519mlkem768" in RENDER[server](site(edge={"post_quantum": True})).lower()


def test_what_is_left_to_the_application_is_not_written() -> None:
    for render in RENDER.values():
        assert "Strict-Transport-Security" not in render(site())


def test_nobody_writes_hsts_in_development() -> None:
    assert site(edge={"hsts": True}).hsts == "max-age=63072000"
    assert site(edge={"hsts": True}, environment="development").hsts == ""


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"hosts": []}, "hosts"),
        ({"hosts": ["192.0.2.1"]}, "hosts"),
        ({"proxies": []}, "proxies"),
        ({"proxies": ["10.0.0.0/8"]}, "proxies"),
        ({"edge": {"upstream": "127.0.0.1:8000"}}, "proxies"),
    ],
)
def test_a_policy_that_would_not_work_behind_a_proxy_is_refused(values: dict[str, Any], key: str) -> None:
    with pytest.raises(EdgeRefused) as refused:
        site(**values)
    assert refused.value.key == key
    assert refused.value.remedy


@pytest.mark.parametrize(
    "edge",
    [
        {"certificate": "/etc/x; include /etc/shadow"}, {"certificate": "relative.pem"}, {"key": "/a b"},
        {"key": "/a\nb"}, {"upstream": "unix:/run/a;b"}, {"upstream": "unix:/run/{x}"}, {"upstream": "localhost"},
        {"group": "www data"}, {"group": "-x"}, {"http_port": 0}, {"https_port": 70000}, {"answer": 0},
    ],
)  # fmt: skip
def test_a_value_that_means_something_to_a_proxy_is_no_value(edge: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, OperatorError)):
        Policy(edge=edge)


@given(st.text(min_size=1, max_size=30))
@settings(deadline=None)  # a busy machine is no fault
def test_no_host_can_end_a_directive(text: str) -> None:
    try:
        found = site(hosts=[text])
    except (ValueError, OperatorError):
        return
    for name in (*found.names, *found.below):
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._")


class TestRequests:
    def test_are_twice_what_all_classes_together_allow(self) -> None:
        own = {**CLASS, "rate": {"address": ["60/minute burst 10"]}}
        found = site(rate={"address": ["600/minute burst 200"]}, routes=[own]).requests
        assert found is not None
        assert (found.limit, found.burst) == (1320, 420)

    def test_are_not_bounded_where_the_policy_bounds_them_nowhere(self) -> None:
        off = {"mode": "off", "allow_insecure_off": "a reason"}
        assert site(rate=off).requests is None
        assert site(routes=[{**CLASS, "rate": off}]).requests is None

    def test_a_class_that_shares_the_limits_adds_nothing(self) -> None:
        assert site(routes=[CLASS]).requests == site().requests

    def test_the_largest_class_decides_on_sizes(self) -> None:
        found = site(routes=[{**CLASS, "size": {"body": "50 MB", "header_count": 300}}])
        assert (found.body, found.header_count) == (100 * 1024**2, 600)
