"""A site with a record of an attack, for commands about incidents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from garrison import Policy
from garrison.core.clock import SYSTEM
from garrison.core.facts import Facts
from garrison.events.build import build_bus
from garrison.events.bus import Bus
from garrison.events.vocabulary import EventName
from garrison.policy.load import load
from garrison.recording import attach_audit
from garrison.secrets.keyring import Keyring
from garrison.stores.build import build_stores
from tests.cli.running import KEY, Here
from tests.support.facts import make_facts

POLICY = 'hosts = ["localhost"]\n'
ATTACKER = "203.0.113.9"


def attacked(here: Here, monkeypatch: pytest.MonkeyPatch, more: Callable[[Bus, Facts], None] | None = None) -> Here:
    """`here`, with an attack by `ATTACKER` on record (and what `more` emits), and somebody else's log-in."""
    monkeypatch.setenv("GARRISON_KEY", KEY)
    here.write("garrison.toml", POLICY)
    policy = Policy(hosts=["localhost"], state=str(here.folder / ".garrison"), events={"output": "none"})
    bus = build_bus(policy, SYSTEM)
    attach_audit(policy, Keyring.from_policy(policy, {"GARRISON_KEY": KEY}, Path(policy.state), SYSTEM), SYSTEM, bus)
    for number in range(5):
        bus.emit(EventName.AUTHN_LOGIN_FAIL, make_facts(address=ATTACKER), account=f"a{number}")
    bus.emit(EventName.SESSION_CREATED, make_facts(address="198.51.100.2"), principal="O'Brien")
    if more:
        more(bus, make_facts(address=ATTACKER, path="/notes/7"))
    bus.close()
    return here


def opened(site: Here, title: str = "Guessing") -> str:
    """The id of an incident about the attacker."""
    ran = site.run("incident", "open", title, "--where", f"client={ATTACKER}", "--since", "1h", "-f", "json")
    assert ran.code == 0, ran.err
    return str(ran.json["id"])


def keep(*records: tuple[str, str, dict[str, str | float]]) -> None:
    """Put records into the policy's store: (kind, id, data)."""

    async def put() -> None:
        stores = build_stores(load(None, {"GARRISON_KEY": KEY}).policy, str, SYSTEM, lambda away, why: None)
        await stores.open()
        for kind, name, data in records:
            await stores.records.put(kind, name, data)
        await stores.close()

    asyncio.run(put())


def kept(kind: str, name: str) -> dict[str, object] | None:
    """A record of the policy's store."""

    async def get() -> dict[str, object] | None:
        stores = build_stores(load(None, {"GARRISON_KEY": KEY}).policy, str, SYSTEM, lambda away, why: None)
        await stores.open()
        record = await stores.records.get(kind, name)
        await stores.close()
        return dict(record.data) if record else None

    return asyncio.run(get())
