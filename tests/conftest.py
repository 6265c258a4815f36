"""Shared by the whole suite."""

from __future__ import annotations

from pathlib import Path

import pytest

ALONE = (
    "attacks/test_flood.py",
    "attacks/test_login.py",
    "attacks/test_store_failure.py",
    "edge/test_slow_clients.py",
    "load/",
    "serve/test_slow.py",
)
"""Tests that drive real load or compare times: `make test` runs them first, one after the other, and nothing beside."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix().startswith(ALONE):
            item.add_marker(pytest.mark.alone)
