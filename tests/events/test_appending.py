"""Whole lines or nothing."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from garrison.events import appending
from garrison.events.appending import append_lines, feed_lines

LINES = [b"one\n", b"two\n", b"three\n"]


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"zero\n")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    append_lines(descriptor, LINES)
    assert feed_lines(descriptor, LINES) == 3
    os.close(descriptor)
    assert path.read_bytes() == b"zero\n" + b"".join(LINES) * 2


def test_a_pipe_gets_line_by_line() -> None:
    reader, writer = os.pipe()
    assert feed_lines(writer, LINES) == 3
    assert os.read(reader, 100) == b"".join(LINES)
    os.close(reader)
    os.close(writer)


def test_a_pipe_nobody_reads_is_given_up_after_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "PATIENCE", 0.05)
    reader, writer = os.pipe()
    lines = [b"x" * 4095 + b"\n"] * 1000
    done = feed_lines(writer, lines)
    assert 0 < done < 1000
    with pytest.raises(TimeoutError):
        feed_lines(writer, lines)
    assert len(os.read(reader, 4096 * 1001)) == 4096 * done
    os.close(reader)
    os.close(writer)


def test_a_pipe_without_a_reader_raises() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        feed_lines(writer, LINES)
    os.close(writer)


def test_a_file_another_process_keeps_locked_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "PATIENCE", 0.05)
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    with path.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            append_lines(descriptor, LINES)
    append_lines(descriptor, LINES)
    os.close(descriptor)
    assert path.read_bytes() == b"".join(LINES)
