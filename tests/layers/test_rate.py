"""The rate layer: who is charged, when it refuses, and what the headers tell."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.errors import DependencyError
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.core.headers import Edit
from garrison.core.layer import Layer
from garrison.core.ports import Quota, Services, Taken
from garrison.core.stack import Stack
from garrison.core.verdict import Mode, Reason, Refuse, Verdict
from garrison.layers import rate
from garrison.layers.rate_headers import policy_item
from garrison.layers.rate_keys import quotas_of
from garrison.policy import Policy, RouteClass
from garrison.policy.units import Rate
from garrison.stores import MemoryCounters
from tests.contracts.hands import Hands
from tests.support.facts import make_facts

pytestmark = pytest.mark.anyio


class Far:
    """A remote store: the memory store behind an await."""

    local = False

    def __init__(self, near: MemoryCounters) -> None:
        self.near = near

    async def take(self, charges: Sequence[tuple[Quota, str]], cost: int = 1) -> Sequence[Taken]:
        return self.near.take(charges, cost)

    async def forget(self, quota: Quota, key: str) -> None:
        self.near.forget(quota, key)


class Away(Far):
    """A remote store that does not answer."""

    async def take(self, charges: Sequence[tuple[Quota, str]], cost: int = 1) -> Sequence[Taken]:
        raise DependencyError("the store does not answer")


class Site:
    """One policy's rate layers on one store, as requests would meet them."""

    def __init__(self, *, far: bool = False, routes: Sequence[dict[str, Any]] = (), **section: Any) -> None:
        self.hands = Hands()
        near = MemoryCounters(self.hands.clock, max_keys=10_000)
        self.services = Services(clock=self.hands.clock, counters=Far(near) if far else near)
        self.policy = Policy(hosts=("example.com",), rate=section, routes=routes)
        classes = (None, *self.policy.routes)
        self.layers = [rate.compile(self.policy.effective(route), self.services) for route in classes]

    async def send(self, facts: Facts, principal: Principal | None = None) -> tuple[Verdict, dict[bytes, bytes]]:
        """What the layer says, and the headers that it puts on the answer."""
        layer, exchange = self.layers[facts.route], Exchange(facts, self.services)
        verdict = await said(layer.toll(facts, exchange)) if layer.toll else None
        exchange.principal = principal
        if verdict is None and layer.admit:
            verdict = await said(layer.admit(facts, exchange))
        return verdict, headers_of(layer, exchange)


async def said(reply: Verdict | Awaitable[Verdict]) -> Verdict:
    return await reply if inspect.isawaitable(reply) else reply


def headers_of(layer: Layer, exchange: Exchange) -> dict[bytes, bytes]:
    edit = Edit(200, [])
    if layer.amend is not None:
        layer.amend(exchange, edit)
    assert len(dict(edit.headers)) == len(edit.headers)
    return dict(edit.headers)


@pytest.fixture(params=["local", "remote"])
def far(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "remote")


async def test_an_address_has_its_burst_and_is_then_refused_with_the_wait(far: bool) -> None:
    site = Site(far=far, address=["6/minute burst 2"])
    facts = make_facts()
    assert (await site.send(facts))[0] is None
    assert (await site.send(facts))[0] is None
    verdict, headers = await site.send(facts)
    assert isinstance(verdict, Refuse)
    assert (verdict.reason, verdict.status, verdict.retry_after) == (Reason.RATE_LIMITED, 429, 10)
    assert verdict.layer == "rate"
    assert verdict.hint == "Too many requests. Try again in 10 seconds."
    assert headers == {b"ratelimit-policy": b'"address";q=6;w=60', b"ratelimit": b'"address";r=0;t=10'}
    site.hands.now += 10
    assert (await site.send(facts))[0] is None


async def test_every_answer_tells_what_remains(far: bool) -> None:
    site = Site(far=far, address=["600/minute burst 200"])
    assert (await site.send(make_facts()))[1] == {
        b"ratelimit-policy": b'"address";q=600;w=60',
        b"ratelimit": b'"address";r=199;t=1',
    }


