"""The onion: the ASGI application around the application.

For each request it builds the facts, asks the layers, runs the application, and dresses the answer. Everything that
depends on the policy alone was done when it was built; a request only walks tuples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.exchange import Exchange
from ..core.facts import Facts
from ..core.names import SAFE_METHODS, STATE_KEY
from ..core.ports import Services
from ..core.verdict import Answer, Mode, Reason, Refuse
from ..layers.size import Decoder, wants_decoding
from . import record
from .answer import Answering
from .body import Body, Check
from .door import Door
from .facts import ReadFacts
from .judge import Stands, judge, resolve_principal
from .lifespan import Lifespan
from .types import App, Receive, Scope, Send
from .websocket import serve_websocket


class Onion:
    """An ASGI application that hardens `app`. Made by `garrison.harden`.

    `inner` is what requests are handed to: `app` with Garrison's own endpoints in front.

    `doors` holds one compiled route class per index of `Facts.route`; `doors[0]` is the default class.
    """

    def __init__(
        self,
        app: App,
        inner: App,
        doors: Sequence[Door],
        read: ReadFacts,
        services: Services,
        lifespan: Lifespan,
    ) -> None:
        self.app = app
        self._inner = inner
        self.doors = tuple(doors)
        self.services = services
        self._read = read
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
            return await self._http(scope, receive, send)
        if kind == "websocket":
            facts = self._read(scope)
            exchange = Exchange(facts, self.services)
            return await serve_websocket(self._inner, self.doors[facts.route], exchange, scope, receive, send)
        if kind == "lifespan":
            return await self._lifespan.serve(self.app, scope, receive, send)
        return await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> Any:
        facts = self._read(scope)
        door = self.doors[facts.route]
        exchange = Exchange(facts, self.services)
        exchange.stands = door.stands
        answer = Answering(door, exchange, send)
        stack = door.stack
        verdict: Stands = await judge(door, stack.gate, facts, exchange)
        if verdict is None and self.services.principal is not None:
            verdict = await resolve_principal(door, facts, exchange)
        if verdict is None and stack.admits:
            verdict = await judge(door, stack.admits, facts, exchange)
        if verdict is None and _may_have_body(scope, facts):
            receive, scope, verdict = await _open_body(door, exchange, answer, scope, receive)
        if verdict is not None:
            await answer.give(verdict)
        if answer.muted:
            return None
        return await self._run(scope, receive, exchange, answer)

    async def _run(self, scope: Scope, receive: Receive, exchange: Exchange, answer: Answering) -> Any:
        inner = {**scope, "state": {**scope.get("state", {}), STATE_KEY: exchange}}
        try:
            result = await self._inner(inner, receive, answer.send)
        except Exception as error:
            if answer.muted:
                # We refused while the application was reading: what it raised is an echo of the disconnect.
                return None
            await answer.crashed(error)
            raise
        await answer.finish()
        return result


def _may_have_body(scope: Scope, facts: Facts) -> bool:
    """HTTP/1 announces a body by header; HTTP/2 and later need not."""
    headers = facts.headers
    return (
        facts.method not in SAFE_METHODS
        or b"content-length" in headers
        or b"transfer-encoding" in headers
        or scope.get("http_version", "1.1") not in {"1.0", "1.1"}
    )


async def _open_body(
    door: Door, exchange: Exchange, answer: Answering, scope: Scope, receive: Receive
) -> tuple[Receive, Scope, Stands]:
    """A guarded `receive`, the scope that fits it, and the verdict of layers that looked ahead."""
    facts = exchange.facts
    checks: list[Check] = [
        (layer, mode, check) for layer, mode, watch in door.stack.watches if (check := watch(facts)) is not None
    ]
    encoding = wants_decoding(facts, door.policy.size)
    decoder = None
    if encoding:
        section = door.policy.size
        decoder = Decoder(encoding, section.decompressed, section.ratio)
        scope = {**scope, "headers": _decoded_headers(scope["headers"])}

    def note(refusal: Refuse, mode: Mode) -> None:
        record.refused(exchange.services.emit, facts, refusal, mode, door.name)

    if not checks and decoder is None and not door.stack.peeks:
        return receive, scope, None
    body = Body(receive, checks, decoder, answer.give, note)
    return body, scope, await _look_ahead(door, exchange, body)


async def _look_ahead(door: Door, exchange: Exchange, body: Body) -> Stands:
    for layer, mode, ask in door.stack.peeks:
        try:
            wish = ask(exchange.facts)
            if wish is None:
                continue
            prefix, complete = await body.prefix(wish.limit)
            if body.refused:
                return None
            verdict = wish.judge(prefix, complete)
        except Exception as error:  # noqa: BLE001  # a guard that breaks is a closed door
            record.layer_failed(exchange.services.emit, exchange.facts, layer, error, door.name)
            return Refuse(Reason.LAYER_FAILED, 503, layer=layer)
        if verdict is None:
            continue
        if mode is Mode.ENFORCE or isinstance(verdict, Answer):
            return verdict
        record.refused(exchange.services.emit, exchange.facts, verdict, mode, door.name)
    return None


def _decoded_headers(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What the application sees once the body is decoded: no encoding, no length of the encoded form."""
    gone = {b"content-encoding", b"content-length"}
    return [pair for pair in headers if pair[0] not in gone]
