"""Everything of the room, wired from a policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from garrison.accounts import Accounts, accounts_of
from garrison.accounts.breached import BreachFilterUnreadable
from garrison.accounts.profiles import ProfileRefused
from garrison.core.errors import OperatorError
from garrison.core.ports import Services
from garrison.policy import Policy
from tests.accounts.wiring import World

pytestmark = pytest.mark.anyio


def policy(tmp_path: Path, **values: object) -> Policy:
    return Policy.model_validate({"hosts": ["shop.example.com"], "state": str(tmp_path), **values})


async def test_the_names_of_the_hosts_are_no_password(tmp_path: Path) -> None:
    accounts = Accounts.build(World().services, policy(tmp_path))
    assert [fault.rule for fault in await accounts.rules.faults("shop-example-2026")] == ["context"]
    await accounts.close()


def test_what_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ProfileRefused):
        Accounts.build(World().services, policy(tmp_path, passwords={"profile": "testing"}))
    with pytest.raises(BreachFilterUnreadable):
        Accounts.build(World().services, policy(tmp_path, passwords={"breached": str(tmp_path / "none")}))
    with pytest.raises(OperatorError, match="https"):
        Accounts.build(World().services, policy(tmp_path, passwords={"range_service": "http://range.example/"}))


def test_an_application_that_is_not_hardened_gets_no_accounts() -> None:
    world = World()
    assert isinstance(world.services, Services)
    with pytest.raises(RuntimeError, match="harden"):
        accounts_of(world.visit())
