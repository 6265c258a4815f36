"""Attacks on the onion itself: guards that break, bodies refused while they are read, requests no one can read.

Quoted rule: "the application fails gracefully and securely, … preventing fail-open conditions such as processing a
transaction despite errors resulting from validation logic" (OWASP ASVS 5.0, 16.5.3). The victim pays out money; each
control is the same request to the bare application, which pays.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, NoReturn

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from garrison import harden
from garrison.core.errors import DependencyError
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.core.headers import Edit
from garrison.core.layer import Layer, Peek
from garrison.core.verdict import Answer, Mode, Reason, Refuse, Verdict
from garrison.testing import captured_events, testing_policy
from tests.asgi.driving import Message, Receive, Send, drive, hardened, http_scope, request_body

pytestmark = pytest.mark.anyio

JSON = (b"content-type", b"application/json")
ORDER = http_scope("POST", b"/pay", [JSON], asgi={"version": "3.0", "spec_version": "2.4"})
BODY = request_body(b'{"amount":', b"1000}")


class Broken(Exception):
    """What a guard with a mistake in it raises."""


class Till:
    """Reads an order and pays. `paid` is what an attacker wants."""

    def __init__(self) -> None:
        self.paid = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        if message["type"] != "http.request":
            return
        self.paid += 1
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"paid"})


def breaks(*args: object) -> NoReturn:
    raise Broken("guard")


def store_away(*args: object) -> NoReturn:
    raise DependencyError("the store does not answer")


async def breaks_later(*args: object) -> NoReturn:
    await asyncio.sleep(0)
    raise Broken("guard")


def breaks_awaited(facts: Facts, exchange: Exchange) -> Awaitable[Verdict]:
    return breaks_later()


GUARDS = {
    "decide": {"decide": breaks},
    "toll": {"toll": breaks},
    "awaited toll": {"toll": breaks_awaited},
    "admit": {"admit": breaks},
    "peek": {"peek": breaks},
    "judge of the prefix": {"peek": lambda facts: Peek(100, breaks)},
    "watch": {"watch": breaks},
    "watch of a chunk": {"watch": lambda facts, exchange: breaks},
    "amend": {"amend": breaks},
}


async def test_control_the_bare_till_pays() -> None:
    till = Till()
    driven = await drive(till, ORDER, BODY)
    assert (till.paid, driven.status, driven.body) == (1, 200, b"paid")


async def test_control_a_guard_that_says_nothing_lets_the_till_pay() -> None:
    till = Till()
    quiet = Layer("quiet", decide=lambda facts: None, watch=lambda facts, exchange: lambda chunk: None)
    assert (await drive(hardened(till, quiet), ORDER, BODY)).status == 200
    assert till.paid == 1


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.MONITOR])
@pytest.mark.parametrize("where", GUARDS)
async def test_a_guard_that_breaks_is_a_closed_door_with_one_loud_event(where: str, mode: Mode) -> None:
    till = Till()
    onion = hardened(till, Layer("mine", mode=mode, **GUARDS[where]))
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BODY)
    assert (driven.status, driven.complete, driven.raised) == (503, True, None)
    assert b"paid" not in driven.body
    assert till.paid == (1 if where == "amend" else 0), "an answer is all that amend can stop"
    (event,) = events
    assert (event.name, event.layer, event.reason, event.severity) == (
        "layer_failed", "mine", "layer-failed", "critical",
    )  # fmt: skip
    assert "Broken" in str(event.details["trace"])
    assert b"Broken" not in driven.body


GARBAGE = {
    "decide": {"decide": lambda facts: True},
    "toll": {"toll": lambda facts, exchange: "refuse"},
    "admit": {"admit": lambda facts, exchange: 403},
    "peek": {"peek": lambda facts: True},
    "judge of the prefix": {"peek": lambda facts: Peek(100, lambda prefix, complete: False)},
    "watch": {"watch": lambda facts, exchange: True},
    "watch of a chunk": {"watch": lambda facts, exchange: lambda chunk: False},
}


@pytest.mark.parametrize("mode", [Mode.ENFORCE, Mode.MONITOR])
@pytest.mark.parametrize("where", GARBAGE)
async def test_a_guard_that_says_something_nobody_understands_is_a_closed_door(where: str, mode: Mode) -> None:
    till = Till()
    onion = hardened(till, Layer("mine", mode=mode, **GARBAGE[where]))
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BODY)
    assert (till.paid, driven.status, driven.complete, driven.raised) == (0, 503, True, None)
    assert [(event.name, event.layer) for event in events] == [("layer_failed", "mine")]


@pytest.mark.parametrize("where", ["decide", "toll", "admit", "peek", "watch", "amend"])
async def test_a_store_that_is_away_is_a_closed_door_that_says_when_to_come_back(where: str) -> None:
    till = Till()
    onion = hardened(till, Layer("mine", **{where: store_away}))
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BODY)
    assert (driven.status, driven.complete) == (503, True)
    assert driven.values(b"retry-after") == [b"5"]
    assert json.loads(driven.body)["reason"] == "store-away"
    assert [(event.name, event.layer) for event in events] == [("dependency_away", "mine")]


@pytest.mark.parametrize(("error", "name"), [(Broken("x"), "layer_failed"), (DependencyError("x"), "dependency_away")])
async def test_who_can_not_be_identified_is_not_taken_for_anonymous(error: Exception, name: str) -> None:
    async def resolve(facts: Facts, exchange: Exchange) -> Principal | None:
        raise error

    till = Till()
    onion = harden(till, testing_policy(), principal=resolve)
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BODY)
    assert (till.paid, driven.status) == (0, 503)
    assert [(event.name, event.layer) for event in events] == [(name, "principal")]


async def test_control_an_anonymous_request_passes_where_the_resolver_works() -> None:
    async def resolve(facts: Facts, exchange: Exchange) -> Principal | None:
        return None

    till = Till()
    await drive(harden(till, testing_policy(), principal=resolve), ORDER, BODY)
    assert till.paid == 1


async def test_headers_of_the_defences_stand_on_the_answer_of_a_closed_door() -> None:
    for where in ("decide", "amend"):
        driven = await drive(hardened(Till(), Layer("mine", **GUARDS[where])), ORDER, BODY)
        assert driven.values(b"x-content-type-options") == [b"nosniff"]
        assert driven.values(b"referrer-policy") == [b"no-referrer"]


REFUSAL = Refuse(Reason.BANNED, 403, layer="mine", hint="No.")
REFUSING = {
    "decide": {"decide": lambda facts: REFUSAL},
    "toll": {"toll": lambda facts, exchange: REFUSAL},
    "admit": {"admit": lambda facts, exchange: REFUSAL},
    "peek": {"peek": lambda facts: Peek(100, lambda prefix, complete: REFUSAL)},
    "watch": {"watch": lambda facts, exchange: lambda chunk: REFUSAL},
}


@pytest.mark.parametrize("where", REFUSING)
async def test_each_kind_of_refusal_is_enforced_with_one_event(where: str) -> None:
    till = Till()
    onion = hardened(till, Layer("mine", **REFUSING[where]))
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BODY)
    assert (till.paid, driven.status, driven.complete) == (0, 403, True)
    assert json.loads(driven.body)["reason"] == "banned"
    assert [(event.name, event.mode, event.outcome) for event in events] == [("ban_held", "enforce", "refused")]


@pytest.mark.parametrize("where", REFUSING)
async def test_each_kind_of_refusal_is_only_written_down_in_monitor_mode(where: str) -> None:
    till = Till()
    onion = hardened(till, Layer("mine", mode=Mode.MONITOR, **REFUSING[where]))
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BODY)
    assert (till.paid, driven.status, driven.body) == (1, 200, b"paid")
    assert [(event.name, event.mode, event.reason) for event in events] == [("ban_held", "monitor", "banned")]


async def test_an_answer_of_a_layer_stands_in_the_applications_place() -> None:
    till = Till()
    answer = Answer(202, ((b"x-from", b"layer"),), b"later")
    for part in ({"decide": lambda facts: answer}, {"peek": lambda facts: Peek(9, lambda prefix, complete: answer)}):
        driven = await drive(hardened(till, Layer("mine", **part)), ORDER, BODY)
        assert (driven.status, driven.body, driven.values(b"content-length")) == (202, b"later", [b"5"])
        assert driven.values(b"x-from") == [b"layer"]
        assert driven.values(b"x-content-type-options") == [b"nosniff"]
    assert till.paid == 0


async def test_a_refused_head_has_the_headers_of_get_and_no_body() -> None:
    onion = hardened(Till(), Layer("mine", decide=lambda facts: REFUSAL))
    get, head = [await drive(onion, http_scope(method)) for method in ("GET", "HEAD")]
    assert (head.status, head.body) == (403, b"")
    assert [name for name, _ in head.headers] == [name for name, _ in get.headers]
    assert head.values(b"content-length") == [str(len(get.body)).encode()]


# Bodies that are refused while the application reads them. Raising from `receive` would not do: each framework has its
# own way to swallow that. So every one is tried.

BIG = request_body(*[b"x" * 1000] * 3)
WATCHED = {"body": {"mode": "off", "allow_insecure_off": "bodies are watched here while the application reads them"}}
SMALL = {"size": {"body": 2500}, **WATCHED}


def json_route(orders: list[Any]) -> FastAPI:
    app = FastAPI()

    @app.post("/pay")
    async def pay(order: dict[str, Any]) -> str:
        orders.append(order)
        return "paid"

    return app


def swallowing(orders: list[Any]) -> Starlette:
    """Takes any trouble with the body for an empty one."""

    async def pay(request: Request) -> Response:
        try:
            orders.append(await request.body())
        except Exception:
            orders.append(b"")
        return PlainTextResponse("paid")

    return Starlette(routes=[Route("/pay", pay, methods=["POST"])])


def begun(orders: list[Any]) -> Starlette:
    """Answers while it is still reading."""

    async def pay(request: Request) -> Response:
        async def echo() -> Any:
            yield b"begin "
            async for chunk in request.stream():
                yield chunk[:1]
            orders.append(1)

        return StreamingResponse(echo())

    return Starlette(routes=[Route("/pay", pay, methods=["POST"])])


async def test_control_a_limit_that_raises_from_receive_is_answered_400_by_a_json_route() -> None:
    orders: list[Any] = []
    app = json_route(orders)

    async def naive(scope: Message, receive: Receive, send: Send) -> None:
        async def limited() -> Message:
            message = await receive()
            if len(message.get("body", b"")) >= 1000:
                raise ValueError("too large")
            return message

        await app(scope, limited, send)

    driven = await drive(naive, ORDER, BIG)
    assert driven.status == 400, "the limit's own 413 is lost"


@pytest.mark.parametrize("victim", [json_route, swallowing])
async def test_a_body_that_grows_too_large_is_413_whatever_the_framework_makes_of_it(victim: Any) -> None:
    orders: list[Any] = []
    onion = hardened(victim(orders), **SMALL)
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BIG)
    assert (driven.status, driven.complete, driven.raised) == (413, True, None)
    assert json.loads(driven.body)["reason"] == "body-too-large"
    assert not [order for order in orders if order]
    assert [event.name for event in events] == ["size_exceeded"]


async def test_an_answer_that_has_begun_is_cut_and_never_completed() -> None:
    orders: list[Any] = []
    onion = hardened(begun(orders), **SMALL)
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BIG)
    assert (driven.status, driven.complete, orders) == (200, False, [])
    assert driven.body in {b"begin ", b"begin x", b"begin xx"}
    assert [event.reason for event in events] == ["body-too-large"]


async def test_control_the_same_bodies_pass_where_the_limit_is_higher() -> None:
    for victim in (swallowing, begun):
        orders: list[Any] = []
        assert (await drive(hardened(victim(orders), **WATCHED), ORDER, BIG)).status == 200
        assert len(orders) == 1


async def test_after_a_refused_body_the_application_hears_that_its_client_left_and_nothing_else() -> None:
    heard: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        heard.extend([(await receive())["type"] for _ in range(6)])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"paid"})

    driven = await drive(hardened(app, **SMALL), ORDER, BIG)
    assert heard == ["http.request", "http.request", *["http.disconnect"] * 4]
    assert (driven.status, driven.complete) == (413, True)


async def test_what_the_application_raises_after_a_refused_body_is_no_crash() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "http.request":
            pass
        raise ClientDisconnect

    onion = hardened(app, **SMALL)
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BIG)
    assert (driven.raised, driven.status) == (None, 413)
    assert events.names() == ["size_exceeded"]


async def test_an_application_that_crashes_after_it_was_answered_for_is_not_covered_up() -> None:
    def broken_dress(exchange: Exchange, edit: Edit) -> None:
        raise Broken

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError("a mistake of the application")

    onion = hardened(app, Layer("mine", amend=broken_dress))
    with captured_events(onion) as events:
        driven = await drive(onion, ORDER, BODY)
    assert (driven.status, driven.complete) == (503, True)
    assert isinstance(driven.raised, LookupError)
    assert events.names() == ["layer_failed", "unhandled_error"]


# Refusals from within the application.


def refusing_app(how: str, refusal: Refuse) -> Any:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["state"]["garrison"].refuse(refusal):
            if how == "raises":
                raise Broken
            if how == "returns":
                return
        await send({"type": "http.response.start", "status": 500 if how == "answers 500" else 200, "headers": []})
        await send({"type": "http.response.body", "body": b"paid"})

    return app


@pytest.mark.parametrize("how", ["answers", "answers 500", "raises", "returns"])
@pytest.mark.parametrize("layer", ["", "mine", "host"])
async def test_a_refusal_from_within_the_application_replaces_whatever_it_does_next(how: str, layer: str) -> None:
    onion = hardened(refusing_app(how, Refuse(Reason.RATE_LIMITED, 429, layer=layer, retry_after=3)))
    with captured_events(onion) as events:
        driven = await drive(onion, http_scope())
    assert (driven.status, driven.complete, driven.raised) == (429, True, None)
    assert driven.values(b"retry-after") == [b"3"]
    assert b"paid" not in driven.body
    assert events.names() == ["excess_rate_limit_exceeded"]


async def test_a_refusal_in_the_name_of_a_layer_goes_by_that_layers_mode() -> None:
    refusal = Refuse(Reason.RATE_LIMITED, 429, layer="rate")
    for rate, names in (
        ({"mode": "monitor", "address": ["100/minute"]}, ["excess_rate_limit_exceeded"]),
        ({"mode": "off", "allow_insecure_off": "a test"}, []),
    ):
        onion = hardened(refusing_app("answers", refusal), rate=rate)
        with captured_events(onion) as events:
            assert (await drive(onion, http_scope())).body == b"paid"
        assert events.names() == names


# Scopes that no server should send.

GONE = object()
WEIRD = {
    "path is bytes": {"path": b"/pay", "raw_path": None},
    "path with half a surrogate": {"path": "/\ud800", "raw_path": None},
    "raw path is text": {"raw_path": "/pay"},
    "headers are missing": {"headers": None},
    "headers are no pairs": {"headers": [(b"host",)]},
    "header values are text": {"headers": [(b"host", "testserver"), (b"x", 7)]},
    "client is a number": {"client": 7},
    "method is missing": {"method": GONE},
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in WEIRD
        for kind in ("http", "websocket")
        if (name, kind) != ("method is missing", "websocket")
    ],
)
async def test_a_scope_that_can_not_be_read_never_reaches_the_application(name: str, kind: str) -> None:
    reached: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        reached.append(scope)

    scope = {key: value for key, value in {**ORDER, **WEIRD[name], "type": kind}.items() if value is not GONE}
    onion = hardened(app)
    with captured_events(onion) as events:
        incoming = [{"type": "websocket.connect"}] if kind == "websocket" else BODY
        driven = await drive(onion, scope, incoming)
    assert (reached, driven.raised) == ([], None)
    assert len(events) == 1
    if kind == "http":
        assert driven.complete
        assert 400 <= driven.status < 500
        assert driven.values(b"x-content-type-options") == [b"nosniff"]
    else:
        assert [message["type"] for message in driven.sent] == ["websocket.close"]
