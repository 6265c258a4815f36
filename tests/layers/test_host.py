"""The host layer: only names that are ours reach the application."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from garrison.core.ports import Services
from garrison.core.verdict import Mode, Reason, Refuse, Verdict
from garrison.layers import host
from garrison.policy.model import Policy, RouteClass
from tests.support.facts import make_facts
from tests.support.gate import request, through

POLICY = Policy(
    hosts=("example.com", "*.example.org", "münchen.example", "::1"),
    routes=(RouteClass(name="probe", paths=("/healthz",), health=True),),
)


def _decide(policy: Policy, name: str | None = "example.com", **facts: Any) -> Verdict:
    decide = host.compile(policy, Services()).decide
    assert decide is not None
    return decide(make_facts(host=name, **facts))


def _reset(asked: Request) -> PlainTextResponse:
    return PlainTextResponse(str(asked.base_url))


def _items(asked: Request) -> PlainTextResponse:
    return PlainTextResponse("items")


APP = Starlette(routes=[Route("/items/", _items), Route("/reset", _reset)])


@pytest.mark.anyio
@pytest.mark.parametrize("evil", [b"evil.example", b"example.com.evil.example", b"evil.example:8443"])
async def test_a_foreign_host_never_gets_into_redirects_and_links(evil: bytes) -> None:
    headers = [(b"host", evil)]
    bare = await request(APP, raw_path=b"/items", headers=headers)
    assert evil in (bare.header(b"location") or b"")  # the control: the framework's slash redirect names it
    assert evil in (await request(APP, raw_path=b"/reset", headers=headers)).body

    layer = host.compile(POLICY, Services())
    for path in (b"/items", b"/reset"):
        held = await through(layer, POLICY, APP, "GET", path, headers)
        assert (held.status, held.header(b"location"), held.body) == (421, None, b"")
        assert held.refusal is not None
        assert held.refusal.reason is Reason.HOST_UNKNOWN


@pytest.mark.parametrize(
    "name",
    ["example.com", "EXAMPLE.com", "example.com.", "example.com:8443", "a.b.example.org", "[::1]:80",
     "xn--mnchen-3ya.example"],
)  # fmt: skip
def test_our_own_names_pass_however_they_are_spelt(name: str) -> None:
    assert _decide(POLICY, name) is None
    assert _decide(POLICY, name, kind="websocket", scheme="wss") is None


@pytest.mark.parametrize(
    "name", ["evil.com", "example.org", "evilexample.org", "www.example.com", "127.0.0.1", "localhost", "[::2]"]
)
def test_other_names_are_misdirected(name: str) -> None:
    refusal = _decide(POLICY, name)
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status) == (Reason.HOST_UNKNOWN, 421)
    assert name not in refusal.hint


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"name": None}, Reason.HOST_MISSING),
        ({"headers": [(b"host", b"example.com"), (b"host", b"evil.com")]}, Reason.HOST_DUPLICATED),
        ({"headers": [(b"host", b"example.com"), (b"host", b"example.com")]}, Reason.HOST_DUPLICATED),
        ({"name": "example.com@evil.com"}, Reason.HOST_MALFORMED),
        ({"name": "example.com, evil.com"}, Reason.HOST_MALFORMED),
        ({"name": "example.com/x"}, Reason.HOST_MALFORMED),
        ({"name": ""}, Reason.HOST_MALFORMED),
        ({"name": "ex\xe4mple.com"}, Reason.HOST_MALFORMED),
    ],
)
def test_a_host_that_cannot_be_read_is_a_bad_request(facts: dict[str, Any], reason: Reason) -> None:
    refusal = _decide(POLICY, **facts)
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status) == (reason, 400)


@pytest.mark.parametrize(
    ("name", "scheme", "passes"),
    [("example.com", "https", True), ("example.com:443", "https", True), ("example.com:8443", "https", False),
     ("example.com", "http", False), ("example.com:443", "http", True), ("example.com", "wss", True)],
)  # fmt: skip
def test_ports_can_be_pinned_and_an_unwritten_port_is_the_scheme_s(name: str, scheme: str, passes: bool) -> None:
    policy = Policy(hosts=("example.com",), host={"ports": (443,)})
    assert (_decide(policy, name, scheme=scheme) is None) is passes
    assert _decide(POLICY, name, scheme=scheme) is None  # the control: without pinning


def test_probes_by_ip_pass_in_their_health_class_only_and_foreign_names_do_not_pass_there() -> None:
    health = POLICY.effective(POLICY.routes[0])
    for name in ("10.1.2.3", "10.1.2.3:8080", "[2001:db8::7]:8080"):
        assert isinstance(_decide(POLICY, name), Refuse)
        assert _decide(health, name, path="/healthz") is None
    assert isinstance(_decide(health, "evil.com", path="/healthz"), Refuse)
    assert isinstance(_decide(health, None, path="/healthz"), Refuse)


def test_an_ip_allowance_outside_a_health_class_stops_the_start() -> None:
    with pytest.raises(host.IpOutsideHealth):
        host.compile(Policy(hosts=("example.com",), host={"allow_ip": True}), Services())
    policy = Policy(hosts=("example.com",), routes=(RouteClass(name="a", paths=("/a",), host={"allow_ip": True}),))  # type: ignore[call-arg]
    with pytest.raises(host.IpOutsideHealth, match="'a'"):
        host.compile(policy.effective(policy.routes[0]), Services())


def test_production_without_hosts_stops_the_start_and_names_the_remedy() -> None:
    with pytest.raises(host.HostsMissing, match="hosts = "):
        host.compile(Policy(), Services())


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1:8443", "[::1]:8443", "app.localhost"])
def test_development_answers_to_loopback_names_by_default(name: str) -> None:
    assert _decide(Policy(environment="development"), name) is None
    assert isinstance(_decide(Policy(environment="development"), "evil.com"), Refuse)


@pytest.mark.parametrize("name", ["localhost:8443", "127.0.0.1", "shop.localhost", "shop.example.com"])
def test_the_policy_of_the_site_serves_the_developers_own_machine_as_well(name: str) -> None:
    hosts = ["shop.example.com"]
    assert _decide(Policy(environment="development", hosts=hosts), name) is None
    assert isinstance(_decide(Policy(environment="development", hosts=hosts), "evil.com"), Refuse)
    assert (_decide(Policy(hosts=hosts), name) is None) is (name == "shop.example.com")


@pytest.mark.parametrize("pattern", ["*", "https://example.com", "example.com:443", "a b"])
def test_malformed_hosts_stop_the_start(pattern: str) -> None:
    with pytest.raises(host.BadHost, match="In `hosts`"):
        host.compile(Policy(hosts=(pattern,)), Services())


def test_a_layer_that_is_off_needs_no_hosts() -> None:
    layer = host.compile(Policy(host={"mode": "off", "allow_insecure_off": "test"}), Services())
    assert (layer.mode, layer.decide) == (Mode.OFF, None)
