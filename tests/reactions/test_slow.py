"""Whoever is slowed down gets a small rate of their own; nobody else notices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from garrison import harden
from garrison.core.bans import parse_target
from garrison.reactions.build import build_books
from garrison.testing import FrozenClock, testing_policy
from tests.asgi.driving import drive, http_scope

pytestmark = pytest.mark.anyio
OTHER = ("198.51.100.9", 4000)


async def hello(request: Any) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def test_a_slowed_client_gets_its_rate_and_others_all_they_want(tmp_path: Path) -> None:
    clock = FrozenClock()
    policy = testing_policy(
        store="embedded",
        state=str(tmp_path),
        detection={"enabled": True},
        reactions={"mode": "enforce", "slow_rate": "2/hour"},
    )
    app = harden(Starlette(routes=[Route("/", hello)]), policy, clock=clock.clock)
    slowed = build_books(policy, app.services.records, clock.clock)["slow"]  # type: ignore[arg-type]  # it has records
    await slowed.add(parse_target("203.0.113.9", 64), reason="t", by="t", seconds=600)
    statuses: list[int] = []
    while 429 not in statuses:  # the list is read beside the requests, within its seconds
        assert len(statuses) < 100
        clock.advance(1.1)
        statuses.append((await drive(app, http_scope())).status)
        await asyncio.sleep(0.05)
    assert statuses.count(200) >= 2
    assert {(await drive(app, http_scope())).status for _ in range(5)} == {429}
    assert {(await drive(app, http_scope(client=OTHER))).status for _ in range(9)} == {200}
    clock.advance(700)
    assert {(await drive(app, http_scope())).status for _ in range(5)} == {200}
