"""Every command runs in an empty folder of its own, with an environment that is put back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Here


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """An empty working directory to run commands in."""
    saved, modules, path = dict(os.environ), set(sys.modules), list(sys.path)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("GARRISON_")]:
        del os.environ[name]
    os.environ |= {"COLUMNS": "120", "NO_COLOR": "1", "GARRISON_DEVCA_DIR": str(tmp_path / "ca")}
    yield Here(folder)
    os.environ.clear()
    os.environ.update(saved)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
