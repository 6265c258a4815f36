"""Start and stop with the application: events tell of both, and the event queue is flushed before the process ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .types import App, Message, Receive, Scope, Send

Hook = Callable[[], Awaitable[None]]


class Lifespan:
    """Run `on_start` after the application's own start-up and `on_stop` after its shutdown (ASGI lifespan 2.0).

    An application that does not speak lifespan raises, as it always did; servers expect exactly that.
    """

    def __init__(self, on_start: Hook, on_stop: Hook) -> None:
        self._on_start = on_start
        self._on_stop = on_stop

    async def serve(self, app: App, scope: Scope, receive: Receive, send: Send) -> Any:
        async def hooked(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self._on_start()
            elif message["type"].startswith("lifespan.shutdown."):
                await self._on_stop()
            await send(message)

        return await app(scope, receive, hooked)
