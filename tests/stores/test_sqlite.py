"""Records in a file: what the contract can't see."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from garrison.core.errors import DependencyError
from garrison.core.ports import Record
from garrison.stores import SqliteRecords, StoreAway
from garrison.stores.sqlite_table import Table
from tests.contracts.hands import Hands
from tests.support.at_once import failures

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "records.db"


@pytest.fixture
async def records(file: Path) -> AsyncIterator[SqliteRecords]:
    made = SqliteRecords(file, Hands().clock, max_records=1000)
    yield made
    await made.close()


async def add_one(records: SqliteRecords) -> None:
    """Count up by compare-and-set, until it works."""
    while True:
        found = await records.get("count", "1")
        count = found.data["n"] if found is not None else 0
        assert isinstance(count, int)
        if await records.put("count", "1", {"n": count + 1}, expect=found.version if found else 0):
            return


def test_workers_that_open_a_new_file_at_the_same_moment_wait_for_each_other(tmp_path: Path) -> None:
    """Without the wait some in a hundred such files are locked for one of six."""
    assert failures(lambda file: Table.open(file).close(), tmp_path, files=100) == []


async def test_two_workers_that_write_the_same_record_lose_no_update(file: Path, records: SqliteRecords) -> None:
    other = SqliteRecords(file, Hands().clock, max_records=1000)
    await asyncio.gather(*(add_one(one) for one in [records, other] for _ in range(10)))
    found = await records.get("count", "1")
    assert found is not None
    assert (found.data["n"], found.version) == (20, 20)
    await other.close()


async def test_workers_share_one_bound(file: Path, records: SqliteRecords) -> None:
    small = SqliteRecords(file, Hands().clock, max_records=2)
    await records.put("session", "1", {})
    await records.put("session", "2", {})
    with pytest.raises(DependencyError, match="2 records"):
        await small.put("session", "3", {})
    await small.close()


async def test_a_lock_that_others_hold_stops_no_event_loop_and_ends_as_away(file: Path, records: SqliteRecords) -> None:
    await records.put("session", "1", {})
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(records.put("session", "2", {}))
    longest, last = 0.0, time.monotonic()
    while not writing.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    assert longest < 0.5
    with pytest.raises(StoreAway, match="locked"):
        await writing
    holder.execute("ROLLBACK")
    holder.close()
    assert await records.put("session", "2", {}) is not None


async def test_a_file_that_is_removed_under_us_is_made_anew(file: Path, records: SqliteRecords) -> None:
    await records.put("session", "1", {})
    for each in file.parent.iterdir():
        each.unlink()
    assert await records.get("session", "1") is None
    await records.put("session", "2", {})
    assert mode(file) == 0o600


async def test_a_file_that_is_damaged_under_us_is_away_and_no_crash(file: Path, records: SqliteRecords) -> None:
    for number in range(50):
        await records.put("session", str(number), {"of": "x" * 500})
    await records.close()
    damage(file)
    with pytest.raises(DependencyError, match=r"records\.db"):
        await asyncio.gather(*(records.get("session", str(number)) for number in range(50)))


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)


async def test_expired_records_leave_the_file_and_so_do_the_tokens_they_were_found_by(file: Path) -> None:
    hands = Hands()
    records = SqliteRecords(file, hands.clock, max_records=1000)
    for number in range(150):
        await records.put("session", str(number), {"of": f"user-{number}"}, expires=hands.now + 10)
    hands.now += 10
    for _ in range(2):
        await records.put("session", "new", {"of": "ann"})
    await records.close()
    with sqlite3.connect(file) as database:
        query = "SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM tokens), (SELECT records FROM totals)"
        counts = database.execute(query).fetchone()
    database.close()
    assert counts == (1, 1, 1)


async def test_any_id_can_be_stored(records: SqliteRecords) -> None:
    for name in ("", "\0", "é", "\udcff", "x" * 5000):
        await records.put("session", name, {"of": "\udcff\0é"})
        assert await records.get("session", name) is not None
    found = await records.find("session", "of", "\udcff\0é")
    assert {one.id for one in found} == {"", "\0", "é", "\udcff", "x" * 5000}


async def test_all_calls_run_in_one_thread_that_is_not_the_loop_s(records: SqliteRecords) -> None:
    before = set(threading.enumerate())
    await asyncio.gather(*(records.put("session", str(number), {}) for number in range(20)))
    new = [thread.name for thread in set(threading.enumerate()) - before]
    assert len(new) == 1
    assert new[0].startswith("garrison-records")


FORKED = """
import asyncio, os, sys
from pathlib import Path
from garrison.core.clock import SYSTEM
from garrison.stores import SqliteRecords

records = SqliteRecords(Path(sys.argv[1]), SYSTEM, max_records=10)
asyncio.run(records.put("session", "parent", {}))
child = os.fork()
asyncio.run(records.put("session", "child" if child == 0 else "parent again", {}))
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print(len(asyncio.run(records.find("session", "x", None))), asyncio.run(records.get("session", "child")) is not None)
"""


def test_a_forked_worker_uses_a_connection_of_its_own(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.split() == ["0", "True"]


KILLED = """
import asyncio, os, sys
from pathlib import Path
from garrison.core.clock import SYSTEM
from garrison.stores import SqliteRecords

asyncio.run(SqliteRecords(Path(sys.argv[1]), SYSTEM, max_records=10).put("session", "1", {"of": "ann"}))
os.kill(os.getpid(), 9)
"""


def test_what_was_answered_is_there_after_the_process_was_killed(file: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(file)], timeout=30, check=False)
    records = SqliteRecords(file, Hands().clock, max_records=10)
    assert isinstance(asyncio.run(records.get("session", "1")), Record)


async def test_closing_while_others_ask_takes_the_file_from_nobodys_hands(records: SqliteRecords) -> None:
    """Whoever asks during `close` has a thread of its own: it must not use the connection that is being closed."""
    await records.put("kind", "1", {"principal": "ann"})
    for _ in range(100):
        asked = [records.find("kind", "principal", "ann") for _ in range(3)]
        ended = asyncio.create_task(records.close())
        await asyncio.sleep(0)  # it has begun, and its thread has not
        found = await asyncio.gather(*asked)
        await ended
        assert [len(one) for one in found] == [1, 1, 1]
