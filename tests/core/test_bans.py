"""Targets: what can be banned, how it is written, and what an address stands for."""

from __future__ import annotations

import pytest

from garrison.core.bans import BadTarget, Ban, TargetKind, parse_target, session_handle


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("2001:db8:1:2:3::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::1/128", "2001:db8:1:2:3::1/128"),
        ("2001:DB8::/48", "2001:db8::/48"),
        ("principal:alice", "principal:alice"),
        ("principal:user:7", "principal:user:7"),
        ("api-key:k3xq7", "api-key:k3xq7"),
        ("session:9f0c", "session:9f0c"),
    ],
)
def test_a_target_has_one_way_to_be_written(text: str, written: str) -> None:
    target = parse_target(text)
    assert str(target) == written
    assert parse_target(written) == target
    assert parse_target(written).id == target.id


@pytest.mark.parametrize(
    "text",
    [
        "", "alice", "203.0.113.256", "203.0.113.7:80", "203.0.113.7/33", "203.0.113.7/24", "fe80::1%eth0", "[::1]",
        "0.0.0.0/0/0", "principal:", "principal:" + "x" * 201, "session:a\nb", "user:alice",
        "203.0.113.0/255.255.0.255",
    ],
)  # fmt: skip
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(BadTarget):
        parse_target(text)


def test_an_ipv6_address_stands_for_the_network_that_clients_are_counted_by() -> None:
    assert str(parse_target("2001:db8:1:2:3::1", 56)) == "2001:db8:1::/56"


def test_kinds_of_identity_never_meet() -> None:
    texts = ["principal:x", "api-key:x", "session:x"]
    assert len({parse_target(text).id for text in texts}) == 3
    assert {parse_target(text).kind for text in texts} == set(TargetKind) - {TargetKind.NETWORK}


@pytest.mark.parametrize(
    ("one", "other", "longer"),
    [(None, 5.0, True), (5.0, None, False), (None, None, False), (6.0, 5.0, True), (5.0, 5.0, False)],
)
def test_a_ban_without_an_end_outlasts_every_other(one: float | None, other: float | None, longer: bool) -> None:
    target = parse_target("203.0.113.7")
    assert Ban(target, 0.0, one).outlasts(Ban(target, 0.0, other)) is longer


def test_a_session_is_banned_by_a_name_that_does_not_tell_its_key() -> None:
    assert session_handle("0" * 32) != session_handle("1" * 32)
    assert "0" * 8 not in session_handle("0" * 32)
