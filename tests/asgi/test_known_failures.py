"""Exceptions of the application that mean something better known than "something went wrong"."""

from __future__ import annotations

import json

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from garrison import Policy, harden
from garrison.core.errors import DependencyError
from garrison.testing import captured_events

pytestmark = pytest.mark.anyio

POLICY = Policy(preset="testing", environment="development")


class Number(BaseModel):
    number: int


def application() -> FastAPI:
    app = FastAPI()

    @app.post("/number")
    def number(given: Number) -> Number:
        return given

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(str(await request.json()))

    @app.post("/other")
    async def other(request: Request) -> int:
        await request.body()
        return len(json.loads(""))  # what another service answered

    @app.get("/away")
    def away() -> None:
        raise DependencyError("the session store does not answer")

    @app.get("/own-fault")
    def own_fault() -> None:
        "\ud800".encode()

    return app


def client(app: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="https://testserver")


async def post_half_a_pair(app: object) -> httpx.Response:
    async with client(app) as browser:
        return await browser.post(
            "/number", content=b'{"number": "\\ud800"}', headers={"content-type": "application/json"}
        )


async def test_half_a_surrogate_pair_in_json_is_the_clients_fault() -> None:
    hardened = harden(application(), POLICY)
    with captured_events(hardened) as events:
        answer = await post_half_a_pair(hardened)
    assert (answer.status_code, answer.json()["reason"]) == (400, "body-malformed")
    assert [event.reason for event in events if event.reason] == ["body-malformed"]


async def test_control_without_garrison_the_same_json_is_a_500() -> None:
    assert (await post_half_a_pair(application())).status_code == 500


async def test_the_same_exception_without_json_is_our_own_fault() -> None:
    async with client(harden(application(), POLICY)) as browser:
        assert (await browser.get("/own-fault")).status_code == 500


@pytest.mark.parametrize("headers", [{"content-type": "application/json"}, {}], ids=str)
async def test_no_body_where_the_application_reads_json_is_the_clients_fault(headers: dict[str, str]) -> None:
    hardened = harden(application(), POLICY)
    with captured_events(hardened) as events:
        async with client(hardened) as browser:
            answer = await browser.post("/read", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (400, "body-malformed")
    assert [event.reason for event in events if event.reason] == ["body-malformed"]


async def test_control_without_garrison_no_body_is_a_500() -> None:
    async with client(application()) as browser:
        assert (await browser.post("/read")).status_code == 500


async def test_bad_json_that_came_from_elsewhere_is_our_own_fault() -> None:
    async with client(harden(application(), POLICY)) as browser:
        assert (await browser.post("/other", headers={"content-type": "application/json"})).status_code == 500


async def test_a_dependency_that_is_away_is_a_503_with_a_time_to_come_back() -> None:
    hardened = harden(application(), POLICY)
    async with client(hardened) as browser:
        answer = await browser.get("/away")
    assert (answer.status_code, answer.json()["reason"]) == (503, "store-away")
    assert int(answer.headers["retry-after"]) > 0
