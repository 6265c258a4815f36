"""`limit`: a rate limit at one endpoint, charged where the rate layer charges.

Threat: one expensive or guessable endpoint (log-in, search, export) inside a generous general limit. OWASP API Security
2023, API4. Lets pass: requests refused before the endpoint is reached, which the rate layer's own limits count.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias, get_args

from fastapi import HTTPException
from starlette.requests import HTTPConnection

from ..core.exchange import Exchange
from ..core.verdict import Refuse, Verdict
from ..layers.rate import meter
from ..policy.units import Rate
from .current import exchange

By: TypeAlias = Literal["address", "principal", "auto"]
_Spend: TypeAlias = Callable[[Exchange], Verdict | Awaitable[Verdict]]


def limit(*rates: str | Rate, name: str = "", by: By = "auto") -> Callable[[HTTPConnection], Awaitable[None]]:
    """A dependency that charges limits at one endpoint: `dependencies=[Depends(limit("5/minute"))]`.

    rates   such as "5/minute" or "100/hour burst 10"; all hold at once
    name    what the limit is called in headers and events, and counted under: limits of one name share their counters.
            By default the route's methods and its path as declared, prefixes of routers included ("POST /v1/notes")
    by      whose count: "address", "principal", or "auto" for the principal where there is one

    It charges the same service as the rate layer: same store, same headers, same mode. Raises ValueError for a
    malformed rate or name and an unknown `by`, when the endpoint is defined. Of a WebSocket it charges the handshake;
    messages are limited by the policy's `websocket` section.
    """
    parsed = tuple(Rate.parse(text) for text in rates)
    if not parsed:
        raise ValueError("limit() needs at least one rate")
    if by not in get_args(By):
        raise ValueError(f"by is one of {', '.join(get_args(By))}, not {by!r}")
    # Made now even without a name: a bad one is a mistake of the author, to be told before the first request.
    by_name: dict[str, _Spend] = {name: meter(parsed, name, by=by)}  # then one entry per route it stands at

    async def charge_limit(connection: HTTPConnection) -> None:
        current = exchange(connection)
        called = name or _route_name(connection)
        spend = by_name.get(called)
        if spend is None:
            spend = by_name[called] = meter(parsed, called, by=by)
        verdict = spend(current)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if isinstance(verdict, Refuse) and current.refuse(verdict):
            raise HTTPException(verdict.status)

    return charge_limit


def _route_name(connection: HTTPConnection) -> str:
    """Methods and path as they were declared, in printable ASCII; never as sent, which clients choose."""
    scope = connection.scope
    # A route that was included knows its own part of the path alone; FastAPI keeps the whole beside it.
    route = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    methods = ",".join(sorted(getattr(route, "methods", None) or ("WEBSOCKET",)))
    path = f"{methods} {getattr(route, 'path', 'endpoint')}"
    return "".join(char if char.isascii() and char.isprintable() else "-" for char in path)
