"""WebSocket connections, message by message: the handshake, each message, what monitor mode and broken guards do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from garrison.core.exchange import Exchange
from garrison.core.layer import Layer
from garrison.core.verdict import Answer, Mode, Reason, Refuse
from garrison.testing import captured_events
from tests.asgi.driving import Driven, Message, Receive, Send, drive, hardened, websocket_scope

pytestmark = pytest.mark.anyio

CONNECT: Message = {"type": "websocket.connect"}
REFUSAL = Refuse(Reason.BANNED, 403, layer="mine")
LIMITED = Refuse(Reason.RATE_LIMITED, 429)


def text(content: str) -> Message:
    return {"type": "websocket.receive", "text": content}


def data(content: bytes) -> Message:
    return {"type": "websocket.receive", "bytes": content}


class Echo:
    """Accepts, and sends back what it gets; `got` is what reached it."""

    def __init__(self, *accept: tuple[bytes, bytes]) -> None:
        self.accept = list(accept)
        self.got: list[Any] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> str:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", "headers": self.accept})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.got.append(message["code"])
                return "done"
            self.got.append(message.get("text") or message.get("bytes"))
            await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})


async def talk(app: Any, *messages: Message, **scope: Any) -> Driven:
    return await drive(app, websocket_scope(**scope), [CONNECT, *messages], leaves=len(messages) + 1)


def kinds(driven: Driven) -> list[str]:
    return [message["type"].removeprefix("websocket.") for message in driven.sent]


def closes(driven: Driven) -> list[int]:
    return [message["code"] for message in driven.sent if message["type"] == "websocket.close"]


async def test_an_ordinary_conversation_passes_unchanged() -> None:
    bare, behind = Echo(), Echo()
    messages = [text("one"), data(b"\x00\xff"), text("")]
    expected = await talk(bare, *messages)
    driven = await talk(hardened(behind), *messages)
    assert driven.sent == expected.sent
    assert (driven.returned, driven.raised, behind.got) == ("done", None, bare.got)


async def test_a_refused_handshake_never_reaches_the_application() -> None:
    echo = Echo()
    onion = hardened(echo)
    with captured_events(onion) as events:
        driven = await talk(onion, headers=[(b"origin", b"https://evil.test")])
    assert kinds(driven) == ["http.response.start", "http.response.body"]
    assert driven.status == 403
    assert json.loads(driven.body)["request_id"] == driven.values(b"x-request-id")[0].decode()
    assert driven.values(b"x-content-type-options") == [b"nosniff"]
    assert (echo.got, events[0].kind, events[0].status) == ([], "websocket", 403)


async def test_without_the_denial_extension_the_handshake_is_closed_instead() -> None:
    driven = await talk(hardened(Echo()), headers=[(b"origin", b"https://evil.test")], denial=False)
    assert driven.sent == [{"type": "websocket.close", "code": 1008}]


async def test_control_the_bare_application_accepts_the_foreign_page() -> None:
    assert kinds(await talk(Echo(), headers=[(b"origin", b"https://evil.test")])) == ["accept"]


@pytest.mark.parametrize(
    "part",
    [
        {"decide": lambda facts: REFUSAL},
        {"toll": lambda facts, exchange: REFUSAL},
        {"admit": lambda facts, exchange: REFUSAL},
        {"decide": lambda facts: Answer(200, body=b"an answer is no handshake")},
    ],
)
async def test_layers_refuse_handshakes(part: Any) -> None:
    echo = Echo()
    driven = await talk(hardened(echo, Layer("mine", **part)), text("hello"))
    assert kinds(driven) == ["http.response.start", "http.response.body"]
    assert driven.status in {400, 403}
    assert echo.got == []


def breaks(*args: object) -> Any:
    raise LookupError("guard")


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.MONITOR])
@pytest.mark.parametrize("part", ["decide", "toll", "admit", "watch"])
async def test_a_guard_that_breaks_closes_the_handshake(part: str, mode: Mode) -> None:
    echo = Echo()
    onion = hardened(echo, Layer("mine", mode=mode, **{part: breaks}))
    with captured_events(onion) as events:
        driven = await talk(onion, text("hello"))
    assert (driven.status, echo.got, events.names()) == (503, [], ["layer_failed"])


async def test_a_guard_that_breaks_on_a_message_closes_the_connection() -> None:
    echo = Echo()
    onion = hardened(echo, Layer("mine", watch=lambda facts, exchange: breaks))
    with captured_events(onion) as events:
        driven = await talk(onion, text("hello"))
    assert (kinds(driven), closes(driven), echo.got) == (["accept", "close"], [1008], [1008])
    assert events.names() == ["layer_failed"]


async def test_a_layer_that_watches_sees_each_message_as_bytes() -> None:
    seen: list[bytes] = []

    def look(chunk: bytes) -> Refuse | None:
        seen.append(chunk)
        return REFUSAL if b"attack" in chunk else None

    for mode, expected in ((Mode.ENFORCE, ["höflich", 1008]), (Mode.MONITOR, ["höflich", "attack", "x", 1005])):
        seen.clear()
        echo = Echo()
        onion = hardened(echo, Layer("mine", mode=mode, watch=lambda facts, exchange: look))
        with captured_events(onion) as events:
            await talk(onion, text("höflich"), text("attack"), text("x"))
        assert echo.got == expected
        assert [(event.name, event.mode) for event in events] == [("ban_held", str(mode))]
        assert seen[:2] == ["höflich".encode(), b"attack"]


async def test_a_layer_that_crashes_on_accept_denies_the_connection() -> None:
    for headers in ([(b"set-cookie", b"a=1")], [(b"x-own", b"1")]):
        echo = Echo(*headers)
        onion = hardened(echo, Layer("mine", amend=breaks))
        with captured_events(onion) as events:
            driven = await talk(onion, text("hello"))
        assert (driven.status, kinds(driven)) == (503, ["http.response.start", "http.response.body"])
        assert events.names()[0] == "layer_failed"
        assert driven.raised is None


LIMITS = {"websocket": {"message": 10, "messages": "2/second burst 2"}}


@pytest.mark.parametrize("message", [text("x" * 11), data(b"x" * 11), text("ü" * 6)])
async def test_a_message_that_is_too_large_closes_with_1009(message: Message) -> None:
    echo = Echo()
    onion = hardened(echo, **LIMITS)
    with captured_events(onion) as events:
        driven = await talk(onion, message, text("later"))
    assert (kinds(driven), closes(driven), echo.got) == (["accept", "close"], [1009], [1009])
    assert [event.reason for event in events] == ["message-too-large"]


async def test_messages_that_come_too_fast_close_with_1008() -> None:
    echo = Echo()
    onion = hardened(echo, **LIMITS)
    with captured_events(onion) as events:
        driven = await talk(onion, *[text(str(number)) for number in range(5)])
    assert (closes(driven), echo.got) == ([1008], ["0", "1", 1008])
    assert [event.reason for event in events] == ["message-rate"]


async def test_control_without_the_layer_all_of_them_arrive() -> None:
    echo = Echo()
    off = {"websocket": {"mode": "off", "allow_insecure_off": "a control"}}
    await talk(hardened(echo, **off), text("x" * 11), *[text(str(number)) for number in range(5)])
    assert len(echo.got) == 7


async def test_monitor_mode_passes_messages_and_writes_them_down() -> None:
    echo = Echo()
    onion = hardened(echo, websocket={"mode": "monitor", "message": 10, "messages": "1/second burst 1"})
    with captured_events(onion) as events:
        await talk(onion, text("x" * 11), text("a"), text("b"))
    assert echo.got == ["x" * 11, "a", "b", 1005]
    assert [(event.reason, event.mode) for event in events] == [
        ("message-too-large", "monitor"),
        ("message-rate", "monitor"),
    ]


async def test_after_we_closed_the_application_can_neither_send_nor_hear() -> None:
    heard: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        heard.extend([await receive() for _ in range(3)])
        await send({"type": "websocket.send", "text": "more"})
        await send({"type": "websocket.close", "code": 1000})
        raise RuntimeError("an echo of the disconnect")

    driven = await talk(hardened(app, **LIMITS), text("x" * 11))
    assert (kinds(driven), driven.raised) == (["accept", "close"], None)
    assert [message["type"] for message in heard] == ["websocket.disconnect"] * 3


async def test_a_connection_that_the_application_closed_is_not_closed_twice() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> Message:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        return await receive()

    driven = await talk(hardened(app, **LIMITS), text("x" * 11))
    assert closes(driven) == [1000]


async def test_exceptions_and_return_values_of_the_application_pass() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        raise LookupError("broken")

    onion = hardened(app)
    with captured_events(onion) as events:
        driven = await talk(onion)
    assert isinstance(driven.raised, LookupError)
    assert events.names() == ["unhandled_error"]


async def test_a_denial_by_the_application_carries_the_headers_of_the_defences() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        start = {"type": "websocket.http.response.start", "status": 402, "headers": [(b"server", b"secret/1.0")]}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b"pay"})

    driven = await talk(hardened(app))
    assert (driven.status, driven.body) == (402, b"pay")
    assert driven.values(b"x-content-type-options") == [b"nosniff"]
    assert driven.values(b"server") == []


async def test_cookies_of_a_handshake_are_upgraded_like_others() -> None:
    echo = Echo((b"Set-Cookie", b"sid=1"), (b"x-own", b"1"), (b"server", b"secret/1.0"))
    driven = await talk(hardened(echo))
    (accept,) = [message for message in driven.sent if message["type"] == "websocket.accept"]
    headers = dict(accept["headers"])
    assert headers.keys() == {b"set-cookie", b"x-own"}
    assert b"Secure" in headers[b"set-cookie"]
    assert b"HttpOnly" in headers[b"set-cookie"]
    assert (await talk(echo)).sent[0]["headers"][0] == (b"Set-Cookie", b"sid=1"), "control"


async def test_a_log_in_over_a_websocket_sets_its_cookie() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        exchange: Exchange = scope["state"]["garrison"]
        await receive()
        exchange.set_cookie(b"mine=1; Secure")
        await send({"type": "websocket.accept"})

    driven = await talk(hardened(app))
    assert driven.sent[0]["headers"] == [(b"set-cookie", b"mine=1; Secure")]


async def test_the_exchange_is_in_the_state_and_the_servers_scope_stays_as_it_was() -> None:
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{socket.state.garrison.request_id} {socket.state.shared}")
        await socket.close()

    scope = websocket_scope(state={"shared": "yes"})
    driven = await drive(hardened(Starlette(routes=[WebSocketRoute("/", live)])), scope, [CONNECT])
    assert driven.sent[1]["text"].endswith(" yes")
    assert scope["state"] == {"shared": "yes"}


Sends = Sequence[Message]
CLOSE: Sends = [{"type": "websocket.close", "code": 1008}]
DENIAL: Sends = [
    {"type": "websocket.http.response.start", "status": 401, "headers": []},
    {"type": "websocket.http.response.body", "body": b"who?"},
]


class Declines:
    """Sends `messages` in place of accepting, and raises `error` where there is one. `told` is what it hears."""

    def __init__(self, *messages: Message, refusal: Refuse | None = None, error: Exception | None = None) -> None:
        self.messages = messages
        self.refusal = refusal
        self.error = error
        self.told: list[Any] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        if self.refusal is not None:
            self.told.append(scope["state"]["garrison"].refuse(self.refusal))
        for message in self.messages:
            await send(message)
        if self.error is not None:
            raise self.error
        if self.messages:
            self.told.append((await receive())["code"])


async def test_a_handshake_that_the_application_closes_gets_the_headers_of_every_answer() -> None:
    bare, behind = Declines(*CLOSE), Declines(*CLOSE)
    driven = await talk(hardened(behind))
    assert (driven.status, driven.body, driven.complete) == (403, b"", True)
    assert driven.values(b"x-content-type-options") == [b"nosniff"]
    assert behind.told == [1006]
    assert (await talk(bare)).sent == list(CLOSE), "control: the server would give its own 403"
    plainly = await talk(hardened(Declines(*CLOSE)), denial=False)
    assert plainly.sent == list(CLOSE), "a server that knows no denial response"


@pytest.mark.parametrize("error", [None, LookupError("secret")])
async def test_a_handshake_that_the_application_leaves_unanswered_is_a_500_with_those_headers(
    error: Exception | None,
) -> None:
    onion = hardened(Declines(error=error))
    with captured_events(onion) as events:
        driven = await talk(onion)
    assert (driven.status, driven.complete, driven.raised) == (500, True, error)
    assert json.loads(driven.body)["reason"] == "internal-error"
    assert driven.values(b"x-content-type-options") == [b"nosniff"]
    assert events.names() == ([] if error is None else ["unhandled_error"])
    assert (await talk(hardened(Declines(error=error)), denial=False)).sent == [], "the server's own answer"


async def test_a_client_that_left_before_the_handshake_was_answered_gets_no_answer() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert [(await receive())["type"] for _ in range(2)] == ["websocket.connect", "websocket.disconnect"]

    driven = await drive(hardened(app), websocket_scope(), [CONNECT], leaves=0)
    assert driven.sent == []


@pytest.mark.parametrize(
    "app",
    [
        Declines(*CLOSE, refusal=LIMITED),
        Declines(*DENIAL, refusal=LIMITED),
        Declines(refusal=LIMITED),
        Declines(refusal=LIMITED, error=LookupError("how it stops")),
    ],
)
async def test_a_refusal_by_the_application_answers_the_handshake_and_is_written_down(app: Declines) -> None:
    onion = hardened(app)
    with captured_events(onion) as events:
        driven = await talk(onion)
    assert (driven.status, driven.complete, driven.raised, app.told[0]) == (429, True, None, True)
    assert [(event.reason, event.status) for event in events] == [("rate-limited", 429)]


async def test_a_refusal_after_accepting_is_written_down_when_the_application_closes() -> None:
    onion = hardened(Declines({"type": "websocket.accept"}, *CLOSE, refusal=LIMITED))
    with captured_events(onion) as events:
        driven = await talk(onion)
    assert (kinds(driven), closes(driven)) == (["accept", "close"], [1008])
    assert [event.reason for event in events] == ["rate-limited"]


async def test_a_refusal_in_the_name_of_a_layer_that_only_watches_is_not_enforced() -> None:
    rate = {"mode": "monitor"}
    app = Declines({"type": "websocket.accept"}, refusal=Refuse(Reason.RATE_LIMITED, 429, layer="rate"))
    driven = await talk(hardened(app, rate=rate))
    assert (kinds(driven), app.told[0]) == (["accept"], False)
