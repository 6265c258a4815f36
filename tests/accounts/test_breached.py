"""The filter of breached passwords: never misses, rarely wrong, and notices when its file is not what was written."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from garrison.accounts.breached import BreachFilter, BreachFilterUnreadable, build_filter
from tests.contracts.hands import Hands

NORMAL = "Caf\u00e9 au lait"


def build(folder: Path, lines: str | bytes, **options: float) -> BreachFilter:
    source = folder / "list"
    source.write_bytes(lines.encode() if isinstance(lines, str) else lines)
    build_filter(source, folder / "filter", clock=Hands(1000.0).clock, **options)
    return BreachFilter.load(folder / "filter")


def test_every_listed_password_is_found_and_others_rarely(tmp_path: Path) -> None:
    drawn = random.Random(1)
    listed = [f"{drawn.getrandbits(64):x}" for _ in range(3000)]
    found = build(tmp_path, "\n".join(listed), false_positives=0.01)
    assert all(password.encode() in found for password in listed)
    wrong = sum(f"{drawn.getrandbits(64):x}".encode() in found for _ in range(10_000))
    assert 0 < wrong < 200, "one in a hundred, give or take"
    assert found.info.error == pytest.approx(0.01, rel=0.2)
    assert (found.info.passwords, found.info.built) == (3000, 1000)


def test_a_million_passwords_would_take_less_than_two_megabytes(tmp_path: Path) -> None:
    found = build(tmp_path, "\n".join(map(str, range(2000))))
    assert found.info.size / 2000 * 1e6 < 2e6


def test_lists_of_hashes_and_of_texts_are_read_alike(tmp_path: Path) -> None:
    digest = hashlib.sha1(b"stolen one", usedforsecurity=False).hexdigest()
    other = hashlib.sha1(b"stolen two", usedforsecurity=False).hexdigest().upper()
    found = build(tmp_path, f"{digest}:37359195\r\n{other}\nstolen three\n\n{NORMAL}\n")
    for password in ("stolen one", "stolen two", "stolen three", NORMAL):
        assert password.encode() in found
    assert found.info.passwords == 4


def test_lines_that_no_password_can_be_are_left_out(tmp_path: Path) -> None:
    found = build(tmp_path, b"\xff\xfe broken\nfine\n" + b"x" * 5000 + b"\n")
    assert found.info.passwords == 1
    assert b"fine" in found


@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "other", "empty", "missing"])
def test_a_file_that_is_not_as_it_was_written_is_refused(damage: str, tmp_path: Path) -> None:
    build(tmp_path, "one\ntwo\n")
    path = tmp_path / "filter"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    damaged = {
        "flip": bytes(data), "cut": path.read_bytes()[:-1], "longer": path.read_bytes() + b"\0",
        "other": b"PK\x03\x04" + b"\0" * 100, "empty": b"",
    }  # fmt: skip
    path.unlink()
    if damage in damaged:
        path.write_bytes(damaged[damage])
    with pytest.raises(BreachFilterUnreadable, match="Build it again"):
        BreachFilter.load(path)


def test_an_empty_list_and_a_senseless_rate_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no password"):
        build(tmp_path, "\n\n")
    with pytest.raises(ValueError, match="false positives"):
        build(tmp_path, "one\n", false_positives=0.9)
