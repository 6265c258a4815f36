"""atheris looks for a document or form that the guards of the body layer judge in two ways, for a few seconds a run.

By hand, for longer: `python -m scripts.fuzz_bodies json -max_total_time=600`.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 10


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not built for this version of Python")
@pytest.mark.parametrize("target", ["json", "multipart"])
def test_a_fuzzer_finds_nothing_that_is_read_in_two_ways(target: str, tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "scripts.fuzz_bodies",
        target,
        f"-max_total_time={SECONDS}",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done " in done.stderr, "it ran to the end"
