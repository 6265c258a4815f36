"""What `garrison check` says of a shared store: it is connected to, and asked to run a script that writes."""

from __future__ import annotations

import asyncio
import os

from ..core.clock import SYSTEM
from ..core.errors import GarrisonError
from ..findings.record import Finding
from ..findings.report import ToolStatus
from ..findings.severity import Severity
from ..policy.checks import locate
from ..policy.load import Loaded
from ..policy.model import Policy
from ..secrets.own import room_view
from ..stores.build import build_stores


def examine_store(loaded: Loaded) -> tuple[list[Finding], ToolStatus] | None:
    """None where no shared store is named. A store that is away stops no start, so it is no error here either: the
    place where the check runs may be another one than where the application will."""
    policy = loaded.policy
    if policy.store in ("embedded", "memory"):
        return None
    try:
        why = asyncio.run(_look(policy))
    except GarrisonError:  # it can't even be asked: the rehearsal of the start says why
        return [], ToolStatus.skipped("store", "it can't be asked before the findings are mended", required=False)
    status = ToolStatus.ran("store", "connected, a script run, a key written" if why is None else "asked")
    return [] if why is None else [_away(why, loaded)], status


async def _look(policy: Policy) -> str | None:
    """Why the store does not work; None when it does."""
    told = ["no answer"]
    with room_view(policy, os.environ, "stores") as reveal:
        stores = build_stores(policy, reveal, SYSTEM, lambda away, why: told.append(why))
    try:
        await stores.open()
        return told[-1] if stores.degraded() else None
    finally:
        await stores.close()


def _away(why: str, loaded: Loaded) -> Finding:
    return Finding(
        id="store/away",
        title="Store does not answer",
        severity=Severity.MEDIUM,
        message=f"{why}.",
        consequence="Whoever is logged in is refused (503), and limits are counted in each process, degraded.",
        remedy="Bring it back, or mend its address, user and password; from here it may just be out of reach.",
        reference="docs/stores.md",
        location=locate(loaded.source("store"), "store"),
        source="store",
    )
