"""The load layer: how much at once, what counts, and that everything is given back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from garrison import harden
from garrison.core.capacity import Capacity
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Client
from garrison.core.headers import Edit
from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse
from garrison.fastapi import CsrfToken, Garrison
from garrison.layers import load
from garrison.policy.model import Policy
from garrison.testing import testing_policy
from tests.support.facts import make_facts


class Stand:
    """The layer over a capacity of `most`; `enter` is a request that goes on until `leave`."""

    def __init__(
        self, *, most: int = 1000, route: dict[str, Any] | None = None, session: str | None = None, **section: Any
    ) -> None:
        self.capacity = Capacity(least=1, most=most, target=0.1)
        self.services = Services(capacity=self.capacity, has_session=lambda facts: session is not None)
        policy = Policy(load=section, routes=[{"name": "a", "paths": ["/a"], **route}] if route else [])
        self.layer = load.compile(policy.effective(policy.routes[0]) if route else policy, self.services)

    def enter(self, **facts: Any) -> tuple[Refuse | None, Exchange]:
        exchange = Exchange(make_facts(**facts), self.services)
        return self.ask(exchange), exchange

    def ask(self, exchange: Exchange) -> Refuse | None:
        if self.layer.toll is None:
            return None
        verdict = self.layer.toll(exchange.facts, exchange)
        assert verdict is None or isinstance(verdict, Refuse)
        return verdict

    def answer(self, exchange: Exchange) -> None:
        if self.layer.amend is not None:
            self.layer.amend(exchange, Edit(200, []))

    def leave(self, exchange: Exchange) -> None:
        if self.layer.release is not None:
            self.layer.release(exchange)

    def let_in(self, count: int, **facts: Any) -> int:
        return sum(self.enter(**facts)[0] is None for _ in range(count))


def test_a_client_has_so_many_requests_in_progress_and_no_more() -> None:
    stand = Stand(requests=5)
    assert stand.let_in(20) == 5
    refusal, _ = stand.enter()
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status, refusal.retry_after) == (Reason.CONCURRENCY_LIMITED, 429, 1)
    assert stand.let_in(20, address="198.51.100.9") == 5, "another client is not touched"


def test_what_is_over_makes_room() -> None:
    stand = Stand(requests=2)
    held = [stand.enter()[1] for _ in range(2)]
    assert stand.let_in(1) == 0
    stand.answer(held[0])
    assert stand.let_in(1) == 0, "a stream is in progress until it ends"
    stand.leave(held[0])
    assert stand.let_in(2) == 1


def test_websockets_count_apart() -> None:
    stand = Stand(requests=2, websockets=3)
    assert stand.let_in(9, kind="websocket", scheme="wss") == 3
    assert stand.let_in(9) == 2


def test_clients_of_one_ipv6_network_count_as_one_and_those_without_a_key_not_at_all() -> None:
    stand = Stand(requests=2)
    assert sum(stand.let_in(1, address=f"2001:db8:1:2::{n}") for n in range(1, 9)) == 2
    assert stand.let_in(50, client=Client(None, "")) == 50


def test_everything_is_given_back_however_it_ends() -> None:
    stand = Stand(requests=10)
    exchanges = [stand.enter()[1] for _ in range(30)]
    exchanges += [stand.enter(kind="websocket", scheme="wss")[1] for _ in range(5)]
    exchanges.append(Exchange(make_facts(), stand.services))  # refused by another layer before
    for number, exchange in enumerate(exchanges):
        if number % 3:
            stand.answer(exchange)
            stand.answer(exchange)
        stand.leave(exchange)
        stand.leave(exchange)
    assert (stand.capacity.requests, stand.capacity.sockets, stand.capacity.active) == ({}, {}, 0)


def test_a_route_that_weighs_more_takes_more_of_both_limits() -> None:
    stand = Stand(requests=20, route={"load": {"weight": 5}})
    assert stand.let_in(20) == 4
    assert stand.capacity.active == 20


@pytest.mark.parametrize("route", [{"health": True}, {"load": {"weight": 0}}])
def test_health_checks_and_weightless_routes_always_pass_and_are_not_counted(route: dict[str, Any]) -> None:
    stand = Stand(requests=1, most=1, route=route)
    stand.capacity.active = 10_000
    assert stand.let_in(50) == 50
    assert stand.capacity.active == 10_000


def test_the_operator_always_passes_and_is_not_counted() -> None:
    stand = Stand(requests=1)
    stand.capacity.active = 10_000
    for _ in range(20):
        facts = make_facts()
        facts.operator = True
        assert stand.ask(Exchange(facts, stand.services)) is None
    assert stand.capacity.active == 10_000


def test_what_finds_no_room_is_told_when_to_come_back() -> None:
    stand = Stand(most=10)
    assert sum(stand.let_in(1, address=f"203.0.113.{n}") for n in range(1, 30)) == 7
    refusal, _ = stand.enter(address="198.51.100.1")
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status) == (Reason.OVERLOADED, 503)
    assert refusal.retry_after is not None
    assert refusal.retry_after >= 1


def test_reads_of_strangers_go_first_and_writes_with_a_session_last() -> None:
    def rooms(method: str, session: str | None) -> int:
        stand = Stand(most=100, requests=1000, session=session)
        return sum(stand.let_in(1, method=method, address=f"10.0.{n}.1") for n in range(200))

    let_in = [rooms(method, session) for session in (None, "s") for method in ("GET", "POST")]
    assert let_in == [70, 80, 90, 100]


def test_a_client_that_keeps_to_its_fair_share_finds_room_beside_a_flood() -> None:
    stand = Stand(most=100, requests=1000)
    stand.capacity.begin()
    for _ in range(3):
        stand.capacity.active = 90
        stand.capacity.tick(0.3)
    assert stand.capacity.limit == 45
    stand.capacity.active = 0
    assert stand.let_in(500, address="203.0.113.9") < 0.7 * 45 + 1
    assert stand.let_in(5, address="198.51.100.9") == 5


def test_what_was_turned_away_holds_no_room() -> None:
    stand = Stand(most=10, requests=5)
    for _ in range(100):
        stand.enter()
    assert stand.capacity.active == 5


async def _overload(stand: Stand) -> int:
    """Requests in many event loops one after the other, as test clients make them; how many were turned away."""
    refused = 0
    for _ in range(20):
        refusal, exchange = stand.enter()
        refused += refusal is not None
        stand.answer(exchange)
        stand.leave(exchange)
        await asyncio.sleep(0)
    return refused


def test_a_loop_that_ends_leaves_no_count_behind() -> None:
    from garrison.asgi.pulse import Pulse

    stand = Stand(most=50)
    Pulse(stand.capacity)
    assert sum(asyncio.run(_overload(stand)) for _ in range(20)) == 0


def test_where_no_capacity_is_wired_the_start_is_refused() -> None:
    with pytest.raises(load.CapacityMissing):
        load.compile(Policy(), Services())


def test_the_cookie_of_a_form_makes_nobody_a_member_and_that_of_a_log_in_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attack: a stranger asks for a form first, and shows its cookie with every request from then on."""
    api = FastAPI()
    api.get("/form")(_form)
    api.post("/log-in")(_log_in)
    app = harden(api, testing_policy(load={"most": 100, "least": 1}))
    stranger, member = (TestClient(app, base_url="https://testserver") for _ in range(2))
    assert stranger.get("/form").status_code == 200
    assert "__Host-session" in stranger.cookies
    assert member.post("/log-in").status_code == 200
    capacity = app.services.capacity
    assert capacity is not None
    capacity.active = 85  # beyond the part of strangers, within that of who has logged in
    monkeypatch.setattr(Capacity, "fair", lambda *asked: False)  # neither keeps to a fair share
    assert stranger.get("/form").status_code == 503
    assert member.get("/form").status_code == 200


async def _form(csrf: CsrfToken) -> str:
    return csrf


async def _log_in(garrison: Garrison) -> None:
    await garrison.log_in(Principal("ann"))
