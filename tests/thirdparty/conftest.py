"""Other people's applications, each in a process of its own, and the browser of `tests/browser`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from garrison.serve.devca import DevCA
from tests.browser.conftest import browser, ca, chromium, leaf, options, visitor, watch
from tests.browser.serving import Site, Written

__all__ = ["browser", "ca", "chromium", "leaf", "options", "visitor", "watch"]
_STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Running:
    """An application on a server, and Garrison's events if it is guarded."""

    site: Site
    events: Written


Launch = Callable[..., Running]


@pytest.fixture(scope="module")
def launch(ca: DevCA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """Start an application: `launch("datasette")` bare, `launch("datasette", {})` behind the preset `compat` with
    changes to the policy. Asked twice for the same, it gives the one that runs."""
    running: dict[str, Running] = {}
    processes: list[subprocess.Popen[str]] = []

    def start(name: str, policy: dict[str, Any] | None = None) -> Running:
        words = "bare" if policy is None else json.dumps(policy)
        if (known := running.get(name + words)) is None:
            folder = tmp_path_factory.mktemp(name)
            command = [sys.executable, "-m", "tests.thirdparty.apps", name, str(folder), str(ca.folder), words]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes.append(process)
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, f"{name} did not start"
            known = running[name + words] = Running(Site(json.loads(first)["port"]), Written(folder / "events.jsonl"))
        return known

    yield start
    for process in processes:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()  # asks it to stop
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_SECONDS)
    process.stdout.close()
