"""The ban list of a policy, opened for one command: its store, its rules, and a record of what is changed."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..core.errors import OperatorError
from .options import load_policy

if TYPE_CHECKING:
    from ..core.ports import Emit, Records
    from ..policy.model import Policy
    from ..stores.bans import Bans

T = TypeVar("T")


class BansUnreachable(OperatorError):
    """The policy keeps bans in the memory of the application's own process."""

    def __init__(self) -> None:
        super().__init__(
            'The policy says store = "memory", so its bans live in the application\'s process alone.',
            remedy='Write store = "embedded" for one machine, or the address of a shared store.',
            reference="docs/layers/bans.md",
        )


def operator() -> str:
    """Who is at the keyboard, as far as the system tells; for the record."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return "cli"


@dataclass(frozen=True, slots=True)
class Opened:
    """The store of a policy, opened for one command, and what it changes put on record by `emit`."""

    policy: Policy
    records: Records
    bans: Bans
    emit: Emit


def with_bans(policy: Path | None, work: Callable[[Bans, Policy], Awaitable[T]]) -> T:
    """What `work` returns, with the ban list read. Raises `BansUnreachable` and what the store raises."""
    return with_store(policy, lambda opened: work(opened.bans, opened.policy))


def with_store(policy: Path | None, work: Callable[[Opened], Awaitable[T]]) -> T:
    """The same for what needs more than the ban list."""
    loaded = load_policy(policy).policy
    if loaded.store == "memory":
        raise BansUnreachable
    return asyncio.run(_open(loaded, work))


async def _open(policy: Policy, work: Callable[[Opened], Awaitable[T]]) -> T:
    from ..core.clock import SYSTEM
    from ..events.build import build_bus
    from ..recording import attach_audit
    from ..secrets.own import room_view
    from ..stores.build import build_stores
    from ..wire import build_bans

    # What is changed is recorded where the application records it; its terminal is not ours.
    output = "none" if policy.events.output == "stderr" else policy.events.output
    bus = build_bus(policy.model_copy(update={"events": policy.events.model_copy(update={"output": output})}), SYSTEM)
    try:
        attach_audit(policy, None, SYSTEM, bus)  # no key is needed to record; the application signs
        with room_view(policy, os.environ, "stores") as reveal:
            stores = build_stores(policy, reveal, SYSTEM, lambda away, why: None)
        await stores.open()
        try:
            bans = build_bans(policy, stores.records, SYSTEM, bus.emit)
            await bans.refresh()
            return await work(Opened(policy, stores.records, bans, bus.emit))
        finally:
            await stores.close()
    finally:
        await asyncio.to_thread(bus.close)
