"""A missing program is a skip with a reason for a developer, and a failure in CI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import components


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with nothing on its PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    components.find.cache_clear()
    yield tmp_path
    components.find.cache_clear()


def install(path: Path, name: str, status: int = 0) -> Path:
    program = path / name
    program.write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_a_component_that_is_there_is_returned_as_a_path(path: Path) -> None:
    program = install(path, "wrk")
    assert components.need("wrk") == str(program)


def test_another_name_of_the_same_program_will_do(path: Path) -> None:
    program = install(path, "google-chrome")
    assert components.need("chromium") == str(program)


def test_a_missing_component_skips_with_the_remedy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"wrk is missing.*apt install wrk"):
        components.need("wrk")


@pytest.mark.parametrize("value", ["1", "true", "True"])
def test_a_missing_component_fails_in_ci(path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.fail.Exception, match="wrk is missing"):
        components.need("wrk")


def test_a_program_that_is_installed_but_does_not_work_is_missing(path: Path) -> None:
    install(path, "docker", status=1)
    assert components.find("docker") is None
    components.find.cache_clear()
    install(path, "docker", status=0)
    assert components.find("docker")


def test_a_misspelt_component_is_an_error_and_never_a_skip(path: Path) -> None:
    with pytest.raises(LookupError, match="chromum"):
        components.need("chromum")
