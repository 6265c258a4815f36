"""The bans layer: who is turned away, who never is, and what it tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from garrison.core.ban_rules import AllowList, BanRules
from garrison.core.bans import Ban, parse_target, session_handle
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Client, Facts
from garrison.core.ports import Services
from garrison.core.verdict import Reason, Refuse, Verdict
from garrison.layers import bans
from garrison.policy.model import Policy
from garrison.stores import MemoryRecords
from garrison.stores.bans import Bans
from tests.contracts.hands import Hands
from tests.support.facts import make_facts

pytestmark = pytest.mark.anyio


class Stand:
    """The layer over a ban list that holds `targets`."""

    def __init__(self, *targets: str, session: str | None = None, **section: Any) -> None:
        hands = Hands()
        records = MemoryRecords(hands.clock, max_records=100)
        self.services = Services(clock=hands.clock, records=records, session_id=lambda facts: session)
        rules = BanRules([], AllowList([]))
        self.book = Bans(records, hands.clock, self.services.emit, rules, most=50, ipv6_prefix=64, shared=False)
        self.services.bans = self.book
        self.book._take_over([Ban(parse_target(target), 0.0) for target in targets])
        self.layer = bans.compile(Policy(bans=section), self.services)

    def gate(self, **facts: Any) -> Verdict:
        return self.of(make_facts(**facts))

    def of(self, facts: Facts) -> Verdict:
        assert self.layer.toll is not None
        verdict = self.layer.toll(facts, Exchange(facts, self.services))
        assert verdict is None or isinstance(verdict, Refuse)
        return verdict

    def watch(self, principal: Principal | None, **facts: Any) -> Callable[[bytes], Refuse | None] | None:
        assert self.layer.watch is not None
        exchange = Exchange(make_facts(**facts), self.services)
        exchange.principal = principal
        return self.layer.watch(exchange.facts, exchange)

    def admit(self, principal: Principal | None, **facts: Any) -> Verdict:
        assert self.layer.admit is not None
        exchange = Exchange(make_facts(**facts), self.services)
        exchange.principal = principal
        verdict = self.layer.admit(exchange.facts, exchange)
        assert verdict is None or isinstance(verdict, Refuse)
        return verdict


@pytest.mark.parametrize("target", ["203.0.113.9", "203.0.113.0/24"])
def test_a_banned_address_is_turned_away_and_others_are_not(target: str) -> None:
    stand = Stand(target)
    refusal = stand.gate(address="203.0.113.9")
    assert isinstance(refusal, Refuse)
    assert (refusal.reason, refusal.status, refusal.retry_after, refusal.layer) == (Reason.BANNED, 403, None, "bans")
    assert stand.gate(address="198.51.100.9") is None
    assert Stand().gate(address="203.0.113.9") is None


def test_a_banned_ipv6_address_is_turned_away_with_its_whole_64() -> None:
    stand = Stand("2001:db8:1:2::1")
    assert isinstance(stand.gate(address="2001:db8:1:2:ffff::9"), Refuse)
    assert stand.gate(address="2001:db8:1:3::1") is None


def test_the_client_is_told_neither_why_nor_until_when() -> None:
    refusal = Stand("203.0.113.9").gate(address="203.0.113.9")
    assert isinstance(refusal, Refuse)
    assert "203.0.113" not in refusal.hint
    assert parse_target("203.0.113.9").id in refusal.detail


def test_the_allow_list_goes_before_every_ban() -> None:
    stand = Stand("203.0.113.0/24", "principal:ann", allow=["203.0.113.9", "principal:ann"])
    assert stand.gate(address="203.0.113.9") is None
    assert isinstance(stand.gate(address="203.0.113.10"), Refuse)
    assert stand.admit(Principal("ann")) is None


def test_the_operator_is_exempt_by_listener_and_by_no_address() -> None:
    stand = Stand("127.0.0.0/8", "principal:ann")
    facts = make_facts(address="127.0.0.1")
    assert isinstance(stand.of(facts), Refuse), "loopback is an address like others"
    facts.operator = True
    assert stand.of(facts) is None
    exchange = Exchange(facts, stand.services)
    exchange.principal = Principal("ann")
    assert stand.layer.admit is not None
    assert stand.layer.admit(facts, exchange) is None


def test_a_trusted_proxy_s_own_request_is_under_no_ban() -> None:
    facts = make_facts(client=Client(make_facts(address="10.0.0.5").client.address, ""))
    assert Stand("10.0.0.0/8").of(facts) is None


@pytest.mark.parametrize(
    ("target", "principal", "held"),
    [
        ("principal:ann", Principal("ann"), True), ("principal:ann", Principal("bob"), False),
        ("principal:ann", Principal("ann", "api-key", credential="k1"), True), ("principal:ann", None, False),
        ("api-key:k1", Principal("ann", "api-key", credential="k1"), True),
        ("api-key:k1", Principal("ann", "api-key", credential="k2"), False), ("api-key:ann", Principal("ann"), False),
    ],
)  # fmt: skip
def test_a_banned_identity_is_turned_away_once_it_is_verified(
    target: str, principal: Principal | None, held: bool
) -> None:
    assert isinstance(Stand(target).admit(principal), Refuse) is held


def test_a_banned_session_is_turned_away_by_its_handle() -> None:
    handle = session_handle("5e55")
    assert isinstance(Stand(f"session:{handle}", session="5e55").admit(None), Refuse)
    assert Stand(f"session:{handle}", session="07e4").admit(None) is None
    assert Stand("session:5e55", session="5e55").admit(None) is None, "the key itself is no name for it"
    assert Stand(f"session:{handle}").admit(None) is None


def test_a_connection_that_stands_ends_with_its_next_message() -> None:
    stand = Stand()
    assert stand.watch(None) is None, "a body ends by itself"
    check = stand.watch(None, kind="websocket", scheme="wss", address="203.0.113.9")
    assert check is not None
    assert check(b"hello") is None
    stand.book._take_over([Ban(parse_target("203.0.113.9"), 0.0)])
    assert isinstance(check(b"hello"), Refuse)


@pytest.mark.parametrize("target", ["principal:ann", "api-key:k1", f"session:{session_handle('5e55')}"])
def test_a_connection_of_a_banned_identity_ends_with_its_next_message(target: str) -> None:
    stand = Stand(session="5e55", allow=["principal:bob"])
    ann, bob = (
        stand.watch(Principal(name, "api-key", credential="k1"), kind="websocket", scheme="wss")
        for name in ("ann", "bob")
    )
    assert ann is not None
    assert bob is not None
    assert ann(b"hello") is None
    stand.book._take_over([Ban(parse_target(target), 0.0)])
    assert isinstance(ann(b"hello"), Refuse)
    assert bob(b"hello") is None, "bans.allow goes before every ban"


async def test_a_table_that_is_too_old_is_renewed_before_it_judges() -> None:
    stand = Stand()
    far = Bans(
        stand.services.records,  # type: ignore[arg-type]
        stand.services.clock, stand.services.emit, BanRules([], AllowList([])), most=50, ipv6_prefix=64, shared=True,
    )  # fmt: skip
    await far.add(parse_target("203.0.113.9"), reason="", by="test")
    stand.services.bans = near = Bans(
        stand.services.records,  # type: ignore[arg-type]
        stand.services.clock, stand.services.emit, BanRules([], AllowList([])), most=50, ipv6_prefix=64, shared=True,
    )  # fmt: skip
    toll = bans.compile(Policy(), stand.services).toll
    facts = make_facts(address="203.0.113.9")
    assert toll is not None
    assert len(near.table) == 0
    pending = toll(facts, Exchange(facts, stand.services))
    assert pending is not None
    assert not isinstance(pending, Refuse)
    assert isinstance(await pending, Refuse)  # type: ignore[misc]
    assert isinstance(toll(facts, Exchange(facts, stand.services)), Refuse), "now it is known, and nobody waits"


def test_where_no_ban_list_is_wired_the_start_is_refused() -> None:
    with pytest.raises(bans.BansMissing):
        bans.compile(Policy(), Services())
