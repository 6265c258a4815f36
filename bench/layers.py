"""What each layer costs: its parts, called as the onion calls them, with the facts of the POST of `overhead`.

Hot, and with nothing between two calls: sums of these are lower than what a request pays. Listed beside the layers:
`facts` (parsing a request), `principal` (resolving the session), `dress` (all response headers, layers' amends
included), and `onion`: everything around a null application at once. Nothing was promised for a single layer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from garrison.asgi.dress import dress
from garrison.asgi.onion import Onion
from garrison.core.exchange import Exchange, Principal
from garrison.core.headers import Edit
from garrison.core.layer import Layer

from .asgi import Driver, Request, null_app, scope_of
from .contenders import hardened, with_login
from .harness import Batch, Result, Size, interleave, result

_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]


def measure(size: Size) -> list[Result]:
    """One figure per layer that has parts, and the rest of the way."""
    loop = asyncio.new_event_loop()
    try:
        driver, get, post = hardened(loop, with_login(null_app))
        onion: Onion = driver.app
        batches: dict[str, Batch] = {"nothing": _nothing}
        batches |= {name: _on(loop, batch) for name, batch in _layers(onion, post).items()}
        batches |= _rest(onion, get, post)
        batches |= _whole(loop, driver, get, post)
        samples = interleave(batches, size)
        base = samples.microseconds("nothing")
        return [
            result(f"layers.{name}", max(0.0, samples.microseconds(name) - base), "us", spread=samples.spread(name))
            for name in batches
            if name != "nothing"
        ]
    finally:
        loop.close()


def _nothing(count: int) -> None:
    for _ in range(count):
        pass


def _repeat(call: Callable[[], Any]) -> Batch:
    def batch(count: int) -> None:
        for _ in range(count):
            call()

    return batch


def _on(loop: asyncio.AbstractEventLoop, batch: Batch) -> Batch:
    """`batch` on a running event loop, which the load layer looks for."""

    async def inside(count: int) -> None:
        batch(count)

    return lambda count: loop.run_until_complete(inside(count))


def _layers(onion: Onion, post: Request) -> dict[str, Batch]:
    """Each layer with any parts, on the POST: it is the one that meets them all."""
    facts = onion._read(scope_of(post))
    exchange = Exchange(facts, onion.services)
    exchange.principal = asyncio.run(_who(onion, exchange))
    return {
        layer.name: _repeat(lambda layer=layer: _ask(layer, exchange))  # type: ignore[misc]
        for layer in onion.doors[0].stack.layers
        if any((layer.decide, layer.toll, layer.admit, layer.peek, layer.watch, layer.amend, layer.release))
    }


async def _who(onion: Onion, exchange: Exchange) -> Principal | None:
    """The principal, waited for where the session is not remembered yet."""
    resolve = onion.services.principal
    found = resolve(exchange.facts, exchange) if resolve is not None else None
    return found if found is None or isinstance(found, Principal) else await found


def _ask(layer: Layer, exchange: Exchange) -> None:
    """All parts of one layer, in the order of a request."""
    facts = exchange.facts
    exchange.taken = []
    if layer.decide is not None:
        layer.decide(facts)
    if layer.toll is not None:
        layer.toll(facts, exchange)
    if layer.admit is not None:
        layer.admit(facts, exchange)
    if layer.peek is not None:
        layer.peek(facts)
    if layer.watch is not None and (check := layer.watch(facts, exchange)) is not None:
        check(b"{}")
    if layer.amend is not None:
        layer.amend(exchange, Edit(200, _HEADERS.copy()))
    if layer.release is not None:
        layer.release(exchange)


def _rest(onion: Onion, get: Request, post: Request) -> dict[str, Batch]:
    scope, exchange = scope_of(post), Exchange(onion._read(scope_of(get)), onion.services)
    stack = onion.doors[0].stack
    exchange.principal = asyncio.run(_who(onion, exchange))

    async def resolving(count: int) -> None:
        for _ in range(count):
            await _who(onion, exchange)

    return {
        "facts": _repeat(lambda: onion._read(scope)),
        "principal": lambda count: asyncio.run(resolving(count)),
        "dress": _repeat(lambda: dress(stack, exchange, 200, _HEADERS)),
    }


def _whole(loop: asyncio.AbstractEventLoop, driver: Driver, get: Request, post: Request) -> dict[str, Batch]:
    alone = Driver(null_app, loop)
    return {
        "null_app.get": alone.batch(get),
        "null_app.post": alone.batch(post),
        "onion.get": driver.batch(get),
        "onion.post": driver.batch(post),
    }
