"""A request that is over leaves nothing behind: all it held is free at once, without the garbage collector.

Objects that hold each other in a circle wait for a collection. One circle per request makes collections a part of what
a request costs, and keeps bodies and credentials in memory for longer than they are needed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from garrison.core.exchange import Exchange
from tests.asgi.driving import Message, Receive, Send, drive, hardened, http_scope, request_body

pytestmark = pytest.mark.anyio

PATH = b"/left-behind"
PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nsome text'


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def reads(scope: Message, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def keeps_hold_of_itself(scope: Message, receive: Receive, send: Send) -> None:
    scope["state"]["circle"] = scope
    await reads(scope, receive, send)


def left() -> int:
    """Exchanges of this module's requests that are still there."""
    return sum(type(one) is Exchange and one.facts.raw_path == PATH for one in gc.get_objects())


async def ask(app: Any, method: str = "GET", kind: bytes = b"", *chunks: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(b"".join(chunks)))] if chunks else []
    driven = await drive(hardened(app), http_scope(method, PATH, headers), request_body(*chunks or (b"",)))
    assert driven.status == 200


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "request_of",
    [
        ("GET",),
        ("POST", b"application/json", b'{"a":', b" 1}"),
        ("POST", b"application/x-www-form-urlencoded", b"a=1"),
        ("PUT", b"multipart/form-data; boundary=b", PART, b"\r\n--b--\r\n"),
    ],
)
async def test_what_a_request_held_is_free_once_it_is_over(request_of: tuple[Any, ...]) -> None:
    await ask(reads, *request_of)
    assert left() == 0


@pytest.mark.usefixtures("no_collection")
async def test_control_an_application_that_closes_a_circle_leaves_it_behind() -> None:
    await ask(keeps_hold_of_itself)
    assert left() == 1
