from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from garrison.secrets.errors import FileRefusedError
from garrison.secrets.private_files import MAX_BYTES, locked, private_folder, read_private, write_whole


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_folder_and_all_its_new_parents_are_private_under_any_umask(tmp_path: Path) -> None:
    made = private_folder(tmp_path / "a" / "b" / "c")

    assert [mode(one) for one in (made, made.parent, made.parent.parent)] == [0o700] * 3


def test_pathlib_alone_would_leave_the_parents_open(tmp_path: Path) -> None:
    """The control: `mode` is for the last folder only."""
    before = os.umask(0o022)
    (tmp_path / "a" / "b").mkdir(parents=True, mode=0o700)
    os.umask(before)

    assert mode(tmp_path / "a") == 0o755


@pytest.mark.usefixtures("umask")
def test_a_file_gets_its_mode_under_any_umask(tmp_path: Path) -> None:
    write_whole(tmp_path / "secret", b"x")
    write_whole(tmp_path / "public", b"x", mode=0o644)

    assert (mode(tmp_path / "secret"), mode(tmp_path / "public")) == (0o600, 0o644)


@pytest.mark.parametrize("loose", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644])
def test_a_file_open_to_others_is_refused_with_the_command_that_closes_it(loose: int, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_whole(path, b"x")
    path.chmod(loose)

    with pytest.raises(FileRefusedError) as refused:
        read_private(path)
    assert f"chmod 600 {path}" in refused.value.remedy
    path.chmod(0o600)
    assert read_private(path) == b"x"  # control: as the remedy says


def test_a_folder_open_to_others_is_refused_with_the_command_that_closes_it(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "a")
    folder.chmod(0o750)

    with pytest.raises(FileRefusedError) as refused:
        private_folder(folder)
    assert f"chmod 700 {folder}" in refused.value.remedy


def test_a_link_is_refused_even_to_a_private_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "real", b"x")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")

    with pytest.raises(FileRefusedError, match="symbolic link"):
        read_private(link)
    assert read_private(tmp_path / "real") == b"x"


def test_a_link_is_refused_even_to_a_private_folder(tmp_path: Path) -> None:
    real = private_folder(tmp_path / "real")
    (tmp_path / "link").symlink_to(real)

    with pytest.raises(FileRefusedError, match="symbolic link"):
        private_folder(tmp_path / "link")


def test_a_pipe_in_the_file_s_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(FileRefusedError, match="plain file"):
        read_private(tmp_path / "pipe")


def test_a_file_in_the_folder_s_place_is_refused(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"x")

    with pytest.raises(FileRefusedError, match="not a folder"):
        private_folder(tmp_path / "file")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    write_whole(tmp_path / "huge", b"x" * (MAX_BYTES + 1))

    with pytest.raises(FileRefusedError, match="over"):
        read_private(tmp_path / "huge")


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    write_whole(tmp_path / "theirs", b"x")
    os.chown(tmp_path / "theirs", 12345, 12345)

    with pytest.raises(FileRefusedError, match="another user"):
        read_private(tmp_path / "theirs")


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read_private(tmp_path / "none") is None


def test_writing_replaces_a_link_and_leaves_its_target_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"before")
    (tmp_path / "link").symlink_to(tmp_path / "target")

    write_whole(tmp_path / "link", b"after")

    assert (tmp_path / "target").read_bytes() == b"before"
    assert not (tmp_path / "link").is_symlink()


def test_a_writing_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()

    with pytest.raises(FileRefusedError):
        write_whole(tmp_path / "taken", b"x")  # a file can't be renamed onto a folder
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_the_lock_keeps_a_second_holder_out_until_it_is_given_back(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(FileRefusedError, match="lock"), locked(tmp_path, patience=0):
        pass
    with locked(tmp_path, patience=0):
        assert mode(tmp_path / "lock") == 0o600


def test_taking_the_lock_sweeps_what_a_crash_left(tmp_path: Path) -> None:
    (tmp_path / ".half-written-1").touch()

    with locked(tmp_path):
        assert not (tmp_path / ".half-written-1").exists()
