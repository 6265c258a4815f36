"""A running site for each test, hardened; and the settings it was made from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from examples.notes import Settings, hardened

from .site import Site, running


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events and keys go to the test's own folder."""
    monkeypatch.setenv("GARRISON_STATE", str(tmp_path / "garrison"))
    monkeypatch.setenv("GARRISON_EVENTS__OUTPUT", "none")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        environment="development",
        data=tmp_path / "data",
        seed=True,
        attachment_bytes=2000,
        allow_insecure_fast_hash=True,
    )


@pytest.fixture
async def site(settings: Settings, environ: None) -> AsyncIterator[Site]:
    app = hardened(settings)
    async with running(app):
        yield Site(app, settings)
