"""The onion: the ASGI application around the application.

For each request it builds the facts, asks the layers, runs the application, and dresses the answer. Everything that
depends on the policy alone was done when it was built; a request only walks tuples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.exchange import Exchange
from ..core.ports import Services
from .absorb import absorb
from .ahead import may_have_body, open_body
from .answer import Answering
from .door import Door
from .facts import ReadFacts
from .inner import inner_scope
from .judge import let_go, let_in, settled
from .lifespan import Lifespan
from .own import Own
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
        self._lifespan = lifespan
        # In one piece: `__getattr__` makes every look-up of an attribute dear. `__call__` is bound once, as calling an
        # instance looks it up each time.
        standing = tuple((door, door.stands) for door in doors)
        self._parts = read.__call__, standing, services, app, own, own.prefix

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"The hardened application has no attribute {name!r}: it is an ASGI application and nothing more. "
            "Call harden() last, after routes and middleware, and keep the original for everything else "
            f"(it is here as .app, so .app.{name} may be what you want)."
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """What the application returns. Raises what it raises, once that is recorded and answered."""
        if scope["type"] != "http":
            return await self._other(scope, receive, send)
        read, doors, services, app, own, prefix = self._parts
        try:
            facts = read(scope)
        except Exception as error:  # noqa: BLE001  # what can't be read can't be judged: the door stays closed
            return await refuse_unread(doors[0][0], services.emit, error, "http", receive, send)
        door, stands = doors[facts.route]
        exchange = Exchange(facts, services, stands)
        answer = Answering(door, exchange, receive, send)
        try:
            verdict = let_in(door, facts, exchange)
            if verdict is not None:
                verdict = await settled(verdict)
            if verdict is None and may_have_body(scope, facts):
                answer.body, scope, verdict = open_body(door, exchange, answer.cut_off, scope, receive)
                if verdict is not None:
                    verdict = await settled(verdict)
            if verdict is not None:
                await answer.give(verdict)
            if answer.muted:
                return None
            inner = inner_scope(scope, exchange)
            inside = own if scope["path"].startswith(prefix) else app
            try:
                result = await inside(inner, answer.receive, answer.send)
            except Exception as error:
                if await absorb(error, exchange, answer):
                    return None
                raise
            if not answer.started:
                await answer.finish()
            return result
        finally:
            let_go(door, exchange)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> Any:
        kind = scope["type"]
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
