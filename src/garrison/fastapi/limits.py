"""`limit`: a rate limit at one endpoint, charged where the rate layer charges.

Threat: one expensive or guessable endpoint (log-in, search, export) inside a generous general limit. OWASP API Security
2023, API4. Lets pass: requests refused before the endpoint is reached, which the rate layer's own limits count.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

from fastapi import HTTPException, Request

from ..core.exchange import Exchange
from ..core.verdict import Refuse, Verdict
from ..layers.rate import meter
from ..policy.units import Rate
from .current import exchange

By: TypeAlias = Literal["address", "principal", "auto"]
_Spend: TypeAlias = Callable[[Exchange], Verdict | Awaitable[Verdict]]


def limit(*rates: str | Rate, name: str = "", by: By = "auto") -> Callable[[Request], Awaitable[None]]:
    """A dependency that charges limits at one endpoint: `dependencies=[Depends(limit("5/minute"))]`.

    rates   such as "5/minute" or "100/hour burst 10"; all hold at once
    name    what the limit is called in headers and events; the route's path by default
    by      whose count: "address", "principal", or "auto" for the principal where there is one

    It charges the same service as the rate layer: same store, same headers, same mode. Raises ValueError for a
    malformed rate or name, when the endpoint is defined. HTTP endpoints only: messages on a WebSocket are limited by
    the policy's `websocket` section.
    """
    parsed = tuple(Rate.parse(text) for text in rates)
    if not parsed:
        raise ValueError("limit() needs at least one rate")
    # Made now even without a name: a bad one is a mistake of the author, to be told before the first request.
    by_name: dict[str, _Spend] = {name: meter(parsed, name, by=by)}  # then one entry per route it stands at

    async def charge_limit(request: Request) -> None:
        current = exchange(request)
        called = name or _route_name(request)
        spend = by_name.get(called)
        if spend is None:
            spend = by_name[called] = meter(parsed, called, by=by)
        verdict = spend(current)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if isinstance(verdict, Refuse) and current.refuse(verdict):
            raise HTTPException(verdict.status)

    return charge_limit


def _route_name(request: Request) -> str:
    """The path as it was declared, in printable ASCII; never the path as sent, which clients choose."""
    route = request.scope.get("route")
    path = str(getattr(route, "path", "endpoint"))
    return "".join(char if char.isascii() and char.isprintable() else "-" for char in path)
