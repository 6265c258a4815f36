"""What must not be banned is not, whoever asks."""

from __future__ import annotations

import pytest

from garrison.core.ban_rules import AllowedBanRefused, AllowList, BanRules, ProxyBanRefused, WideBanRefused
from garrison.core.bans import BadTarget, parse_target
from garrison.core.exchange import Principal
from tests.support.facts import client_of

RULES = BanRules(
    ["10.9.0.0/16", "2001:db8:9::/48", "unix"], AllowList(["198.51.100.0/24", "principal:root", "2001:db8:5::1"])
)


@pytest.mark.parametrize("target", ["10.9.0.1", "10.9.0.0/24", "10.0.0.0/8", "2001:db8:9::1", "2001:db8::/32"])
@pytest.mark.parametrize("force", [False, True])
def test_a_trusted_proxy_can_t_be_banned_by_any_network_around_it(target: str, force: bool) -> None:
    with pytest.raises(ProxyBanRefused) as refused:
        RULES.check(parse_target(target), force=force)
    assert refused.value.proxy in {"10.9.0.0/16", "2001:db8:9::/48"}


@pytest.mark.parametrize("target", ["198.51.100.7", "198.51.100.128/25", "principal:root", "2001:db8:5::2"])
@pytest.mark.parametrize("force", [False, True])
def test_who_is_on_the_allow_list_can_t_be_banned(target: str, force: bool) -> None:
    with pytest.raises(AllowedBanRefused):
        RULES.check(parse_target(target), force=force)


@pytest.mark.parametrize("target", ["0.0.0.0/0", "128.0.0.0/1", "127.0.0.1", "127.0.0.0/8", "::1", "::/0", "::/8"])
def test_the_internet_and_this_machine_are_banned_only_by_somebody_who_insists(target: str) -> None:
    rules = BanRules([], AllowList([]))
    with pytest.raises(WideBanRefused):
        rules.check(parse_target(target))
    rules.check(parse_target(target), force=True)


@pytest.mark.parametrize("target", ["203.0.113.7", "11.0.0.0/8", "198.51.0.0/16", "2001:db8:1::/48", "session:x"])
def test_others_can_be_banned(target: str) -> None:
    RULES.check(parse_target(target))


def test_the_list_knows_its_clients_and_principals() -> None:
    allowed = AllowList(["198.51.100.0/24", "principal:root"])
    assert allowed.client(client_of("198.51.100.7"))
    assert not allowed.client(client_of("198.51.101.7"))
    assert not allowed.client(client_of("2001:db8::1"))
    assert allowed.principal(Principal("root"))
    assert not allowed.principal(Principal("alice"))


def test_a_list_that_can_t_be_read_is_an_error() -> None:
    with pytest.raises(BadTarget):
        AllowList(["root"])
