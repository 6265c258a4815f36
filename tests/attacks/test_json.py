"""JSON that costs more than its bytes or is read in two ways; each attack succeeds against FastAPI alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from garrison import harden
from garrison.fastapi import JsonRoute
from garrison.testing import captured_events, testing_policy

JSON = {"content-type": "application/json"}
ALONE = testing_policy(body={"mode": "off", "allow_insecure_off": "the route class is tried alone"})
ATTACKS = {
    "duplicate keys": (b'{"role":"user","role":"admin"}', 400),
    "NaN": (b'{"price":NaN}', 400),
    "a lone surrogate": (b'{"name":"\\ud800"}', 400),
    "infinity": (b'{"price":1e999}', 400),
    "depth": (b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", 400),
    "many values": (b'{"a":[' + b"1," * 30_000 + b"1]}", 413),
}


def _app(*, guarded: bool) -> FastAPI:
    app = FastAPI()
    if guarded:
        app.router.route_class = JsonRoute
    app.state.seen = []

    @app.post("/parsed")
    async def parsed(payload: dict[str, Any], request: Request) -> int:
        app.state.seen.append(payload)
        return len(payload)

    @app.post("/raw")
    async def raw(request: Request) -> int:
        app.state.seen.append(await request.json())
        return 1

    return app


@pytest.mark.parametrize("path", ["/parsed", "/raw"])
@pytest.mark.parametrize(("data", "status"), ATTACKS.values(), ids=ATTACKS)
def test_the_attack_reaches_fastapi_alone_and_is_refused_and_recorded_with_the_guard(
    path: str, data: bytes, status: int
) -> None:
    bare = _app(guarded=False)
    with TestClient(harden(bare, ALONE), base_url="https://testserver") as client:
        assert client.post(path, content=data, headers=JSON).status_code == 200  # the control
    assert len(bare.state.seen) == 1
    app = _app(guarded=True)
    hardened = harden(app, ALONE)
    with captured_events(hardened) as events, TestClient(hardened, base_url="https://testserver") as client:
        answer = client.post(path, content=data, headers=JSON)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert client.post(path, content=json.dumps({"name": "O'Brien 👩‍🚀"}), headers=JSON).status_code == 200
    assert len(app.state.seen) == 1
    names = {event.name for event in events}
    assert names & {"input_validation_fail", "size_exceeded"}


def test_bytes_that_are_no_utf_8_are_the_clients_fault_where_they_were_a_500() -> None:
    bare = _app(guarded=False)
    for app, status in ((bare, 500), (harden(bare, ALONE), 400), (harden(_app(guarded=True), ALONE), 400)):
        with TestClient(app, base_url="https://testserver", raise_server_exceptions=False) as client:
            assert client.post("/raw", content=b'["\xff"]', headers=JSON).status_code == status


def test_without_harden_the_guard_refuses_loudly() -> None:
    client = TestClient(_app(guarded=True), raise_server_exceptions=True)
    with pytest.raises(RuntimeError, match="not behind Garrison"):
        client.post("/raw", content=b'{"a":1,"a":2}', headers=JSON)
