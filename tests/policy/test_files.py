"""Which file is the policy, and what happens to files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from garrison.policy.files import MAX_BYTES, PolicyFileUnreadable, find_file, read_file
from garrison.policy.load import load
from tests.policy.toml_files import write

PROJECT = '[project]\nname = "x"\n\n[tool.garrison]\nhosts = ["a.example"]\n\n[tool.garrison.csrf]\nlifetime = 5\n'


def test_the_variable_goes_before_the_own_file_and_that_before_the_project(tmp_path: Path) -> None:
    assert find_file({}, tmp_path) is None
    write(tmp_path, PROJECT, "pyproject.toml")
    assert find_file({}, tmp_path) == tmp_path / "pyproject.toml"
    write(tmp_path, "")
    assert find_file({}, tmp_path) == tmp_path / "garrison.toml"
    assert find_file({"GARRISON_POLICY": "/x/y.toml"}, tmp_path) == Path("/x/y.toml")


def test_a_section_of_the_project_file_is_read_with_its_lines(tmp_path: Path) -> None:
    write(tmp_path, PROJECT, "pyproject.toml")
    found = load(None, {}, tmp_path)
    assert (found.policy.hosts, found.policy.csrf.lifetime) == (("a.example",), 5.0)
    assert (found.source("hosts").line, found.source("csrf.lifetime").line) == (5, 8)


@pytest.mark.parametrize(
    "text", ["", "[tool.other]\nx = 'garrison'\n", "[tool\n# tool.garrison", 'tool = "garrison"\n']
)
def test_a_project_without_our_section_is_no_policy(tmp_path: Path, text: str) -> None:
    write(tmp_path, text, "pyproject.toml")
    assert find_file({}, tmp_path) is None


@pytest.mark.parametrize("header", ["[ tool . garrison ]", "[tool.'garrison']", "[tool]\ngarrison = {}\n[tool.x]"])
def test_every_spelling_of_the_section_is_found(tmp_path: Path, header: str) -> None:
    write(tmp_path, f"{header}\n", "pyproject.toml")
    assert find_file({}, tmp_path) is not None


def test_a_section_that_is_no_table_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "[tool]\ngarrison = 5\n", "pyproject.toml")
    with pytest.raises(PolicyFileUnreadable, match="not a table"):
        load(None, {}, tmp_path)


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfhosts = ['a.example']", b"\r\nhosts = [\r\n'a.example'\r\n]\r\n"])
def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garrison.toml"
    path.write_bytes(content)
    assert load(path, {}).policy.hosts == ("a.example",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hosts = [", "not valid TOML"),
        (b"a = 1\na = 2", "not valid TOML"),
        (b"hosts = ['\xff']", "not UTF-8"),
        (b"\xff\xfeh\x00", "not UTF-8"),
        (b"\x00", "not valid TOML"),
        (b"a = " + b"9" * 10_000, "no TOML parser"),
        (b"a = " + b"[" * 50_000, "no TOML parser|not valid TOML"),
        (b"#" * (MAX_BYTES + 1), "larger than 1 MB"),
    ],
)
def test_what_is_no_policy_file_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "garrison.toml"
    path.write_bytes(content)
    with pytest.raises(PolicyFileUnreadable, match=words):
        load(path, {})


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "garrison.toml"
    path.write_bytes(b"#" * MAX_BYTES)
    assert read_file(path)[0] == {}


def test_a_missing_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileUnreadable, match="garrison init"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(PolicyFileUnreadable, match="does not exist"):
        load(None, {"GARRISON_POLICY": str(tmp_path / "none.toml")})


def test_a_link_is_followed_and_a_dangling_one_refused(tmp_path: Path) -> None:
    real = write(tmp_path, 'hosts = ["a.example"]\n', "real.toml")
    (tmp_path / "link.toml").symlink_to(real)
    (tmp_path / "garrison.toml").symlink_to(tmp_path / "gone.toml")
    assert load(tmp_path / "link.toml", {}).policy.hosts == ("a.example",)
    with pytest.raises(PolicyFileUnreadable):
        load(tmp_path / "garrison.toml", {})


def test_what_is_no_plain_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for path in (tmp_path / "pipe.toml", tmp_path, Path("/dev/zero")):
        with pytest.raises(PolicyFileUnreadable, match="not a plain file"):
            load(path, {})


def test_a_folder_called_like_the_policy_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "garrison.toml").mkdir()
    with pytest.raises(PolicyFileUnreadable, match="not a plain file"):
        load(None, {}, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads every file")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.chmod(0)
    with pytest.raises(PolicyFileUnreadable, match="cannot be read"):
        load(path, {})
