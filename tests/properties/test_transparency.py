"""Whatever an application sends, a server sees the same with Garrison in front, but for the headers Garrison owns.

Applications are generated as sequences of what they do (receive, send, raise, return); requests as scopes with bodies
in chunks. Outside `compat` there are two exceptions, and they are left out here and tested by name elsewhere:
FastAPI's 422 bodies, and 500 for an unhandled exception.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from garrison.core.layer import Layer, Peek
from tests.asgi.driving import Message, Receive, Send, assert_same, claimed, drive, hardened, http_scope, without

EXAMPLES = 120
NAMES = st.sampled_from(
    [b"content-type", b"vary", b"x-own", b"X-Own", b"etag", b"link", b"location", b"accept-ranges", b"www-authenticate",
     b"cache-control", b"server", b"x-frame-options", b"content-security-policy", b"access-control-allow-origin"]
)  # fmt: skip
VALUES = st.binary(max_size=12).map(lambda raw: bytes(byte for byte in raw if byte >= 0x20 and byte != 0x7F).strip())
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5)
STATUSES = st.sampled_from([200, 201, 204, 206, 302, 304, 400, 401, 404, 409, 422, 500, 503])
PARTS = st.binary(max_size=40) | st.just(b"z" * 40_000)


@st.composite
def answers(draw: st.DrawFn) -> list[Message]:
    """A whole answer: perhaps hints, a start, parts, an end in one of the ways the specification knows."""
    start: Message = {"type": "http.response.start", "status": draw(STATUSES)}
    if draw(st.booleans()):
        start["headers"] = draw(HEADERS)
    messages: list[Message] = [start]
    if draw(st.booleans()):
        messages.insert(0, {"type": "http.response.early_hint", "links": [b"</x>"]})
    parts = draw(st.lists(PARTS, max_size=4))
    messages += [{"type": "http.response.body", "body": part, "more_body": True} for part in parts]
    end = draw(st.sampled_from(["body", "bare", "trailers", "pathsend"]))
    if end == "trailers":
        start["trailers"] = True
    if end == "pathsend" and not parts:
        return [*messages, {"type": "http.response.pathsend", "path": "/srv/x"}]
    messages.append({"type": "http.response.body"} if end == "bare" else {"type": "http.response.body", "body": b"e"})
    if end == "trailers":
        messages.append({"type": "http.response.trailers", "headers": [(b"x-t", b"1")]})
    return messages


@st.composite
def applications(draw: st.DrawFn) -> Any:
    """Interleaves reading with answering; may return a value, may raise once its answer is complete."""
    plan: list[Message | None] = []
    for message in draw(answers()):
        plan += [*[None] * draw(st.integers(0, 2)), message]
    ending = draw(st.sampled_from(["returns", "value", "raises"]))
    held = any(step is not None and step.get("status") in {422, 500} for step in plan)

    async def app(scope: Message, receive: Receive, send: Send) -> object:
        got: list[Message] = []
        unread = True
        for step in plan:
            if step is not None:
                await send({**step})
            elif unread:
                got.append(await receive())
                unread = got[-1].get("more_body", False)
        got.append(await receive())  # what is left, or that the client is gone
        if ending == "raises":
            raise LookupError("after the answer")
        return got if ending == "value" else None

    app.held = held  # type: ignore[attr-defined]
    return app


@st.composite
def requests(draw: st.DrawFn) -> tuple[Message, list[Message]]:
    """A request that no layer refuses."""
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]))
    path = draw(st.sampled_from([b"/", b"/a/b", b"/caf%C3%A9", b"/a%20b", b"/x;v=1/y"]))
    chunks = draw(st.lists(PARTS, min_size=1, max_size=4)) if method in {"POST", "PUT"} else [b""]
    more = draw(st.lists(st.tuples(st.just(b"x-in"), VALUES), max_size=3))
    headers = [(b"content-type", b"application/json"), *more]
    scope = http_scope(method, path, headers, query_string=draw(st.sampled_from([b"", b"a=1&b=%FF", b"\xff"])))
    scope["http_version"] = draw(st.sampled_from(["1.1", "2"]))
    last = len(chunks) - 1
    body = [{"type": "http.request", "body": part, "more_body": at < last} for at, part in enumerate(chunks)]
    return scope, body


def _comparable(messages: list[Message], names: frozenset[bytes]) -> list[Message]:
    """`messages` with the claimed headers out, and an absent list of headers taken for an empty one."""
    given = [{**one, "headers": one.get("headers", [])} if one["type"].endswith("start") else one for one in messages]
    return without(given, names)


async def _nobody(scope: Message, receive: Receive, send: Send) -> None: ...


@cache
def _onions() -> tuple[Any, ...]:
    """One per preset for all examples: building costs more than running."""
    return (
        hardened(_nobody, csrf={"mode": "monitor"}),
        hardened(_nobody, preset="compat", hosts=["testserver"], rate={"mode": "monitor"}),
    )


@given(applications(), requests(), st.none() | st.integers(0, 3))
@settings(max_examples=EXAMPLES)
def test_an_application_behind_garrison_says_what_it_says_without(
    app: Any, request: tuple[Message, list[Message]], leaves: int | None
) -> None:
    scope, body = request
    if app.held:
        leaves = None  # such an answer goes out later, and so the client would leave at another moment
    for onion in _onions():
        onion._inner.app = app
        names = claimed(onion)

        async def run(tried: Any) -> Any:
            return await drive(tried, {**scope, "state": {}}, body, leaves=leaves)

        bare, behind = anyio.run(run, app), anyio.run(run, onion)
        bare.sent, behind.sent = _comparable(bare.sent, names), _comparable(behind.sent, names)
        assert_same(bare, behind)


@given(st.lists(st.binary(max_size=60), max_size=6), st.integers(0, 200), st.integers(0, 200))
@settings(max_examples=EXAMPLES)
def test_looking_ahead_never_changes_the_body(chunks: list[bytes], first: int, second: int) -> None:
    seen: list[tuple[bytes, bool]] = []

    def peek(limit: int) -> Layer:
        def look(prefix: bytes, complete: bool) -> None:
            seen.append((prefix, complete))

        return Layer(f"peek-{limit}", peek=lambda facts: Peek(limit, look))

    async def app(scope: Message, receive: Receive, send: Send) -> bytes:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        return body

    async def run() -> Any:
        onion = hardened(app, peek(first), peek(second), csrf={"mode": "monitor"})
        last = len(chunks) - 1
        body = [{"type": "http.request", "body": part, "more_body": at < last} for at, part in enumerate(chunks)]
        kind = [(b"content-type", b"application/json")]
        return await drive(onion, http_scope("POST", headers=kind), body or [{"type": "http.request"}])

    driven = anyio.run(run)
    whole = b"".join(chunks)
    assert driven.returned == whole
    assert [prefix for prefix, _ in seen] == [whole[:first], whole[:second]]
    for (prefix, complete), limit in zip(seen, (first, second), strict=True):
        assert not complete or prefix == whole
        assert complete or len(whole) >= limit
