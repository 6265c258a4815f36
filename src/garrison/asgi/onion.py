"""The onion: the ASGI application around the application.

For each request it builds the facts, asks the layers, runs the application, and dresses the answer. Everything that
depends on the policy alone was done when it was built; a request only walks tuples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.exchange import Exchange
from ..core.ports import Services
from .door import Door
from .facts import ReadFacts
from .judge import let_go
from .lifespan import Lifespan
from .own import Own
from .requests import Requests
from .types import App, Receive, Scope, Send
from .unread import refuse_unread
from .websocket import serve_websocket


class Onion:
    """An ASGI application that hardens `app`. Made by `garrison.harden`.

    `own` are Garrison's own endpoints, which stand in its place below their prefix.

    `doors` holds one compiled route class per index of `Facts.route`; `doors[0]` is the default class.
    """

    def __init__(
        self,
        app: App,
        own: Own,
        doors: Sequence[Door],
        read: ReadFacts,
        services: Services,
        lifespan: Lifespan,
    ) -> None:
        self.app = app
        self.doors = tuple(doors)
        self.services = services
        self._read = read
        self._serve = Requests(app, own, doors, read, services).serve
        self._lifespan = lifespan

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"The hardened application has no attribute {name!r}: it is an ASGI application and nothing more. "
            "Call harden() last, after routes and middleware, and keep the original for everything else "
            f"(it is here as .app, so .app.{name} may be what you want)."
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        kind = scope["type"]
        if kind == "http":
            return await self._serve(scope, receive, send)
        if kind == "websocket":
            return await self._websocket(scope, receive, send)
        if kind == "lifespan":
            return await self._lifespan.serve(self.app, scope, receive, send)
        return await self.app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> Any:
        try:
            facts = self._read(scope)
        except Exception as error:  # noqa: BLE001  # what can't be read can't be judged: the door stays closed
            return await refuse_unread(self.doors[0], self.services.emit, error, "websocket", receive, send)
        door = self.doors[facts.route]
        exchange = Exchange(facts, self.services, door.stands)
        try:
            return await serve_websocket(self.app, door, exchange, scope, receive, send)
        finally:
            let_go(door, exchange)
