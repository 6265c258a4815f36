"""Workers start together, on a folder where nothing is yet."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.exc import SQLAlchemyError

from examples.notes import Settings
from examples.notes.app import default_policy
from examples.notes.parts import Parts
from examples.notes.preparing import prepare
from examples.notes.seed import seed

pytestmark = pytest.mark.anyio
TOGETHER = 4


async def together(settings: Settings, how: Callable[[Parts], Awaitable[None]]) -> None:
    policy = default_policy(settings)

    async def one() -> None:
        own = Parts.build(settings, policy)
        try:
            await how(own)
        finally:
            await own.database.close()

    outcomes = await asyncio.gather(*(one() for _ in range(TOGETHER)), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def test_workers_that_start_together_make_one_set_of_tables_and_users(settings: Settings, environ: None) -> None:
    await together(settings, prepare)
    with sqlite3.connect(settings.data / "notes.db") as database:
        assert database.execute("SELECT count(*), count(DISTINCT email) FROM users").fetchone() == (2, 2)
        assert database.execute("SELECT count(*), count(DISTINCT title) FROM notes").fetchone() == (5, 5)


async def test_without_taking_turns_one_finds_what_another_is_making(settings: Settings, environ: None) -> None:
    """The control."""
    settings.data.mkdir(mode=0o700)

    async def at_once(own: Parts) -> None:
        await own.database.create()
        await seed(own)

    with pytest.raises(SQLAlchemyError):
        await together(settings, at_once)
