"""Closed route classes and read-only mode, thrown and put back while the application runs: `garrison incident contain`.

The switches of the policy (`control`) say the same at the start; these need no restart. They are asked after all other
layers, just before the application. The operator's own listener is exempt.
Lets pass, in read-only mode: GET, HEAD and OPTIONS, whatever the application does on them; requests that were let in
before the switch was thrown, for up to five seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable
from math import ceil
from typing import Final

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.layer import Layer
from ..core.names import SAFE_METHODS
from ..core.ports import Services
from ..core.verdict import Reason, Refuse, Verdict
from ..policy.model import Policy
from ..stores.switches import READ_ONLY, ROUTE, Switches

NAME: Final = "switches"


def switch_layer(policy: Policy, services: Services, switches: Switches) -> Layer:
    """503 with Retry-After for what is switched off. Route classes go by the names in `services.route_names`."""
    wait = max(1, ceil(policy.control.retry_after))
    closed = Refuse(
        Reason.ROUTE_DISABLED, 503, retry_after=wait, layer=NAME, hint="This part of the site is switched off."
    )
    read_only = Refuse(
        Reason.READ_ONLY, 503, retry_after=wait, layer=NAME, hint="The site can be read but not changed at the moment."
    )
    now = services.clock.monotonic

    def judge(facts: Facts) -> Verdict:
        on = switches.on
        if not on or facts.operator:
            return None
        if f"{ROUTE}{services.route_names[facts.route]}" in on:
            return closed
        safe = facts.method in SAFE_METHODS and facts.kind == "http"
        return read_only if READ_ONLY in on and not safe else None

    async def later(waiting: Awaitable[None], facts: Facts) -> Verdict:
        await waiting
        return judge(facts)

    def toll(facts: Facts, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
        if now() >= switches.due and (waiting := switches.renew()) is not None:
            return later(waiting, facts)
        return judge(facts)

    return Layer(NAME, toll=toll)
