"""The embedded store: private, bounded, durable."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from garrison.events.query import tail
from garrison.events.sqlite import SqliteWriter, StoreUnusable, forget
from tests.events.making import WHEN, event
from tests.support.at_once import failures


def store(tmp_path: Path, keep: int = 1000) -> tuple[SqliteWriter, Path]:
    path = tmp_path / "state" / "events.db"
    return SqliteWriter(path, keep), path


def test_folder_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        writer, path = store(tmp_path)
        writer.write([event()])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert modes == {"events.db": 0o600, "events.db-wal": 0o600, "events.db-shm": 0o600}


def test_workers_that_open_a_new_file_at_the_same_moment_wait_for_each_other(tmp_path: Path) -> None:
    """Without the wait one to nine of a hundred such files were locked for one of six, who would not start."""

    def start(file: Path) -> None:
        writer = SqliteWriter(file, 1000)
        writer.open()
        writer.close()

    tmp_path.chmod(0o700)
    assert failures(start, tmp_path, files=100) == []


def test_the_store_syncs_every_batch(tmp_path: Path) -> None:
    writer, path = store(tmp_path)
    writer.open()
    assert writer._connection is not None
    assert writer._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert writer._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert path.exists()


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    writer, path = store(tmp_path, keep=200)
    for start in range(0, 1000, 50):
        writer.write([event(seq=number) for number in range(start, start + 50)])
    kept = [one.event.seq for one in tail(path, 10_000)]
    assert 200 <= len(kept) <= 220 + 50
    assert kept == list(range(1000 - len(kept), 1000))


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    writer, path = store(tmp_path)
    writer.write([event(seq=1)])
    broken = event(seq=3, layer="\ud800")
    with pytest.raises(UnicodeEncodeError):
        writer.write([event(seq=2), broken])
    writer.write([event(seq=4)])
    assert [one.event.seq for one in tail(path)] == [1, 4]


def test_two_writers_share_the_file(tmp_path: Path) -> None:
    first, path = store(tmp_path)
    second, _ = store(tmp_path)
    for number in range(10):
        first.write([event(seq=number)])
        second.write([event(seq=100 + number)])
    assert len(tail(path)) == 20


def test_a_removed_file_is_begun_anew(tmp_path: Path) -> None:
    writer, path = store(tmp_path)
    writer.write([event(seq=1)])
    for one in path.parent.iterdir():
        one.unlink()
    writer.write([event(seq=2)])
    assert [one.event.seq for one in tail(path)] == [2]


def test_a_closed_writer_goes_on_where_it_was(tmp_path: Path) -> None:
    writer, path = store(tmp_path)
    writer.write([event(seq=1)])
    writer.close()
    writer.write([event(seq=2)])
    assert [one.event.seq for one in tail(path)] == [1, 2]


def test_an_open_folder_an_open_file_and_a_link_are_refused(tmp_path: Path) -> None:
    writer, path = store(tmp_path)
    path.parent.mkdir(mode=0o700)
    path.parent.chmod(0o750)
    with pytest.raises(StoreUnusable, match="chmod 700"):
        writer.open()
    path.parent.chmod(0o700)
    path.touch(0o644)
    with pytest.raises(StoreUnusable, match="chmod 600"):
        writer.open()
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnusable, match="link"):
        writer.open()
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_is_no_store_is_refused_and_left(tmp_path: Path) -> None:
    writer, path = store(tmp_path)
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"something else entirely" * 100)
    path.chmod(0o600)
    with pytest.raises(sqlite3.DatabaseError):
        writer.open()
    assert path.read_bytes().startswith(b"something else")


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    writer, path = store(tmp_path)
    writer.write([event()])
    writer.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StoreUnusable, match="another version"):
        store(tmp_path)[0].open()


def test_events_go_after_their_time_whatever_room_there_is(tmp_path: Path) -> None:
    for age, left in ((0.0, 3), (60.0, 1)):
        store = tmp_path / str(age) / "events.db"
        writer = SqliteWriter(store, 1000, age)
        writer.write([event(when=WHEN), event(when=WHEN + 10), event(when=WHEN + 400)])
        writer.close()
        assert len(tail(store)) == left


def test_what_is_forgotten_is_overwritten_and_the_rest_stays(tmp_path: Path) -> None:
    store = tmp_path / "state" / "events.db"
    writer = SqliteWriter(store, 1000)
    writer.write([event(principal=who, client=f"203.0.113.{n}") for n in range(3) for who in ("ann", "o'brien")])
    writer.close()
    with pytest.raises(ValueError):
        forget(store)
    assert forget(store, principal="ann", client="203.0.113.1") == 1
    assert forget(store, principal="o'brien") == 3
    assert [(one.event.principal, one.event.client[-1]) for one in tail(store)] == [("ann", "0"), ("ann", "2")]
    assert b"o'brien" not in b"".join(path.read_bytes() for path in store.parent.iterdir())
