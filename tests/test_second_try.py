"""The suite's own rule for tests that a busy machine may fail once: decision 12."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNSTEADY = """
import pytest
TRIED = set()
@pytest.mark.server
@pytest.mark.parametrize("n", range({count}))
def test_with_a_process(n):
    first = n not in TRIED
    TRIED.add(n)
    assert not first, "late this once"
"""
PURE = UNSTEADY.replace("@pytest.mark.server\n", "")


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(text)
    words = ("-q", "-c", ROOT / "pyproject.toml", "--rootdir", folder, "-p", "tests.conftest", folder)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_a_test_with_a_process_gets_one_more_try_and_is_named_with_its_failure(tmp_path: Path) -> None:
    ended = run(tmp_path, UNSTEADY.format(count=1))
    assert (ended.returncode, "1 passed, 1 rerun" in ended.stdout) == (0, True), ended.stdout + ended.stderr
    assert "RERUN" in ended.stdout
    assert "late this once" in ended.stdout


@pytest.mark.parametrize("text", [PURE.format(count=1), UNSTEADY.format(count=5)], ids=["pure code", "more than a few"])
def test_nothing_else_does(tmp_path: Path, text: str) -> None:
    assert run(tmp_path, text).returncode == 1