async def test_addresses_count_apart() -> None:
    site = Site(address=["1/minute"])
    assert (await site.send(make_facts(address="203.0.113.1")))[0] is None
    assert (await site.send(make_facts(address="203.0.113.2")))[0] is None
    assert (await site.send(make_facts(address="203.0.113.1")))[0] is not None


async def test_a_client_without_a_key_is_not_charged() -> None:
    site = Site(address=["1/minute"])
    for _ in range(5):
        verdict, headers = await site.send(make_facts(address=None))
        assert verdict is None
        assert headers == {}


async def test_a_principal_is_charged_wherever_it_comes_from(far: bool) -> None:
    site = Site(far=far, address=["100/minute"], principal=["2/minute"])
    ann = Principal("ann")
    assert (await site.send(make_facts(address="203.0.113.1"), ann))[0] is None
    verdict, headers = await site.send(make_facts(address="203.0.113.2"), ann)
    assert verdict is None
    assert headers == {
        b"ratelimit-policy": b'"address";q=100;w=60, "principal";q=2;w=60',
        b"ratelimit": b'"address";r=99;t=1, "principal";r=0;t=60',
    }
    verdict, headers = await site.send(make_facts(address="203.0.113.3"), ann)
    assert isinstance(verdict, Refuse)
    assert headers[b"ratelimit"] == b'"principal";r=0;t=30'
    assert (await site.send(make_facts(address="203.0.113.3"), Principal("bob")))[0] is None
    assert (await site.send(make_facts(address="203.0.113.3")))[0] is None


async def test_api_keys_have_limits_of_their_own_when_given_and_those_of_principals_otherwise() -> None:
    machine = Principal("ann", kind="api-key")
    own = Site(address=(), principal=["1/minute"], api_key=["2/minute"])
    assert [(await own.send(make_facts(), machine))[0] is None for _ in range(3)] == [True, True, False]
    assert [(await own.send(make_facts(), Principal("ann")))[0] is None for _ in range(2)] == [True, False]
    shared = Site(address=(), principal=["1/minute"])
    assert [(await shared.send(make_facts(), machine))[0] is None for _ in range(2)] == [True, False]
    assert (await shared.send(make_facts(), Principal("ann")))[0] is None


async def test_several_limits_hold_at_once_and_a_refusal_consumes_none_of_them(far: bool) -> None:
    site = Site(far=far, address=["2/second", "3/minute"])
    facts = make_facts()
    assert (await site.send(facts))[1][b"ratelimit"] == b'"address-1s";r=1;t=1, "address-60s";r=2;t=20'
    await site.send(facts)
    verdict, headers = await site.send(facts)
    assert isinstance(verdict, Refuse)
    assert verdict.retry_after == 1
    assert headers[b"ratelimit"] == b'"address-1s";r=0;t=1'
    site.hands.now += 1
    assert (await site.send(facts))[0] is None
    site.hands.now += 1
    verdict, headers = await site.send(facts)
    assert isinstance(verdict, Refuse)
    assert headers[b"ratelimit"] == b'"address-60s";r=0;t=18'
    assert verdict.detail == "quota-exceeded: address-60s"


async def test_a_route_class_with_limits_of_its_own_counts_apart_and_others_count_together() -> None:
    site = Site(
        address=["3/minute"],
        routes=[
            {"name": "login", "paths": ["/login"], "rate": {"address": ["1/minute"]}},
            {"name": "pages", "paths": ["/pages/**"], "csrf": {}},
        ],
    )
    login, pages, rest = make_facts(route=1), make_facts(route=2), make_facts(route=0)
    assert (await site.send(login))[1][b"ratelimit-policy"] == b'"address:login";q=1;w=60'
    assert (await site.send(login))[0] is not None
    assert (await site.send(pages))[0] is None
    assert (await site.send(rest))[0] is None
    assert (await site.send(pages))[1][b"ratelimit"] == b'"address";r=0;t=60'
    assert (await site.send(rest))[0] is not None


