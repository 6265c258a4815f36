"""The scanners of others for tests: installed once into `.tools/scan` of the work tree, as a user would."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from garrison.scan import toolbox
from tests.support.components import in_ci

NEEDED = ("bandit", "detect-secrets", "ruff", "zizmor")
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def installed(*names: str) -> Iterator[Path]:
    """The folder with those scanners, which is the one in force; a skip with its reason where they can't be had, a
    failure in CI."""
    folder = (Path(os.environ.get("GARRISON_TOOLS") or ROOT / ".tools") / "scan").absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GARRISON_TOOLS", str(folder))
        patch.setenv(
            "PATH", str(Path(sys.executable).parent), prepend=os.pathsep
        )  # for uv, which is many times quicker
        try:
            for name in names:
                toolbox.install(toolbox.tool(name))
        except toolbox.InstallFailed as error:
            (pytest.fail if in_ci() else pytest.skip)(str(error))
        yield folder


@pytest.fixture(scope="session")
def own_tools() -> Path:
    """The folder with the scanners that are needed most."""
    with installed(*NEEDED) as folder:
        return folder
