"""Key files: what is refused, each beside the file that is accepted."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from garrison.secrets.errors import KeyFileRefused, KeyMissing
from garrison.secrets.keyfile import MAX_BYTES, read_key_file, read_or_make


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("content")
    path.chmod(0o600)
    return path


def test_control_a_private_file_is_read(key_file: Path) -> None:
    assert read_key_file(key_file) == "content"
    key_file.chmod(0o400)
    assert read_key_file(key_file) == "content"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o602, 0o610, 0o601])
def test_a_file_that_others_can_reach_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(KeyFileRefused, match="open to other users") as caught:
        read_key_file(key_file)
    assert "chmod 600" in caught.value.remedy


def test_a_symbolic_link_is_refused_even_to_a_private_file(key_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file)
    with pytest.raises(KeyFileRefused, match="symbolic link"):
        read_key_file(link)
    with pytest.raises(KeyFileRefused, match="symbolic link"):
        read_or_make(link)


def test_what_is_no_plain_file_is_refused_and_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (tmp_path, pipe):
        with pytest.raises(KeyFileRefused):
            read_key_file(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give a file away")
def test_a_file_of_another_user_is_refused(key_file: Path) -> None:
    os.chown(key_file, 65534, 65534)
    with pytest.raises(KeyFileRefused, match="belongs to another user"):
        read_key_file(key_file)


def test_a_file_that_is_too_large_is_refused(key_file: Path) -> None:
    key_file.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(KeyFileRefused, match="more than"):
        read_key_file(key_file)


def test_a_missing_file_is_missing_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing):
        read_key_file(tmp_path / "key")
    assert list(tmp_path.iterdir()) == []


def test_a_made_file_is_private_in_private_folders_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        text = read_or_make(tmp_path / "a" / "b" / "root.key")
    finally:
        os.umask(before)
    path = tmp_path / "a" / "b" / "root.key"
    assert read_key_file(path) == text
    assert len(text.strip()) == 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_made_file_stays_what_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "root.key"
    assert read_or_make(path) == read_or_make(path) == path.read_text()


def test_many_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "state" / "root.key"
    with ThreadPoolExecutor(16) as pool:
        texts = set(pool.map(lambda _: read_or_make(path), range(64)))
    assert len(texts) == 1
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_others_can_reach_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(KeyFileRefused, match="open to other users"):
        read_or_make(tmp_path / "root.key")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(KeyFileRefused, match="not a folder"):
        read_or_make(tmp_path / "link" / "root.key")


def test_a_link_that_leads_nowhere_is_not_followed_to_make_a_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "root.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileRefused, match="symbolic link"):
        read_or_make(tmp_path / "root.key")
    assert not (tmp_path / "elsewhere").exists()
