"""A record that was read before is read again without the store's thread, but never after somebody has changed it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from garrison.core.clock import SYSTEM, Clock
from garrison.stores.sqlite import SqliteRecords

pytestmark = pytest.mark.anyio

_OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from garrison.core.clock import SYSTEM
from garrison.stores.sqlite import SqliteRecords

async def main():
    records = SqliteRecords(Path(sys.argv[1]), SYSTEM, max_records=10)
    await records.delete("session", "a")
    await records.close()

asyncio.run(main())
"""


class Time:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.clock = Clock(monotonic=lambda: self.now, wall=lambda: self.now)


def count_thread_reads(records: SqliteRecords) -> list[None]:
    """One entry for every call that goes through the thread from now on."""
    calls: list[None] = []
    original = records._do

    async def counted(work):  # type: ignore[no-untyped-def]
        calls.append(None)
        return await original(work)

    records._do = counted  # type: ignore[method-assign]
    return calls


async def test_a_second_read_does_not_go_through_the_thread(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path / "records.db", SYSTEM, max_records=10)
    await records.put("session", "a", {"n": 1})
    calls = count_thread_reads(records)
    first = await records.get("session", "a")
    assert await records.get("session", "a") == first
    assert await records.get("session", "absent") is None
    assert await records.get("session", "absent") is None
    assert len(calls) == 2
    await records.close()


async def test_what_another_process_revokes_is_gone_at_the_next_read(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    records = SqliteRecords(path, SYSTEM, max_records=10)
    await records.put("session", "a", {"n": 1})
    assert await records.get("session", "a") is not None
    assert await records.get("session", "a") is not None
    subprocess.run([sys.executable, "-c", _OTHER_PROCESS, str(path)], check=True, timeout=60)  # noqa: ASYNC221  # nothing else runs
    assert await records.get("session", "a") is None
    await records.close()


async def test_our_own_writes_are_seen_at_the_next_read(tmp_path: Path) -> None:
    records = SqliteRecords(tmp_path / "records.db", SYSTEM, max_records=10)
    await records.put("session", "a", {"n": 1})
    await records.get("session", "a")
    await records.put("session", "a", {"n": 2})
    found = await records.get("session", "a")
    assert found is not None
    assert found.data == {"n": 2}
    await records.delete("session", "a")
    assert await records.get("session", "a") is None
    await records.close()


async def test_a_copy_expires_with_its_record(tmp_path: Path) -> None:
    time = Time()
    records = SqliteRecords(tmp_path / "records.db", time.clock, max_records=10)
    await records.put("session", "a", {"n": 1}, expires=time.now + 10)
    assert await records.get("session", "a") is not None
    time.now += 11
    assert await records.get("session", "a") is None
    await records.close()


async def test_removing_the_file_logs_everybody_out_within_a_second(tmp_path: Path) -> None:
    time = Time()
    path = tmp_path / "records.db"
    records = SqliteRecords(path, time.clock, max_records=10)
    await records.put("session", "a", {"n": 1})
    assert await records.get("session", "a") is not None
    for file in tmp_path.glob("records.db*"):  # noqa: ASYNC240  # nothing else runs
        file.unlink()
    time.now += 1.1
    assert await records.get("session", "a") is None
    await records.close()
