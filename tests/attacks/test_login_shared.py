"""The log-in guard on a real shared store: what holds in one process holds across processes, and while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.club import Club, cheap, guard, log_in
from tests.support.valkey import Server

pytestmark = [pytest.mark.anyio, pytest.mark.server]

RIGHT = "correct horse battery"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "valkey") as running:
        yield running


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that answers is taken to answer, however busy the machine is."""
    monkeypatch.setattr("garrison.stores.link.CALL_SECONDS", 5.0)


async def club() -> Club:
    made = Club()
    made.join("member-0", await cheap().hash(RIGHT))
    return made


@pytest.mark.usefixtures("patient")
async def test_fifty_guesses_at_once_on_two_machines_get_no_more_than_the_free_attempts(
    server: Server, tmp_path: Path
) -> None:
    apps = [guard(await club(), tmp_path, store=server.url) for _ in range(2)]
    answers = await asyncio.gather(*(log_in(apps[n % 2], "member-0", f"guess {n}") for n in range(50)))
    statuses = [answer.status for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (5, 45)


@pytest.mark.usefixtures("patient")
async def test_success_on_one_machine_gives_back_what_was_charged_on_the_other(server: Server, tmp_path: Path) -> None:
    apps = [guard(await club(), tmp_path, store=server.url) for _ in range(2)]
    for _ in range(4):
        assert (await log_in(apps[0], "member-0", "guess")).status == 401
    assert (await log_in(apps[1], "member-0", RIGHT)).status == 200
    assert [(await log_in(apps[0], "member-0", "guess")).status for _ in range(6)] == [401] * 5 + [429]


async def test_while_the_store_hangs_nobody_logs_in_and_nobody_guesses_without_end(
    server: Server, tmp_path: Path
) -> None:
    """Sessions can't begin without their store, so log-ins are refused (503) and never let through."""
    app = guard(await club(), tmp_path, store=server.url)
    before = [(await log_in(app, "member-0", RIGHT)).status for _ in range(5)]
    assert 200 in before, "a busy machine may be late once, not always"
    server.pause()
    try:
        answers = [await log_in(app, "member-0", text) for text in ["guess"] * 20 + [RIGHT]]
    finally:
        server.resume()
    assert {answer.status for answer in answers} == {503}
    assert {dict(answer.headers)[b"retry-after"] for answer in answers} == {b"5"}