async def test_an_ipv6_client_also_counts_in_its_wider_networks_at_a_multiple() -> None:
    site = Site(address=["1/minute"])

    async def passed(addresses: list[str]) -> int:
        return sum([(await site.send(make_facts(address=one)))[0] is None for one in addresses])

    assert await passed([f"2001:db8:0:{net:x}::1" for net in range(256)]) == 8
    assert await passed([f"2001:db8:0:{net:x}::1" for net in range(256, 65536, 256)]) == 64 - 8
    assert await passed(["2001:db8:1::1", "2001:db8:1::2"]) == 1
    verdict, headers = await site.send(make_facts(address="2001:db8::ffff:1"))
    assert isinstance(verdict, Refuse)
    assert headers[b"ratelimit-policy"] == b'"address";q=1;w=60, "address/56";q=8;w=60, "address/48";q=64;w=60'
    assert headers[b"ratelimit"].startswith(b'"address";r=0;t=60, "address/56";r=0;t=8, "address/48";r=0;t=1')


async def test_what_neighbours_in_a_network_did_is_told_to_nobody_who_passes() -> None:
    site = Site(address=["10/minute"])
    _, headers = await site.send(make_facts(address="2001:db8::1"))
    assert headers[b"ratelimit"] == b'"address";r=9;t=6'


async def test_an_identity_s_key_is_neither_an_address_nor_another_kind_s() -> None:
    names = [Principal("x"), Principal("x", "api-key"), Principal("203.0.113.9", ""), Principal("y" * 5000)]
    names += [Principal("y" * 5000 + "z"), Principal("\ud800" * 100), Principal("#" + "0" * 63)]
    keys = [one.key for one in names]
    assert len({*keys, "203.0.113.9"}) == len(keys) + 1
    assert max(map(len, keys)) < 80


async def test_off_is_off_and_headers_off_writes_none() -> None:
    off = Site(mode="off", allow_insecure_off="a test")
    assert off.layers[0] == Layer("rate", mode=Mode.OFF)
    silent = Site(address=["1/minute"], headers=False)
    assert (await silent.send(make_facts()))[1] == {}
    assert isinstance((await silent.send(make_facts()))[0], Refuse)
    assert silent.layers[0].claims == ()


async def test_the_headers_have_one_owner_and_the_application_s_own_are_dropped() -> None:
    layer = Site(address=["1/minute"]).layers[0]
    assert layer.claims == layer.drops == (b"ratelimit-policy", b"ratelimit")
    assert Stack.build([layer]).owned == {b"ratelimit-policy", b"ratelimit"}


async def test_a_store_that_fails_is_not_mistaken_for_a_store_that_allows() -> None:
    hands = Hands()
    services = Services(clock=hands.clock, counters=Away(MemoryCounters(hands.clock, max_keys=1000)))
    layer = rate.compile(Policy(hosts=("example.com",)), services)
    exchange = Exchange(make_facts(), services)
    assert layer.toll is not None
    with pytest.raises(DependencyError):
        await said(layer.toll(exchange.facts, exchange))


def test_without_counters_nothing_is_compiled_or_charged() -> None:
    with pytest.raises(rate.CountersMissing):
        rate.compile(Policy(hosts=("example.com",)), Services())
    with pytest.raises(rate.CountersMissing):
        rate.charge(Exchange(make_facts(), Services()), [Rate(5, 60.0)], "login")


async def test_an_endpoint_s_limit_charges_the_same_store_and_tells_in_the_same_headers(far: bool) -> None:
    site = Site(far=far, address=["100/minute"])
    layer, facts = site.layers[0], make_facts()
    exchange = Exchange(facts, site.services)
    assert layer.toll is not None
    await said(layer.toll(facts, exchange))
    assert await said(rate.charge(exchange, [Rate(1, 60.0)], "login")) is None
    assert headers_of(layer, exchange) == {
        b"ratelimit-policy": b'"address";q=100;w=60, "endpoint:login";q=1;w=60',
        b"ratelimit": b'"address";r=99;t=1, "endpoint:login";r=0;t=60',
    }
    verdict = await said(rate.charge(exchange, [Rate(1, 60.0)], "login"))
    assert isinstance(verdict, Refuse)
    assert headers_of(layer, exchange)[b"ratelimit"] == b'"endpoint:login";r=0;t=60'


