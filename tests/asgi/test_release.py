"""`release` is called once for every request and connection, however it ends; and what it raises harms nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from garrison.core.exchange import Exchange
from garrison.core.layer import Layer
from garrison.core.verdict import Reason, Refuse
from garrison.testing import captured_events
from tests.asgi.driving import EMPTY, Message, Receive, Send, drive, hardened, http_scope, websocket_scope

pytestmark = pytest.mark.anyio


async def answers(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def raises(scope: Message, receive: Receive, send: Send) -> None:
    raise RuntimeError("broken")


async def says_nothing(scope: Message, receive: Receive, send: Send) -> None: ...


def counting(released: list[str]) -> Layer:
    return Layer("counting", release=lambda exchange: released.append(exchange.request_id))


def refusing(facts: Any) -> Refuse:
    return Refuse(Reason.NOT_ALLOWED, 403)


@pytest.mark.parametrize("app", [answers, raises, says_nothing])
async def test_it_is_called_once_however_the_application_ends(app: Any) -> None:
    released: list[str] = []
    onion = hardened(app, counting(released))
    await drive(onion, http_scope(), [EMPTY])
    assert len(released) == 1


async def test_it_is_called_where_a_layer_refused_and_for_websockets() -> None:
    released: list[str] = []
    onion = hardened(answers, refusing, counting(released))
    assert (await drive(onion, http_scope(), [EMPTY])).status == 403
    await drive(onion, websocket_scope(), [{"type": "websocket.connect"}])
    await drive(hardened(answers, counting(released)), websocket_scope(), [{"type": "websocket.connect"}])
    assert len(released) == len(set(released)) == 3


async def test_it_is_called_when_the_server_gives_the_request_up() -> None:
    released: list[str] = []
    begun = asyncio.Event()

    async def hangs(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(drive(hardened(hangs, counting(released)), http_scope(), [EMPTY]))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(released) == 1


async def test_one_that_raises_is_told_and_the_answer_and_the_others_stand() -> None:
    released: list[str] = []

    def broken(exchange: Exchange) -> None:
        raise RuntimeError("broken")

    onion = hardened(answers, counting(released), Layer("broken", release=broken))
    with captured_events(onion) as events:
        assert (await drive(onion, http_scope(), [EMPTY])).status == 200
    assert [(event.name, event.layer) for event in events] == [("layer_failed", "broken")]
    assert len(released) == 1
