"""Start and stop: what the application does, and what Garrison writes down around it."""

from __future__ import annotations

from typing import Any

import pytest

from garrison.asgi.lifespan import Lifespan
from garrison.testing import captured_events
from tests.asgi.driving import Message, Receive, Send, hardened

pytestmark = pytest.mark.anyio


def speaking(log: list[str], *, fails: str = "") -> Any:
    async def app(scope: Message, receive: Receive, send: Send) -> str:
        assert scope["type"] == "lifespan"
        for step in ("startup", "shutdown"):
            await receive()
            log.append(step)
            scope["state"][step] = True
            await send({"type": f"lifespan.{step}.{'failed' if fails == step else 'complete'}"})
        return "value"

    return app


async def live(app: Any) -> tuple[list[str], Message, object]:
    """A whole life of `app`: the messages it sent, its scope, what it returned."""
    sent: list[str] = []
    waiting = ["lifespan.startup", "lifespan.shutdown"]
    scope: Message = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}

    async def receive() -> Message:
        return {"type": waiting.pop(0)}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    return sent, scope, await app(scope, receive, send)


async def test_start_and_stop_reach_the_application_and_are_written_down() -> None:
    log: list[str] = []
    onion = hardened(speaking(log))
    with captured_events(onion) as events:
        sent, scope, returned = await live(onion)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (log, returned) == (["startup", "shutdown"], "value")
    assert scope["state"] == {"startup": True, "shutdown": True}
    assert events.names() == ["sys_startup", "sys_shutdown"]


async def test_a_start_that_fails_is_told_to_the_server_and_is_no_start() -> None:
    onion = hardened(speaking([], fails="startup"))
    with captured_events(onion) as events:
        sent, _, _ = await live(onion)
    assert sent[0] == "lifespan.startup.failed"
    assert "sys_startup" not in events.names()


async def test_an_application_that_speaks_no_lifespan_raises_as_it_always_did() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        raise KeyError("http only")

    with pytest.raises(KeyError):
        await live(hardened(app))


async def test_each_message_is_handed_on_after_its_hook() -> None:
    order: list[str] = []

    async def begin() -> None:
        order.append("begin")

    async def end() -> None:
        order.append("end")

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for kind in ("lifespan.startup.complete", "lifespan.x", "lifespan.shutdown.failed"):
            await send({"type": kind})

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        order.append(message["type"])

    await Lifespan(begin, end).serve(app, {"type": "lifespan"}, receive, send)
    assert order == ["begin", "lifespan.startup.complete", "lifespan.x", "end", "lifespan.shutdown.failed"]
