"""JSON lines: private files, rotation, and lines that fit into a pipe."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from garrison.events.vocabulary import EventName
from garrison.events.writers import PIPE_LINE, FileWriter, StderrWriter, encode
from tests.events.making import event, lines


def test_a_new_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        writer = FileWriter(tmp_path / "log")
        assert writer.write([event()]) == 1
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600
    assert lines(tmp_path / "log")[0]["name"] == "csrf_refused"


def test_a_rotated_file_is_left_and_a_new_one_begun(tmp_path: Path) -> None:
    path, writer = tmp_path / "log", FileWriter(tmp_path / "log")
    writer.write([event(seq=1)])
    path.rename(tmp_path / "log.1")
    writer.write([event(seq=2)])
    path.unlink()
    writer.write([event(seq=3)])
    assert [one["seq"] for one in lines(tmp_path / "log.1")] == [1]
    assert [one["seq"] for one in lines(path)] == [3]


def test_a_closed_writer_goes_on_where_it_was(tmp_path: Path) -> None:
    writer = FileWriter(tmp_path / "log")
    for number in (1, 2):
        writer.write([event(seq=number)])
        writer.close()
        writer.close()
    assert [one["seq"] for one in lines(tmp_path / "log")] == [1, 2]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        FileWriter(tmp_path / "log").open()
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_others_may_write_is_refused_and_one_they_may_read_is_not(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.touch()
    path.chmod(0o620)
    with pytest.raises(PermissionError, match="chmod 600"):
        FileWriter(path).open()
    path.chmod(0o640)
    FileWriter(path).open()


def test_a_device_may_be_named(tmp_path: Path) -> None:
    assert FileWriter(Path("/dev/null")).write([event()]) == 1
    with pytest.raises(OSError, match="No space left"):
        FileWriter(Path("/dev/full")).write([event()])


def test_a_pipe_by_name_without_a_reader_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    with pytest.raises(OSError, match="No such device"):
        FileWriter(tmp_path / "log").open()


def test_standard_error_gets_one_line_an_event() -> None:
    reader, end = os.pipe()
    writer = StderrWriter(end)
    writer.open()
    assert writer.write([event(seq=1), event(EventName.STARTUP, seq=2)]) == 2
    writer.close()
    got = os.read(reader, 100_000).decode("ascii").splitlines()
    assert [json.loads(line)["seq"] for line in got] == [1, 2]
    os.close(reader)
    os.close(end)


def test_no_line_is_longer_than_a_pipe_takes_at_once() -> None:
    full = {f"detail{number}": "\U0001f512" * 1024 for number in range(24)}
    widest = event(
        path="\U0001f512" * 1024, agent="\U0001f512" * 256, host="h" * 253, principal="\U0001f512" * 128,
        details={**full, "trace": "t" * 3072}, request_id="r" * 64, layer="l" * 64, route="r" * 64, node="n" * 64,
    )  # fmt: skip
    assert len(encode(widest)) > 100_000
    line = encode(widest, PIPE_LINE)
    assert len(line) <= PIPE_LINE
    data = json.loads(line)
    assert data["cut"] is True
    assert data["request_id"] == "r" * 64
    assert "cut" not in json.loads(encode(event(), PIPE_LINE))


def test_shrinking_keeps_the_end_of_a_trace_while_it_fits() -> None:
    data = json.loads(encode(event(details={"trace": "x" * 3072 + "the error", "note": "y" * 900}), PIPE_LINE))
    assert data["details"]["trace"].endswith("the error")
    assert data["details"]["note"] == "y" * 100
