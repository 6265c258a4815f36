"""WebSocket attacks over real sockets, with every implementation uvicorn has, and the same attacks without Garrison."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from garrison.testing import captured_events
from tests.asgi.driving import hardened
from tests.asgi.serving import PATIENCE, serving

pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

OWN = "https://testserver"
EVIL = "https://evil.test"
LIMITS = {"websocket": {"message": 1000, "messages": "100/minute burst 5"}}


async def echo(live: WebSocket) -> None:
    await live.accept()
    try:
        while True:
            message = await live.receive()
            if message["type"] == "websocket.disconnect":
                return
            await live.send_text(str(len(message.get("text") or message.get("bytes") or "")))
    except WebSocketDisconnect:
        return


async def declines(live: WebSocket) -> None:
    await live.close(4003)


async def fails(live: WebSocket) -> None:
    raise LookupError("secret")


APP = Starlette(
    routes=[WebSocketRoute("/", echo), WebSocketRoute("/declines", declines), WebSocketRoute("/fails", fails)]
)


@pytest.fixture(scope="module", params=["websockets-sansio", "websockets", "wsproto"])
def ws(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def bare(ws: str) -> Iterator[int]:
    with serving(APP, ws=ws) as port:
        yield port


@pytest.fixture(scope="module")
def behind(ws: str) -> Iterator[int]:
    with serving(hardened(APP, **LIMITS), ws=ws) as port:
        yield port


def dial(port: int, path: str = "/", *, origin: str | None = OWN, host: str = "testserver") -> ClientConnection:
    """A handshake with the server on `port`, whatever `host` the request names."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    try:
        return connect(f"ws://{host}{path}", sock=plain, origin=Origin(origin) if origin else None, compression=None)
    except BaseException:
        plain.close()
        raise


def talk(live: ClientConnection, *messages: str | bytes) -> list[Any]:
    """What comes back for each message; the close code in the end if the server closed."""
    answers: list[Any] = []
    try:
        for message in messages:
            live.send(message)
            answers.append(live.recv(timeout=PATIENCE))
    except ConnectionClosed as closed:
        answers.append(closed.rcvd.code if closed.rcvd else None)
    return answers


def test_our_own_page_talks_as_it_would_without_garrison(bare: int, behind: int) -> None:
    for port in (bare, behind):
        with dial(port) as live:
            assert talk(live, "one", b"\x00\xff", "") == ["3", "2", "0"]


def test_a_client_without_origin_is_no_browser_and_talks_too(behind: int) -> None:
    with dial(behind, origin=None) as live:
        assert talk(live, "one") == ["3"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"origin": EVIL}, 403), ({"origin": "null"}, 403), ({"host": "evil.test"}, 421)],
)
def test_a_foreign_page_or_host_gets_a_whole_refusal_and_no_connection(
    bare: int, behind: int, ws: str, changes: dict[str, str], status: int
) -> None:
    with dial(bare, **changes) as live:
        assert talk(live, "control") == ["7"]
    with pytest.raises(InvalidStatus) as refused:
        dial(behind, **changes)
    answer = refused.value.response
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert json.loads(answer.body or b"")["request_id"]


@pytest.mark.parametrize(("path", "status"), [("/declines", 403), ("/fails", 500), ("/nobody", 403)])
def test_a_handshake_that_the_application_does_not_take_gets_the_headers_of_every_answer(
    bare: int, behind: int, path: str, status: int
) -> None:
    found = []
    for port in (bare, behind):
        with pytest.raises(InvalidStatus) as refused:
            dial(port, path)
        answer = refused.value.response
        assert answer.status_code == status
        assert b"secret" not in (answer.body or b"")
        found.append({"x-content-type-options", "content-security-policy"} & {name.lower() for name in answer.headers})
    assert found == [set(), {"x-content-type-options", "content-security-policy"}]  # the first is the control


@pytest.mark.parametrize("message", ["x" * 1001, b"x" * 1001, "ü" * 501])
def test_a_message_that_is_too_large_closes_with_1009(bare: int, behind: int, message: str | bytes) -> None:
    with dial(bare) as live:
        assert talk(live, message) == [str(len(message))]
    with dial(behind) as live:
        assert talk(live, "fine", message) == ["4", 1009]


def test_messages_that_come_too_fast_close_with_1008(bare: int, behind: int) -> None:
    with dial(bare) as live:
        assert len(talk(live, *["x"] * 20)) == 20
    with dial(behind) as live:
        answers = talk(live, *["x"] * 20)
        assert answers[-1] == 1008
        assert 6 <= len(answers) <= 8


def test_connections_that_come_too_fast_are_429(ws: str) -> None:
    onion = hardened(APP, rate={"mode": "enforce", "address": ["3/minute"]})
    with serving(onion, ws=ws) as port:
        for _ in range(3):
            with dial(port) as live:
                assert talk(live, "x") == ["1"]
        with pytest.raises(InvalidStatus) as refused:
            dial(port)
    assert refused.value.response.status_code == 429
    assert int(refused.value.response.headers["retry-after"]) > 0


def test_monitor_mode_lets_all_of_it_pass_and_writes_it_down(ws: str) -> None:
    monitored = {name: {"mode": "monitor"} for name in ("origin", "host")}
    limits = {"websocket": {**LIMITS["websocket"], "mode": "monitor"}}
    onion = hardened(APP, **monitored, **limits)
    with captured_events(onion) as events, serving(onion, ws=ws) as port:
        with dial(port, origin=EVIL, host="wrong.test") as live:
            assert talk(live, "x" * 1001, *["x"] * 6) == ["1001", *["1"] * 6]
        assert {event.reason for event in events} == {
            "host-unknown",
            "origin-unknown",
            "message-too-large",
            "message-rate",
        }
        assert {event.mode for event in events} == {"monitor"}