async def test_an_endpoint_s_limit_is_charged_to_whom_it_says() -> None:
    site = Site()
    spend = {by: rate.meter([Rate(1, 60.0)], by, by=by) for by in ("address", "principal", "auto")}

    async def charge(by: str, principal: str | None, address: str | None) -> bool:
        exchange = Exchange(make_facts(address=address), site.services)
        exchange.principal = Principal(principal) if principal else None
        return await said(spend[by](exchange)) is None

    assert await charge("address", "ann", "203.0.113.1")
    assert not await charge("address", "bob", "203.0.113.1")
    assert await charge("principal", "ann", "203.0.113.1")
    assert not await charge("principal", "ann", "203.0.113.2")
    assert await charge("auto", "ann", "203.0.113.1")
    assert not await charge("auto", "ann", "203.0.113.2")
    assert await charge("auto", None, "203.0.113.1")
    assert not await charge("auto", None, "203.0.113.1")
    for _ in range(3):
        assert await charge("principal", None, "203.0.113.3")
        assert await charge("auto", None, None)


async def test_an_endpoint_s_limit_holds_for_ipv6_networks_too() -> None:
    site = Site()
    passed = 0
    for net in range(200):
        exchange = Exchange(make_facts(address=f"2001:db8:0:{net:x}::1"), site.services)
        passed += await said(rate.charge(exchange, [Rate(1, 60.0)], "login", by="address")) is None
    assert passed == 8


def test_quotas_are_named_for_their_window_when_there_are_several() -> None:
    written = [Rate(1, 1.0), Rate(5, 60.0), Rate(5, 60.0, 1), Rate(3, 0.5)]
    assert [one.name for one in quotas_of(written, "n")] == ["n-1s", "n-60s", "n-60s-2", "n-0.5s"]
    assert [one.name for one in quotas_of(written[:1], "n")] == ["n"]


@pytest.mark.parametrize("name", ["é", "a\nb", "\x7f", "a\0b"])
def test_a_name_that_can_t_stand_in_a_header_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        quotas_of([Rate(1, 1.0)], name)


async def test_names_with_quotes_percents_and_backslashes_stay_one_string() -> None:
    site = Site()
    exchange = Exchange(make_facts(), site.services)
    await said(rate.charge(exchange, [Rate(5, 0.5)], '50%d "a\\b"'))
    headers = headers_of(site.layers[0], exchange)
    assert headers[b"ratelimit"] == rb'"endpoint:50%d \"a\\b\"";r=4;t=1'
    assert headers[b"ratelimit-policy"] == rb'"endpoint:50%d \"a\\b\"";q=5;w=1'


def test_a_window_is_never_told_as_no_time() -> None:
    assert policy_item(Quota("q", 5, 0.25, 5)) == b'"q";q=5;w=1'
    assert policy_item(Quota("q", 5, 1.5, 5)) == b'"q";q=5;w=2'


@given(st.integers(1, 20), st.sampled_from([0.3, 1.0, 7.0, 3600.0]), st.integers(1, 5), st.lists(st.floats(0, 5)))
def test_retry_after_never_points_before_t_and_the_request_then_passes(
    limit: int, window: float, burst: int, waits: list[float]
) -> None:
    site = Site(address=[Rate(limit, window, burst)])
    layer, facts = site.layers[0], make_facts()
    assert layer.toll is not None
    for wait in waits:
        site.hands.now += wait
        exchange = Exchange(facts, site.services)
        verdict = layer.toll(facts, exchange)
        if isinstance(verdict, Refuse):
            assert verdict.retry_after is not None
            until = int(headers_of(layer, exchange)[b"ratelimit"].rpartition(b"t=")[2])
            assert verdict.retry_after >= until >= 1
            site.hands.now += verdict.retry_after
            assert layer.toll(facts, Exchange(facts, site.services)) is None


def test_the_route_class_of_a_policy_is_what_names_its_quotas() -> None:
    route = RouteClass(name="api", paths=("/api/**",), sections={"rate": {"address": ["5/minute"]}})
    policy = Policy(hosts=("example.com",), routes=(route,)).effective(route)
    hands = Hands()
    services = Services(clock=hands.clock, counters=MemoryCounters(hands.clock, max_keys=1000))
    layer, exchange = rate.compile(policy, services), Exchange(make_facts(), services)
    assert layer.toll is not None
    layer.toll(exchange.facts, exchange)
    assert exchange.taken[0][0].name == "address:api"
