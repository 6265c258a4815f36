"""The suite's own rule for tests that fail once: decision 12."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UNSTEADY = """
import pytest
TRIED = set()
@pytest.mark.parametrize("n", range({count}))
def test_unsteady(n):
    first = n not in TRIED
    TRIED.add(n)
    assert not first, "late this once"
"""


def run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(text)
    words = ("-q", "-c", ROOT / "pyproject.toml", "--rootdir", folder, "-p", "tests.conftest", folder)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_a_test_gets_one_more_try_and_is_named_with_its_failure(tmp_path: Path) -> None:
    ended = run(tmp_path, UNSTEADY.format(count=1))
    assert (ended.returncode, "1 passed, 1 rerun" in ended.stdout) == (0, True), ended.stdout + ended.stderr
    assert "RERUN" in ended.stdout
    assert "late this once" in ended.stdout


ALWAYS = "def test_wrong():\n    assert False\n"


@pytest.mark.parametrize("text", [ALWAYS, UNSTEADY.format(count=5)], ids=["fails again", "more than a few"])
def test_no_more_than_that_is_forgiven(tmp_path: Path, text: str) -> None:
    assert run(tmp_path, text).returncode == 1
