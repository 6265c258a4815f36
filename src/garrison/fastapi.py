"""Comfort for FastAPI applications behind `harden`.

Every name here works through `request.state.garrison`; without `harden` around the application each raises a
`RuntimeError` that says so, because a control that silently does nothing would be worse.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

try:
    from fastapi import Depends, HTTPException, Request
except ImportError as error:
    raise ImportError('garrison.fastapi needs FastAPI: pip install "garrison[demo]" or fastapi itself') from error

from .core.exchange import Exchange, Principal
from .core.names import STATE_KEY
from .core.verdict import Refuse
from .layers.rate import charge
from .policy.units import Rate

__all__ = [
    "CsrfToken",
    "CurrentPrincipal",
    "Garrison",
    "Nonce",
    "csrf_token",
    "current_principal",
    "exchange",
    "limit",
    "nonce",
    "refusals",
    "require_principal",
]


def exchange(request: Request) -> Exchange:
    """The request's exchange. Raises RuntimeError when the application is not behind `harden`."""
    found = request.scope.get("state", {}).get(STATE_KEY)
    if not isinstance(found, Exchange):
        raise RuntimeError("This application is not behind Garrison: serve `harden(app)` instead of `app`.")
    return found


def nonce(request: Request) -> str:
    """The CSP nonce for this answer's `<script>` and `<style>` elements."""
    return exchange(request).nonce


def csrf_token(request: Request) -> str:
    """The CSRF token for a form on this page; starts a pre-session where there is no session."""
    return exchange(request).csrf_token


def current_principal(request: Request) -> Principal | None:
    """Who is asking, verified; None for anonymous."""
    return exchange(request).principal


def require_principal(request: Request) -> Principal:
    """Who is asking; answers 401 to anonymous requests."""
    principal = exchange(request).principal
    if principal is None:
        raise HTTPException(401, "Log in first.")
    return principal


Garrison = Annotated[Exchange, Depends(exchange)]
Nonce = Annotated[str, Depends(nonce)]
CsrfToken = Annotated[str, Depends(csrf_token)]
CurrentPrincipal = Annotated[Principal, Depends(require_principal)]

By = Literal["address", "principal", "auto"]


def limit(*rates: str, name: str = "", by: By = "auto") -> Callable[[Request], Awaitable[None]]:
    """A dependency that charges limits at one endpoint: `dependencies=[Depends(limit("5/minute"))]`.

    rates   such as "5/minute" or "100/hour burst 10"; all hold at once
    name    what the limit is called in headers and events; the route's path by default
    by      whose count: "address", "principal", or "auto" for the principal where there is one

    It charges the same service as the rate layer: same store, same headers, same mode. Raises ValueError for a
    malformed rate, when the endpoint is defined.
    """
    parsed = tuple(Rate.parse(text) for text in rates)
    if not parsed:
        raise ValueError("limit() needs at least one rate")

    async def charge_limit(request: Request) -> None:
        current = exchange(request)
        verdict = charge(current, parsed, name or _route_name(request), by=by)
        if inspect.isawaitable(verdict):
            verdict = await verdict
        if isinstance(verdict, Refuse) and current.refuse(verdict):
            raise HTTPException(verdict.status)

    return charge_limit


def _route_name(request: Request) -> str:
    route = request.scope.get("route")
    return str(getattr(route, "path", request.scope["path"]))


_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
        "request_id": {"type": "string"},
    },
}
_REFUSALS: Final = {
    400: "Malformed request",
    403: "Refused: cross-site, or the CSRF token is missing or wrong",
    413: "Body too large",
    415: "Content type or encoding not accepted",
    429: "Rate limit exceeded; see Retry-After and RateLimit",
    503: "Temporarily refused",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` for what Garrison may answer: `FastAPI(responses=refusals())`, or some of them by status."""
    chosen = statuses or tuple(_REFUSALS)
    return {
        status: {
            "description": _REFUSALS[status],
            "content": {"application/problem+json": {"schema": _PROBLEM}},
        }
        for status in chosen
    }
