"""What the layer `body` parsed is not parsed again by `JsonRoute`, and is used for the same bytes and bounds alone."""

from typing import Any

import pytest
from fastapi import APIRouter, Body, FastAPI, Request
from starlette.testclient import TestClient

from garrison import harden
from garrison.core.json_guard import Document
from garrison.fastapi import json_route
from garrison.inputs.json import DEFAULT, JsonLimits
from garrison.testing import testing_policy

HEADERS = {"content-type": "application/json"}
OFF = {"mode": "off", "allow_insecure_off": "the control of a test"}


class _Changed:
    def __init__(self, app: Any, body: bytes) -> None:
        self.app, self.body = app, body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def other() -> Any:
            message = await receive()
            return {**message, "body": self.body} if message.get("body") else message

        await self.app(scope, other, send)


def site(limits: JsonLimits = DEFAULT, changed: bytes | None = None, **sections: Any) -> tuple[TestClient, list[Any]]:
    """An endpoint that answers with what it got; whether the layer's value was used for it."""
    app, router = FastAPI(), APIRouter(route_class=json_route(limits))
    had: list[Any] = []

    @router.post("/")
    async def echo(request: Request, sent: Any = Body()) -> Any:  # noqa: B008  # FastAPI's way
        document = request.state.garrison.document
        had.append(document is not None and document.taken)
        return sent

    app.include_router(router)
    inner: Any = app if changed is None else _Changed(app, changed)
    return TestClient(harden(inner, testing_policy(csrf=OFF, **sections)), base_url="https://testserver"), had


@pytest.mark.parametrize("text", ["O'Brien", "李小龍 👩‍🚀", "SELECT * FROM notes; --", "", "1e5"])
def test_a_document_is_parsed_once(text: str) -> None:
    client, had = site()
    value = {"a": [text, 1, None, {"b": 2.5}]}
    assert client.post("/", json=value).json() == value
    assert had == [True]


def test_it_is_parsed_again_where_the_layer_is_off_or_bounds_are_narrower() -> None:
    for client, had in (site(body=OFF), site(JsonLimits(depth=8))):
        assert client.post("/", json=[1]).json() == [1]
        assert had == [False]
    assert client.post("/", content=b"[" * 9 + b"]" * 9, headers=HEADERS).status_code == 400


def test_what_was_judged_is_not_the_value_of_another_body() -> None:
    client, had = site(changed=b'{"a":2}')
    assert client.post("/", json={"a": 1}).json() == {"a": 2}
    client, _ = site(changed=b'{"a":1,"a":2}')
    assert client.post("/", json={"a": 1}).status_code == 400
    assert had == [False]


def test_what_is_only_monitored_is_still_refused_by_the_route() -> None:
    client, _ = site(body={"mode": "monitor"})
    assert client.post("/", content=b'{"a":1,"a":2}', headers=HEADERS).status_code == 400
    assert client.post("/", json=[1]).json() == [1]


def test_a_value_goes_out_once_since_it_can_be_changed() -> None:
    document = Document(b"[1]", [1], DEFAULT)
    assert document.fits(b"[1]", DEFAULT)
    assert not document.fits(b"[1] ", DEFAULT)
    assert not document.fits(b"[1]", JsonLimits(keys=9))
    assert not document.fits(b"[1]", JsonLimits(size=2))
    assert document.take() == [1]
    assert not document.fits(b"[1]", DEFAULT)
