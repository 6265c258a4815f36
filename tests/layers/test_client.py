"""The client layer: who cannot be told is refused."""

from __future__ import annotations

import pytest

from garrison.core.address import BadProxy, compile_client
from garrison.core.ports import Services
from garrison.core.verdict import Mode, Reason, Refuse
from garrison.layers import client
from garrison.policy.model import Policy, RouteClass
from tests.support.facts import make_facts

POLICY = Policy(hosts=("example.com",), proxies=("10.0.0.0/8",), routes=(
    RouteClass(name="probe", paths=("/healthz",), health=True),
))  # fmt: skip
HEALTH = POLICY.effective(POLICY.routes[0])
find = compile_client(POLICY.proxies, "x-forwarded-for", 64)


def _decide(policy: Policy, peer: str | None, *values: bytes) -> Refuse | None:
    decide = client.compile(policy, Services()).decide
    assert decide is not None
    verdict = decide(make_facts(client=find(peer, values)))
    assert verdict is None or isinstance(verdict, Refuse)
    return verdict


@pytest.mark.parametrize("values", [(), (b"unknown",), (b"203.0.113.9,",), (b",".join([b"10.0.0.2"] * 60),)])
def test_a_chain_without_a_client_is_refused_and_charged_to_nobody(values: tuple[bytes, ...]) -> None:
    refusal = _decide(POLICY, "10.0.0.1", *values)
    assert refusal is not None
    assert (refusal.reason, refusal.status, refusal.layer) == (Reason.CLIENT_CHAIN, 400, "client")
    assert find("10.0.0.1", values).key == ""


@pytest.mark.parametrize("values", [(), (b"unknown",), (b"1.1.1.1, 2.2.2.2",)])
def test_what_an_untrusted_peer_writes_changes_nothing(values: tuple[bytes, ...]) -> None:
    assert _decide(POLICY, "203.0.113.9", *values) is None


def test_a_usable_chain_passes() -> None:
    assert _decide(POLICY, "10.0.0.1", b"<junk>, 203.0.113.9, 10.0.0.2") is None
    assert _decide(POLICY, "testclient") is None


def test_a_unix_socket_that_nobody_configured_is_refused_with_the_remedy() -> None:
    refusal = _decide(POLICY, None)
    assert refusal is not None
    assert "unix" in refusal.detail
    assert "unix" not in refusal.hint


def test_probes_need_no_forwarding_header_but_a_broken_one_is_refused_for_them_too() -> None:
    assert _decide(POLICY, "10.0.0.1") is not None  # the control: another class
    assert _decide(HEALTH, "10.0.0.1") is None
    assert _decide(HEALTH, None) is None
    assert _decide(HEALTH, "10.0.0.1", b"unknown") is not None


@pytest.mark.parametrize("proxy", ["*", "nginx", "0.0.0.0/0", "10.0.0.1/8"])
def test_unfit_proxies_stop_the_start(proxy: str) -> None:
    with pytest.raises(BadProxy, match="In `proxies`"):
        client.compile(Policy(hosts=("example.com",), proxies=(proxy,)), Services())


def test_the_mode_is_the_section_s() -> None:
    policy = Policy(hosts=("example.com",), client={"mode": "monitor"})
    assert client.compile(policy, Services()).mode is Mode.MONITOR
