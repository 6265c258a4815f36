"""`JsonRoute`: FastAPI endpoints whose JSON bodies are bounded before they are parsed.

Threat: see `garrison.inputs.json`. FastAPI and Starlette parse with `json.loads`, which takes NaN, duplicate keys and
any depth the stack holds; a document that is no UTF-8 is a 500 where the endpoint reads the body itself. Where the
layer `body` has parsed the same bytes under bounds no wider, its value is used, and nothing is parsed twice.

Assumption: the application is behind `harden`; without it each request raises, since no refusal would be recorded.
Lets pass: bodies an endpoint parses by itself, and JSON with a Content-Type that FastAPI does not parse.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from ..core.exchange import Exchange
from ..core.verdict import Reason, Refuse
from ..inputs.json import DEFAULT, JsonLimits, JsonRefused, loads
from .accounts import refuse
from .current import exchange

_HINT = "The JSON is malformed, too deep, too large, or can be read in two ways."
_SIZES = frozenset({"size", "values", "keys"})


def json_route(limits: JsonLimits = DEFAULT) -> type[APIRoute]:
    """A route class with `limits`: `APIRouter(route_class=json_route(JsonLimits(depth=8)))`.

    What is out of bounds is answered 400, or 413 for size and number of values, as problem+json with the reason
    `body-malformed` or `body-too-large`, and recorded.
    """

    class GuardedRequest(Request):
        async def json(self) -> Any:
            if not hasattr(self, "_json"):
                self._json = _value(exchange(self), await self.body(), limits)
            return self._json

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                return await handler(GuardedRequest(request.scope, request.receive))

            return guarded

    return GuardedRoute


def _value(current: Exchange, body: bytes, limits: JsonLimits) -> Any:
    document = current.document
    if document is not None and document.fits(body, limits):
        return document.take()
    try:
        return loads(body, limits)
    except JsonRefused as error:
        refuse(current, _refusal(error.why))


def _refusal(why: str) -> Refuse:
    if why in _SIZES:
        return Refuse(Reason.BODY_TOO_LARGE, 413, layer="json-route", detail=why, hint="The JSON holds too much.")
    return Refuse(Reason.BODY_MALFORMED, 400, layer="json-route", detail=why, hint=_HINT)


JsonRoute = json_route()
"""The route class with the default limits: `app.router.route_class = JsonRoute`, before the first route."""
